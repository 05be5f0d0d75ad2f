"""What is told of the place under the mouse on the time line. GUI thread only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from PySide6.QtCore import QObject, QPoint
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QToolTip, QWidget

from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.model import instant
from evertape_desktop.playback.gap_words import tip_of
from evertape_desktop.playback.spans import Span

_BESIDE = QPoint(8, 12)


class TimelineTips(QObject):
    """See the module.

    Args:
        backend: the recorder; its ledger says what was done about a gap.
        name_of: what a camera is called.
        zone: of the place.
        over: the time line.
    """

    def __init__(
        self, backend: Backend, name_of: Callable[[str], str], zone: Callable[[], tzinfo | None], over: QWidget
    ) -> None:
        super().__init__(over)
        self._backend = backend
        self._name_of = name_of
        self._zone = zone
        self._over = over
        self._now: tuple[str, Span | None] = ("", None)
        self.text = ""
        """What is told right now."""

    def show(self, camera: str, at: int, span: Span | None) -> None:
        """The mouse is there; an empty camera: it is nowhere."""
        if not camera:
            self._now, self.text = ("", None), ""
            QToolTip.hideText()
            return
        was, self._now = self._now, (camera, span)
        if was == self._now and self.text and span is not None and span.is_gap:
            return
        self._tell(tip_of(self._name_of(camera), at, span, self._zone()))
        if span is not None and span.is_gap:
            self._backend.get(
                "/ledger", camera=camera, start=instant(span.start), end=instant(span.end), on_purpose=True, limit=20
            ).then(lambda answer: self._explain(camera, at, span, answer), lambda _: None, owner=self)

    def _explain(self, camera: str, at: int, span: Span, answer: Any) -> None:
        entries = [one for one in answer["gaps"] if one["cause"] == span.cause]
        if entries and self._now == (camera, span):
            longest = max(entries, key=lambda one: one["seconds"])
            self._tell(tip_of(self._name_of(camera), at, span, self._zone(), longest))

    def _tell(self, text: str) -> None:
        self.text = text
        QToolTip.showText(QCursor.pos() + _BESIDE, text, self._over)
