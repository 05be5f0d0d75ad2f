"""One camera's decoder at work: a thread that takes encoded pictures and puts decoded ones where the window finds them.

Who runs what: the link's thread calls ``put``; the GUI thread ``restart``, ``take`` and ``close``; the worker decodes.
None of them waits for another but the worker, for work.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from evertape.errors import EvertapeError
from evertape.media.view.stepper import DecodingError, Stepped, Stepper
from evertape.types import NS_PER_MS
from evertape_desktop.playback.terms import Edge, Encoded, Hole, Mode, Shown

log = logging.getLogger(__name__)

_QUEUED = 96
"""Encoded pictures that wait for the decoder."""
_DECODED_BYTES = 48 << 20
_LEAST, _MOST = 4, 24
"""Decoded pictures that wait to be shown."""
_PULL_NS = 10 * NS_PER_MS
_IDLE_S = 0.2
_STEP = 40 * NS_PER_MS
"""Between the places of pictures in a decoder: they rise whatever time does."""

Done = Shown | Hole | Edge


class Work:
    """See the module.

    Args:
        name: of the camera, for the log and the thread.
        came: called on the worker's thread when there is something new to take.
    """

    def __init__(self, name: str, came: Callable[[], None]) -> None:
        self.name = name
        self._came = came
        self._changed = threading.Condition()
        self._encoded: deque[Encoded | Hole | Edge] = deque()
        self._done: deque[Done] = deque()
        self._number = 0
        """Of the run: what belongs to an earlier one is thrown away."""
        self._is_keys = False
        self._size: tuple[int, int] | None = None
        self._limit = _LEAST
        self._elsewhere = 0
        self._needs_key = False
        self._closing = False
        self._room: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._problem = ""
        self._in_decoder: dict[int, Encoded] = {}
        self._place = 0
        self._base: int | None = None
        self._thread = threading.Thread(target=self._main, name=f"evertape playback {name}", daemon=True)
        self._thread.start()

    # -- the GUI thread -------------------------------------------------------------------------------------

    def restart(self, mode: Mode, size: tuple[int, int] | None) -> int:
        """Forget everything; what is put from now on carries the number that this returns."""
        with self._changed:
            self._number += 1
            self._encoded.clear()
            self._done.clear()
            self._elsewhere = 0
            self._is_keys = mode is not Mode.ALL
            self._size = size
            self._problem = ""
            self._changed.notify_all()
            self._tell_room()
            return self._number

    def take(self, holding: int) -> list[Done]:
        """What is ready, in order; the worker goes by how many the caller has that are not shown yet, ``holding``."""
        with self._changed:
            found = list(self._done)
            self._done.clear()
            if found or holding < self._elsewhere:
                self._changed.notify_all()
            self._elsewhere = holding + len(found)
        return found

    @property
    def problem(self) -> str:
        """Why it cannot decode; empty: it can."""
        with self._changed:
            return self._problem

    def end(self) -> None:
        """End the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._tell_room()

    @property
    def has_ended(self) -> bool:
        """The thread is over."""
        return not self._thread.is_alive()

    def close(self) -> None:
        """End the thread and wait for it."""
        self.end()
        self._thread.join(5)

    # -- the link's thread ----------------------------------------------------------------------------------

    async def put(self, number: int, item: Encoded | Hole | Edge) -> bool:
        """Give it something to decode or to say; waits while it has enough. False: nobody wants it any more."""
        while True:
            with self._changed:
                if self._closing or number != self._number:
                    return False
                if len(self._encoded) < _QUEUED:
                    self._encoded.append(item)
                    self._changed.notify_all()
                    return True
                event = asyncio.Event()
                self._room = (asyncio.get_running_loop(), event)
            await event.wait()

    def _tell_room(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            with contextlib.suppress(RuntimeError):  # the link has been closed
                room[0].call_soon_threadsafe(room[1].set)

    # -- the worker -----------------------------------------------------------------------------------------

    def _main(self) -> None:
        stepper, number = Stepper(), 0
        try:
            while True:
                with self._changed:
                    if self._closing:
                        return
                    if number != self._number:
                        number, stepper = self._begin(stepper)
                    if self._is_full() or not (self._encoded or self._in_decoder):
                        self._changed.wait(_IDLE_S)
                        continue
                try:
                    self._turn(stepper, number)
                except DecodingError as error:
                    log.warning("[PLAYBACK] %s: %s", self.name, error)
                    self._in_decoder.clear()
                    self._needs_key = True
                except EvertapeError as error:
                    self._fail(stepper, number, str(error))
        except Exception:
            # The thread's edge.
            log.exception("[PLAYBACK] %s: the decoder's thread ended by a mistake of Evertape's own", self.name)
            self._fail(stepper, number, "this is a mistake in Evertape; the log has the details")
        finally:
            stepper.close()

    def _begin(self, stepper: Stepper) -> tuple[int, Stepper]:
        """A new run; with the lock held."""
        stepper.flush()
        stepper.size = self._size
        self._in_decoder.clear()
        self._place, self._base, self._needs_key = 0, None, False
        return self._number, stepper

    def _is_full(self) -> bool:
        return len(self._done) + self._elsewhere >= self._limit

    def _turn(self, stepper: Stepper, number: int) -> None:
        while stepper.wants and (item := self._next(number)) is not None:
            if isinstance(item, Encoded):
                self._push(stepper, item)
            else:
                if isinstance(item, Hole):
                    self._finish(stepper, number)
                self._tell(number, item)
                return
        picture = stepper.pull(_PULL_NS if not stepper.is_idle else _PULL_NS * 3)
        if picture is not None:
            self._tell_picture(number, picture)
        elif stepper.is_idle and not self._encoded:
            with self._changed:
                # What a decoder holds back to reorder comes when the next one is pushed.
                if not self._encoded and number == self._number and not self._closing:
                    self._changed.wait(_IDLE_S)

    def _next(self, number: int) -> Encoded | Hole | Edge | None:
        with self._changed:
            # What another run has put meanwhile is for that run's decoder.
            if not self._encoded or number != self._number:
                return None
            if isinstance(self._encoded[0], Edge) and len(self._encoded) > 1:
                self._encoded.popleft()  # it is over already
            item = self._encoded.popleft()
            if len(self._encoded) < _QUEUED // 2:
                self._tell_room()
            return item

    def _push(self, stepper: Stepper, item: Encoded) -> None:
        if self._needs_key and not item.key:
            return
        self._needs_key = False
        if self._is_keys:
            self._place += _STEP
            place = self._place
        else:
            if self._base is None:
                self._base = item.utc - 16 * _STEP
            place = max(0, item.utc - self._base)
        if not item.hidden:
            self._in_decoder[place] = item
        stepper.push(item.video, place, item.key, item.data, hidden=item.hidden)

    def _finish(self, stepper: Stepper, number: int) -> None:
        """Have the decoder give out what it holds back."""
        stepper.drain()
        while not stepper.has_drained:
            picture = stepper.pull(_PULL_NS)
            if picture is not None:
                self._tell_picture(number, picture)
            with self._changed:
                if self._closing or number != self._number:
                    return

    def _tell_picture(self, number: int, picture: Stepped) -> None:
        item = self._in_decoder.pop(picture.place, None)
        for place in [place for place in self._in_decoder if place < picture.place]:
            del self._in_decoder[place]  # the decoder left it out
        if item is not None:
            self._limit_by(len(picture.data))
            bare = replace(item, hidden=False)
            self._tell(number, Shown(bare, picture.data, picture.width, picture.height))

    def _limit_by(self, size: int) -> None:
        with self._changed:
            self._limit = max(_LEAST, min(_MOST, _DECODED_BYTES // max(1, size)))

    def _tell(self, number: int, done: Done) -> None:
        with self._changed:
            if number != self._number:
                return
            self._done.append(done)
        self._came()

    def _fail(self, stepper: Stepper, number: int, text: str) -> None:
        stepper.flush()
        with self._changed:
            if number != self._number:
                return
            self._problem = text
            self._encoded.clear()
            self._tell_room()
        self._came()
