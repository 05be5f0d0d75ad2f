"""Asks a camera that is away for ``OPTIONS`` until it answers: ``media.rtsp.asking`` in the owner's loop.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from evertape.clock import Clock
from evertape.media.rtsp.asking import SPREAD_S, Asking
from evertape.types import NS_PER_S


class AnswerProbe:
    """One camera's probe.

    Args:
        url: of the stream; credentials in it are not sent.
        clock: for the probe's deadline.
        result: called per question with ``(answered, certain)``; ``certain`` means the port is closed or
            the host unreachable.
    """

    def __init__(self, url: str, clock: Clock, result: Callable[[bool, bool], None]) -> None:
        self._url = url
        self._clock = clock
        self._result = result
        self._loop = asyncio.get_running_loop()
        self.public: str | None = None
        """What the camera that has just answered offers; for whoever is told of the answer."""
        self._asking: Asking | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Ask almost at once; see ``SPREAD_S``."""
        self._asking = Asking(self._url, self._clock, int(random.uniform(0.0, SPREAD_S) * NS_PER_S))
        self._schedule(self._asking)

    def stop(self) -> None:
        """Stop asking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._asking is not None:
            self._asking.close()
            self._asking = None

    def _schedule(self, asking: Asking) -> None:
        left_s = (asking.due_ns - self._clock.boot_ns()) / NS_PER_S
        self._timer = self._loop.call_later(max(0.0, left_s), self._poll)

    def _poll(self) -> None:
        asking, self._timer = self._asking, None
        if asking is None:
            return
        try:
            for answer in asking.poll():
                self.public = answer.public
                self._result(answer.answered, answer.certain)
                if self._asking is not asking:
                    return  # the result ended the wait
        finally:
            # A mistake is the loop's to tell; the camera is asked again whatever it was.
            if self._asking is asking and self._timer is None:
                self._schedule(asking)
