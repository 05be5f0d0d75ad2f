"""How long to wait before trying again. Pure: chance is handed in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from evertape.types import NS_PER_S, DurationNs

BASE = DurationNs(5 * NS_PER_S)
CAP = DurationNs(60 * NS_PER_S)


class Rng(Protocol):
    """Where chance comes from; ``random.Random`` is one."""

    def random(self) -> float:
        """A number in [0, 1)."""


@dataclass(frozen=True, slots=True)
class ExponentialBackoff:
    """Waits that grow from ``base`` by ``factor`` up to ``cap``: 5, 10, 20, 40, 60, 60 s by default.

    With ``jitter`` each wait is drawn evenly from (0, that length] ("full jitter"): of the usual kinds it
    spreads many clients that failed together the most, and cameras that lost power do fail together.

    Args:
        base: the first wait, in nanoseconds.
        cap: the longest wait, in nanoseconds.
        factor: at least 1.
        jitter: draw the wait instead of taking its full length.
        max_retries: from the attempt after this one on, the length is ``cap``, whatever the growth.

    Raises:
        ValueError: a length that is not positive, or a factor below 1.
    """

    base: DurationNs = BASE
    cap: DurationNs = CAP
    factor: float = 2.0
    jitter: bool = True
    max_retries: int = 10

    def __post_init__(self) -> None:
        if self.base <= 0 or self.cap <= 0 or not self.factor >= 1.0 or self.max_retries < 0:
            raise ValueError(f"no backoff works like this: {self}")

    def ceiling(self, attempt: int) -> DurationNs:
        """The longest wait before ``attempt`` (1 is the first retry)."""
        if attempt < 1:
            raise ValueError("attempts count from 1")
        if self.exhausted(attempt):
            return self.cap
        # By logarithms, because factor ** attempt leaves the range of floats after some thousand attempts.
        growth = (attempt - 1) * math.log(self.factor)
        if growth >= math.log(self.cap) - math.log(self.base):
            return self.cap
        return DurationNs(min(self.cap, round(self.base * self.factor ** (attempt - 1))))

    def delay(self, attempt: int, rng: Rng) -> DurationNs:
        """The wait before ``attempt``: with jitter in (0, ``ceiling(attempt)``], without it exactly that."""
        ceiling = self.ceiling(attempt)
        return DurationNs(max(1, round(ceiling * (1.0 - rng.random())))) if self.jitter else ceiling

    def exhausted(self, attempt: int) -> bool:
        """``attempt`` is one more than ``max_retries``."""
        return attempt > self.max_retries
