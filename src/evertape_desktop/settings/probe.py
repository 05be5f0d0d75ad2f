"""Looking at a camera before it is saved: a button, what is found, and a way to end it. GUI thread only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from evertape_desktop import words
from evertape_desktop.backend.problem import Problem
from evertape_desktop.backend.reply import Reply
from evertape_desktop.context import Context
from evertape_desktop.settings.note import Note, Tone


class ProbePanel(QWidget):
    """See the module.

    Args:
        context: what every part of the window shares.
        login: gives what to look at, as the API wants it; ``None``: nothing can be looked at yet.
    """

    probed = Signal(bool)
    """It was looked at: whether it sends pictures."""

    def __init__(
        self, context: Context, login: Callable[[], dict[str, Any] | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._context, self._login = context, login
        self._reply: Reply | None = None
        self.look = QPushButton(self.tr("Probe"), self)
        self.look.setObjectName("probe")
        self.look.setToolTip(self.tr("Look at the camera for a few seconds; nothing is saved"))
        self.look.setAutoDefault(False)
        self.end = QPushButton(self.tr("Stop"), self)
        self.end.setObjectName("probe_end")
        self.end.setAccessibleName(self.tr("Stop looking at the camera"))
        self.end.setAutoDefault(False)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Looking at the camera"))
        self.found = Note("", Tone.GOOD, self, small=False)
        self.found.setObjectName("probe_found")
        self.notices = Note("", Tone.WARN, self)
        self.notices.setObjectName("probe_notices")
        line = QHBoxLayout()
        line.addWidget(self.look)
        line.addWidget(self.bar, 1)
        line.addWidget(self.end)
        line.addStretch(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(line)
        column.addWidget(self.found)
        column.addWidget(self.notices)
        self.look.clicked.connect(self.start)
        self.end.clicked.connect(self.stop)
        self._show_busy(False)

    def start(self) -> None:
        """Look at it."""
        asked = self._login()
        if asked is None or self._reply is not None:
            return
        self._show_busy(True)
        self.found.say(self.tr("Looking at the camera; one that does not answer takes up to 45 seconds …"), Tone.HELP)
        self.notices.say("")
        self._reply = self._context.backend.post("/cameras/probe", asked)
        self._reply.then(self._on_found, self._on_failed, owner=self)

    def stop(self) -> None:
        """Nobody wants to know any more."""
        if self._reply is not None:
            self._reply.cancel()
        self._over()
        self.found.say("")

    def clear(self) -> None:
        """What was found was of another camera."""
        self.stop()
        self.notices.say("")

    def _over(self) -> None:
        self._reply = None
        self._show_busy(False)

    def _show_busy(self, busy: bool) -> None:
        self.look.setEnabled(not busy)
        self.bar.setVisible(busy)
        self.end.setVisible(busy)

    def _on_found(self, answer: Mapping[str, Any]) -> None:
        self._over()
        if answer["ok"]:
            self.found.say(f"✓ {_facts(answer)}", Tone.GOOD)
        else:
            self._say_failed(str(answer.get("error", "")), str(answer.get("hint") or ""))
        texts = [str(one.get("text") or one.get("what") or "") for one in answer.get("notices") or ()]
        self.notices.say("\n".join(f"• {text}" for text in texts if text))
        self.probed.emit(bool(answer["ok"]))

    def _on_failed(self, problem: Problem) -> None:
        self._over()
        self._say_failed(problem.what, problem.hint)
        self.probed.emit(False)

    def _say_failed(self, what: str, hint: str) -> None:
        text = self.tr("It could not be looked at: {0}").format(what)
        self.found.say(f"{text}\n→ {hint}" if hint else text, Tone.BAD)


def _facts(found: Mapping[str, Any]) -> str:
    """``H264 1920×1080 · 25 fps · a keyframe every 2 s · 4.1 Mbit/s · sound: aac``."""
    parts = [f"{str(found.get('codec', '')).upper()} {found.get('width', 0)}×{found.get('height', 0)}"]
    if found.get("fps"):
        parts.append(f"{found['fps']:.3g} fps")
    if found.get("gop_s"):
        parts.append(QCoreApplication.translate("evertape", "a keyframe every {0} s").format(f"{found['gop_s']:.3g}"))
    if found.get("bit_rate"):
        parts.append(words.rate(found["bit_rate"]))
    audio = found.get("audio")
    if audio:
        parts.append(QCoreApplication.translate("evertape", "sound: {0}").format(audio.get("codec", "?")))
    else:
        parts.append(QCoreApplication.translate("evertape", "no sound"))
    return " · ".join(parts)
