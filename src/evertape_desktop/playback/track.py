"""One camera of the player: what is fetched, decoded and near the clock. GUI thread; the work is done on two others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.problem import Problem
from evertape_desktop.backend.reply import Reply
from evertape_desktop.playback.decoding import Work
from evertape_desktop.playback.footage import Footage
from evertape_desktop.playback.reading import read
from evertape_desktop.playback.reel import Look, Reel
from evertape_desktop.playback.terms import Hole, Mode, Shown

_AGAIN_MS = 1500
_SOON_MS = 50
_GONE = 3


class Track(QObject):
    """See the module.

    Args:
        backend: the recorder.
        camera: its id.
        now: what time it is for the recorder, UTC ns.
    """

    changed = Signal()
    """Something came: a picture, a gap's cause, or a problem."""

    def __init__(self, backend: Backend, camera: str, now: Callable[[], int], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.camera = camera
        self.mode = Mode.ALL
        self.look = Look.WAITING
        self.gap: Any = None
        """While in a gap: the answer of ``GET /cameras/{camera}/at``, once it is there."""
        self.problem = ""
        self._backend = backend
        self._footage = Footage(backend.request, camera, now)
        self._reel = Reel()
        # From the worker's thread; queued, because this object lives on the GUI's.
        self._work = Work(camera, self._came.emit)
        self._came.connect(self.changed, Qt.ConnectionType.QueuedConnection)
        self._reading: Reply | None = None
        self._gap_of: Hole | None = None
        self._at = 0
        self._size: tuple[int, int] | None = None
        self._failures = 0
        self._is_forgetting = self._is_over = False
        self._again = QTimer(self, singleShot=True)
        self._again.timeout.connect(self._retry)

    _came = Signal()

    @property
    def shown(self) -> Shown | None:
        """The picture that is shown, or was the last one before a gap."""
        return self._reel.shown

    @property
    def hole(self) -> Hole | None:
        """The gap it is in, as far as is known."""
        return self._reel.hole

    def seek(self, at: int, mode: Mode, size: tuple[int, int] | None) -> None:
        """Show that instant, and go on from there; at once if it is at hand."""
        self._failures = 0
        if (
            mode is self.mode
            and size == self._size
            and not self._is_forgetting
            and not self.problem
            and self._reading
            and self._reel.has(at)
        ):
            self._reel.rewind(at)
            self.follow(at)
            return
        self._start(at, mode, size)

    def follow(self, at: int) -> Look:
        """Be where the clock is."""
        self._at = at
        self._reel.add(self._work.take(self._reel.waiting))
        if self._work.problem and not self.problem:
            self._fail(self._work.problem)
        self.look = self._reel.look(at)
        if self.look is Look.PICTURE:
            self._failures, self.problem = 0, ""
        if self.look is not Look.GAP:
            self.gap = self._gap_of = None
        elif self._reel.hole != self._gap_of:
            self._ask_why(at)
        return self.look

    @property
    def is_ready(self) -> bool:
        """The clock need not wait for it."""
        return self.look in (Look.PICTURE, Look.GAP) or bool(self.problem)

    def next_utc(self) -> int | None:
        """When the next picture is."""
        return self._reel.next_utc()

    def previous_utc(self) -> int | None:
        """When the picture before was, if it is still at hand."""
        return self._reel.previous_utc()

    def find(self, search: Callable[[Footage], Any]) -> Reply:
        """Have something looked up in what is known of the footage: ``search`` makes a coroutine."""
        return self._backend.do(search(self._footage))

    def forget(self) -> None:
        """What is known of the files may be wrong by now."""
        self._is_forgetting = True

    def end(self) -> None:
        """Let go; the decoder's thread ends in its own time."""
        if self._is_over:
            return
        self._is_over = True
        self._again.stop()
        self.changed.disconnect()
        if self._reading is not None:
            self._reading.cancel()
        self._work.end()

    @property
    def has_ended(self) -> bool:
        """So it did."""
        return self._work.has_ended

    def close(self) -> None:
        """Wait for it."""
        self._work.close()

    # -- inside ---------------------------------------------------------------------------------------------

    def _start(self, at: int, mode: Mode, size: tuple[int, int] | None) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._again.stop()
        self.mode, self._size, self._at = mode, size, at
        self.look, self.problem, self.gap, self._gap_of = Look.WAITING, "", None, None
        self._reel.restart(mode)
        number = self._work.restart(mode, size)
        forget, self._is_forgetting = self._is_forgetting, False
        self._reading = self._backend.do(self._read(number, at, mode, forget=forget))
        self._reading.then(lambda _: None, self._failed, owner=self)

    async def _read(self, number: int, at: int, mode: Mode, *, forget: bool) -> None:
        """On the link's thread."""
        if forget:
            self._footage.forget()
        async with aclosing(read(self._footage, at, mode)) as items:
            async for item in items:
                if not await self._work.put(number, item):
                    return

    def _failed(self, problem: Problem) -> None:
        self._failures += 1
        if problem.status == 404:
            # A file that is gone was known too long: footage comes home, and old footage goes.
            self._is_forgetting = True
            if self._failures <= _GONE:
                self._again.start(_SOON_MS)
                return
        self._fail(str(problem))

    def _fail(self, text: str) -> None:
        self.problem = text
        self._again.start(_AGAIN_MS)
        self.changed.emit()

    def _retry(self) -> None:
        failures = self._failures
        self._start(self._at, self.mode, self._size)
        self._failures = failures

    def _ask_why(self, at: int) -> None:
        self._gap_of = hole = self._reel.hole
        moment = at if hole is None or hole.start is None else max(at, hole.start)

        def told(answer: Any) -> None:
            if self._gap_of == hole:
                self.gap = answer
                self.changed.emit()

        self.find(lambda footage: footage.what(moment)).then(told, lambda _: None, owner=self)
