"""Asks a camera that is away for RTSP ``OPTIONS`` until it answers. No loop of its own: whoever owns it polls.

A frozen server still accepts TCP connections (six of six, measured), so connecting proves nothing; an
answer does. While connecting fails or hangs, a new question goes out every half second: one asked just before the
camera came up would otherwise cost its whole second. A question that was taken is waited for, because more of them
would only wait in the same queue. Threads: the owner's only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evertape.clock import Clock
from evertape.domain.failure import FailureKind
from evertape.media.rtsp.options_probe import OptionsProbe, ProbeState
from evertape.types import NS_PER_MS, NS_PER_S

INTERVAL_NS = NS_PER_S // 2
PRESENT_NS = NS_PER_S
"""With the session attempt a second at most, and its own ``OPTIONS``, a camera sees two in a second."""
SPREAD_S = 0.1
"""The first question is put off by up to this: sixty-four cameras that lost power together are away together."""

_POLL_NS = 20 * NS_PER_MS
_CERTAIN = frozenset((FailureKind.REFUSED, FailureKind.UNREACHABLE))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question.

    Args:
        answered: with any status.
        certain: the port is closed or the host unreachable, not merely slow to answer.
        public: what the camera offers, if it said so.
    """

    answered: bool
    certain: bool = False
    public: str | None = None


class Asking:
    """See the module.

    Args:
        url: of the stream; credentials in it are not sent.
        clock: for intervals and deadlines.
        delay_ns: before the first question.
        make: makes a question; for tests.
    """

    def __init__(
        self, url: str, clock: Clock, delay_ns: int = 0, make: Callable[[str, Clock], OptionsProbe] = OptionsProbe
    ) -> None:
        self._url = url
        self._clock = clock
        self._make = make
        self._asked: list[OptionsProbe] = []
        self._last_ask = 0
        self._ask_at = clock.boot_ns() + delay_ns

    @property
    def due_ns(self) -> int:
        """Boot-time clock: when ``poll`` has something to do."""
        return min(self._ask_at, self._clock.boot_ns() + _POLL_NS) if self._asked else self._ask_at

    def poll(self) -> list[Answer]:
        """Go on as far as possible; never blocks. The answers that came, in their order."""
        now = self._clock.boot_ns()
        if now >= self._ask_at:
            self._ask(now)
        found: list[Answer] = []
        for probe in list(self._asked):
            if probe not in self._asked:
                continue
            state = probe.poll()
            if probe.asked:
                self._only(probe)
            if state is not ProbeState.PENDING:
                self._asked.remove(probe)
                probe.close()
                self._next_after(probe, state)
                certain = probe.failure is not None and probe.failure[0] in _CERTAIN
                found.append(Answer(state is ProbeState.ANSWERED, certain, probe.public))
        return found

    def close(self) -> None:
        """Stop asking. Idempotent."""
        for probe in self._asked:
            probe.close()
        self._asked.clear()

    def _ask(self, now: int) -> None:
        self._ask_at = now + INTERVAL_NS
        if any(probe.asked for probe in self._asked):
            return
        self._last_ask = now
        probe = self._make(self._url, self._clock)
        self._asked.append(probe)
        probe.start()
        if probe.asked:
            self._only(probe)

    def _next_after(self, probe: OptionsProbe, state: ProbeState) -> None:
        # Not a moment without a question, but never two within the interval; and of a camera that answers, while
        # something else is wrong, only whether it still does.
        if probe.asked:
            self._ask_at = self._last_ask + (PRESENT_NS if state is ProbeState.ANSWERED else INTERVAL_NS)

    def _only(self, taken: OptionsProbe) -> None:
        """One question was taken; those that still try to connect would put the same one."""
        for probe in self._asked:
            if probe is not taken:
                probe.close()
        self._asked = [taken]
