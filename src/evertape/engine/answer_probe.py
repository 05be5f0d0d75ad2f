"""Asks a camera that is away for RTSP ``OPTIONS`` until it answers.

A frozen server still accepts TCP connections (six of six, measured), so connecting proves nothing; an
answer does. Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from evertape.clock import Clock
from evertape.domain.failure import FailureKind
from evertape.media.rtsp.options_probe import OptionsProbe, ProbeState

INTERVAL_S = 0.5
_POLL_S = 0.02


class AnswerProbe:
    """One camera's probe.

    Args:
        url: of the stream; credentials in it are not sent.
        clock: for the probe's deadline.
        result: called per attempt with ``(answered, certain)``; ``certain`` means the port is closed or
            the host unreachable.
    """

    def __init__(self, url: str, clock: Clock, result: Callable[[bool, bool], None]) -> None:
        self._url = url
        self._clock = clock
        self._result = result
        self._loop = asyncio.get_running_loop()
        self._probe: OptionsProbe | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def start(self) -> None:
        """Ask at once, but spread over the cameras: sixty-four that lost power together are away together."""
        self._timer = self._loop.call_later(random.uniform(0.0, 0.1), self._ask)

    def stop(self) -> None:
        """Stop asking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._probe is not None:
            self._probe.close()
            self._probe = None

    def _ask(self) -> None:
        self._next = self._loop.time() + INTERVAL_S
        self._probe = OptionsProbe(self._url, self._clock)
        self._probe.start()
        self._timer = self._loop.call_later(_POLL_S, self._poll)

    def _poll(self) -> None:
        probe = self._probe
        if probe is None:
            return
        outcome = probe.poll()
        if outcome is ProbeState.PENDING:
            self._timer = self._loop.call_later(_POLL_S, self._poll)
            return
        probe.close()
        self._probe = None
        self._timer = self._loop.call_later(max(0.0, self._next - self._loop.time()), self._ask)
        certain = probe.failure is not None and probe.failure[0] in (FailureKind.REFUSED, FailureKind.UNREACHABLE)
        self._result(outcome is ProbeState.ANSWERED, certain)
