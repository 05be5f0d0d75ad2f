"""When to show the fallback and when the camera's picture again. Pure: the clock is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from evertape.types import NS_PER_MS

GRACE_NS = 500 * NS_PER_MS
"""A source that is known to be gone may be back within this; one that stands still for so long misleads nobody."""


class Showing(StrEnum):
    """What is on the screen."""

    NOTHING_YET = "nothing_yet"
    """The fallback, because no picture has come so far and nothing has failed."""
    PRIMARY = "primary"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class ShowFallback:
    """Show it. ``still_ns``: how long the picture had stood still, or had been waited for."""

    reason: str
    still_ns: int


@dataclass(frozen=True, slots=True)
class ShowPrimary:
    """A picture is there. ``outage_ns``: since the one before; ``None`` if the fallback was never announced."""

    outage_ns: int | None
    first: bool


Verdict = ShowFallback | ShowPrimary


class FallbackDecision:
    """See the module.

    Args:
        timeout_ns: how long the picture may stand still.
        now_ns: boot-time clock at the start.
    """

    def __init__(self, timeout_ns: int, now_ns: int) -> None:
        self._timeout_ns = timeout_ns
        self._last_ns = now_ns
        self._lost_ns: int | None = None
        self._reason = ""
        self._seen = False
        self.showing = Showing.NOTHING_YET

    @property
    def still_since_ns(self) -> int:
        """Boot-time clock of the last picture, or of the start."""
        return self._last_ns

    def picture(self, now_ns: int) -> ShowPrimary | None:
        """The decoder gave one."""
        outage = now_ns - self._last_ns
        first, self._seen = not self._seen, True
        was, self.showing = self.showing, Showing.PRIMARY
        self._last_ns = now_ns  # even if it only came out late: whether the source is there is the source's to say
        if was is Showing.PRIMARY:
            return None
        return ShowPrimary(outage if was is Showing.FALLBACK else None, first)

    def source(self, flowing: bool, reason: str, now_ns: int) -> None:
        """The source said whether pictures are to be expected."""
        if flowing:
            self._lost_ns = None
        elif self._lost_ns is None:
            self._lost_ns, self._reason = now_ns, reason
        else:
            self._reason = reason or self._reason

    def force(self, now_ns: int) -> ShowFallback | None:
        """Somebody else decided to show the fallback; ``None`` if that is no news, or only the start."""
        if self.showing is not Showing.PRIMARY:
            return None
        self.showing = Showing.FALLBACK
        return ShowFallback(self._reason if self._lost_ns is not None else "no picture", now_ns - self._last_ns)

    def tick(self, now_ns: int) -> ShowFallback | None:
        """Time has passed."""
        if self.showing is Showing.FALLBACK:
            return None
        still = now_ns - self._last_ns
        known = self._lost_ns is not None and now_ns - self._lost_ns >= GRACE_NS and still >= GRACE_NS
        if not known and still < self._timeout_ns:
            return None
        self.showing = Showing.FALLBACK
        return ShowFallback(self._reason if known else "no picture", still)
