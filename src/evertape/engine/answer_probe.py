"""Asks a camera that is away for RTSP ``OPTIONS`` until it answers.

A frozen server still accepts TCP connections (six of six, measured), so connecting proves nothing; an
answer does. While connecting fails or hangs, a new question goes out every half second: one asked just before the
camera came up would otherwise cost its whole second. A question that was taken is waited for, because more of them
would only wait in the same queue. Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from evertape.clock import Clock
from evertape.domain.failure import FailureKind
from evertape.media.rtsp.options_probe import OptionsProbe, ProbeState

INTERVAL_S = 0.5
PRESENT_S = 1.0
"""With the session attempt a second at most, and its own ``OPTIONS``, a camera sees two in a second."""
_POLL_S = 0.02
_CERTAIN = frozenset((FailureKind.REFUSED, FailureKind.UNREACHABLE))


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
        self._asked: list[OptionsProbe] = []
        self._last_ask = 0.0
        self._ask_timer: asyncio.TimerHandle | None = None
        self._poll_timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Ask at once, but spread over the cameras: sixty-four that lost power together are away together."""
        self._ask_timer = self._loop.call_later(random.uniform(0.0, 0.1), self._ask)

    def stop(self) -> None:
        """Stop asking."""
        for timer in (self._ask_timer, self._poll_timer):
            if timer is not None:
                timer.cancel()
        self._ask_timer = self._poll_timer = None
        for probe in self._asked:
            probe.close()
        self._asked.clear()

    def _ask(self) -> None:
        self._ask_timer = self._loop.call_later(INTERVAL_S, self._ask)
        if any(probe.asked for probe in self._asked):
            return
        self._last_ask = self._loop.time()
        probe = OptionsProbe(self._url, self._clock)
        self._asked.append(probe)
        probe.start()
        if probe.asked:
            self._only(probe)
        if self._poll_timer is None:
            self._poll_timer = self._loop.call_later(_POLL_S, self._poll)

    def _only(self, taken: OptionsProbe) -> None:
        """One question was taken; those that still try to connect would put the same one."""
        for probe in self._asked:
            if probe is not taken:
                probe.close()
        self._asked = [taken]

    def _poll(self) -> None:
        self._poll_timer = None
        for probe in list(self._asked):
            if probe not in self._asked:
                continue
            state = probe.poll()
            if probe.asked:
                self._only(probe)
            if state is ProbeState.PENDING:
                continue
            self._asked.remove(probe)
            probe.close()
            certain = probe.failure is not None and probe.failure[0] in _CERTAIN
            self.public = probe.public
            self._result(state is ProbeState.ANSWERED, certain)
            if self._ask_timer is None:
                return  # the result ended the wait
            if probe.asked:
                # Not a moment without a question, but never two within the interval; and of a camera that
                # answers, while something else is wrong, only whether it still does.
                pause = PRESENT_S if state is ProbeState.ANSWERED else INTERVAL_S
                self._ask_timer.cancel()
                self._ask_timer = self._loop.call_at(self._last_ask + pause, self._ask)
        if self._asked:
            self._poll_timer = self._loop.call_later(_POLL_S, self._poll)
