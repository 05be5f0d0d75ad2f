"""The strip above all: hidden while all is well, loud while footage is in danger. GUI thread only."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QTimer
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.model import ServiceLook
from evertape_desktop.backend.problem import Connection
from evertape_desktop.recording.labels import attempt_text, headline, remedy, spare_headline
from evertape_desktop.recording.outlook import Absence, Loss, loss_of
from evertape_desktop.recording.pieces import Pick, bad, good, warn
from evertape_desktop.recording.storage_watch import StorageWatch
from evertape_desktop.theme import colours

GOOD_NEWS_S = 8.0
"""So long it says that all is well again."""
_TICK_MS = 1000


class StorageBanner(QFrame):
    """See the module.

    Args:
        backend: the recorder.
        parent: as for any widget.
    """

    def __init__(self, backend: Backend, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("storage_banner")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._backend = backend
        self._storage = StorageWatch(backend, self)
        self._absence = Absence()
        self._loss: Loss | None = None
        self._loss_at = 0.0
        self._good_until = 0.0
        self._good_text = ""
        self._pick: Pick = bad
        self._mark, self._head, self._detail, self._retry = (QLabel(self) for _ in range(4))
        self._lay_out()
        self._timer = QTimer(self, interval=_TICK_MS)
        self._timer.timeout.connect(self._show)
        self._storage.changed.connect(self._judge)
        backend.state_changed.connect(self._on_state)
        backend.connection_changed.connect(self._on_connection)
        self.hide()
        self._on_connection(backend.connection)
        self._judge()

    @property
    def headline(self) -> str:
        """What it says; empty while it says nothing."""
        return self._head.text() if not self.isHidden() else ""

    @property
    def detail(self) -> str:
        """The lines below."""
        return self._detail.text() if not self.isHidden() else ""

    @property
    def countdown(self) -> str:
        """``attempt 3/20 in 4 s``."""
        return self._retry.text() if not self.isHidden() else ""

    # -- what is heard --------------------------------------------------------------------------------------

    def _on_state(self, _look: ServiceLook) -> None:
        self._judge()

    def _on_connection(self, connection: Connection) -> None:
        self._absence.hear(connection, time.monotonic())
        self._show()

    def _judge(self) -> None:
        now = time.monotonic()
        before, self._loss = self._loss, loss_of(self._storage.volumes, self._backend.look)
        self._loss_at = now
        if before is not None and self._loss is None:
            volume = self._storage.book.volume(before.volume.name)
            if volume is not None and volume.usable:
                self._good_text = self._recovered(volume.name)
                self._good_until = now + GOOD_NEWS_S
        self._show()

    def _recovered(self, name: str) -> str:
        look = self._backend.look
        wanted = look is not None and any(c.recording is not None and c.recording.wanted for c in look.cameras)
        return (self.tr("Recording resumed on {0}") if wanted else self.tr("{0} can be used again")).format(name)

    # -- showing --------------------------------------------------------------------------------------------

    def _show(self) -> None:
        now = time.monotonic()
        lost_s = self._absence.lost_for(now)
        if lost_s is not None:
            self._say(
                bad,
                "⚠️",
                self.tr("No contact with the recorder for {0} s").format(int(lost_s)),
                self._backend.connection.text,
                self.tr("what is shown may be old"),
            )
        elif self._loss is not None:
            self._say_loss(self._loss, now)
        elif now < self._good_until:
            self._say(good, "✓", self._good_text, "", "")
        else:
            self.hide()
        waits = self._absence.since is not None or self._loss is not None or now < self._good_until
        if waits and not self._timer.isActive():
            self._timer.start()
        elif not waits:
            self._timer.stop()

    def _say_loss(self, loss: Loss, now: float) -> None:
        trouble = loss.volume.trouble
        if trouble is None:
            return
        due = None if loss.retry_in_s is None else max(0.0, loss.retry_in_s - (now - self._loss_at))
        info = loss.volume.info
        where = info.name if not info.path or info.path in info.reason else f"{info.name} ({info.path})"
        what = f"{where}: {info.reason}." if info.reason else f"{where}."
        self._say(
            bad if loss.is_bad else warn,
            "⚠️",
            spare_headline(trouble) if loss.is_spare else headline(trouble),
            f"{what} {self._meanwhile(loss, now)} {remedy(trouble)}",
            attempt_text(loss.attempt, loss.attempts, due),
        )

    def _meanwhile(self, loss: Loss, now: float) -> str:
        if loss.instead:
            return self.tr("Recording goes on with {0}.").format(loss.instead)
        if not loss.waiting:
            return self.tr("Recording goes on.")
        waited = int(loss.memory_s + now - self._loss_at)
        look = self._backend.look
        share = round(100 * look.ring.bytes / look.ring.budget) if look is not None and look.ring.budget else 0
        if not share:
            return self.tr("New footage waits in memory, {0} s so far.").format(waited)
        return self.tr("New footage waits in memory, {0} s so far; {1} % of the memory is used.").format(waited, share)

    def _say(self, pick: Pick, mark: str, head: str, detail: str, retry: str) -> None:
        self._mark.setText(mark)
        self._head.setText(head)
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))
        self._retry.setText(retry)
        self._retry.setVisible(bool(retry))
        self.setAccessibleName(head)
        if pick is not self._pick or self.isHidden():
            self._pick = pick
            self._paint()
        self.show()

    def _paint(self) -> None:
        """White on a strong colour in the light theme, dark on a bright one in the dark."""
        back = QColor(self._pick(colours()))
        text = QColor("#ffffff") if back.lightness() < 140 else QColor("#12151b")
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.Window, back)
        palette.setColor(QPalette.ColorRole.WindowText, text)
        if palette != self.palette():
            self.setPalette(palette)

    def _lay_out(self) -> None:
        self.setAutoFillBackground(True)
        self._head.setObjectName("banner_headline")
        self._detail.setObjectName("banner_detail")
        self._retry.setObjectName("banner_retry")
        font = self._head.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.15)
        self._head.setFont(font)
        self._mark.setFont(font)
        for label in (self._head, self._detail):
            label.setWordWrap(True)
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._head)
        words.addWidget(self._detail)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 7, 12, 7)
        row.setSpacing(10)
        row.addWidget(self._mark)
        row.addLayout(words, 1)
        row.addWidget(self._retry)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Light and dark change while it runs."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_retry"):
            self._paint()
