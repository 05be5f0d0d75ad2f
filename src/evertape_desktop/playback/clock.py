"""The one clock that all cameras share: which instant is shown. Pure; who asks says what time it is."""

from __future__ import annotations

from dataclasses import dataclass

from evertape.types import NS_PER_S
from evertape_desktop.playback.terms import Mode

RATES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""How fast it goes; negative: backward."""
KEYS_FROM = 4.0
"""From this rate on only keyframes are shown: no eye sees more, and no small machine decodes more."""


def mode_of(rate: float, *, is_slow: bool = False) -> Mode:
    """Which pictures are shown at a rate.

    Args:
        rate: of ``RATES``, or negative.
        is_slow: decoding does not keep up.
    """
    if rate < 0:
        return Mode.BACK
    return Mode.KEYS if rate >= KEYS_FROM or (is_slow and rate > 0.5) else Mode.ALL


def faster(rate: float, direction: int) -> float:
    """The next rate in a direction, as J and L of a film editor: from standing still or the other way, the slowest."""
    if rate * direction <= 0:
        return float(direction)
    known = [one for one in RATES if one >= 1]
    now = abs(rate)
    return direction * next((one for one in known if one > now), known[-1])


@dataclass(slots=True)
class MasterClock:
    """See the module. Instants are UTC ns; ``now`` is monotonic ns.

    Args:
        start: the instant to begin with.
    """

    start: int
    rate: float = 1.0
    playing: bool = False
    held: bool = False
    """It would go on, and waits for a camera."""
    _since: int = 0

    def at(self, now: int) -> int:
        """The instant that is shown."""
        if not self.playing or self.held:
            return self.start
        return self.start + round((now - self._since) * self.rate)

    def seek(self, at: int, now: int) -> None:
        """Show that instant from now on."""
        self.start, self._since = at, now

    def play(self, now: int, rate: float | None = None) -> None:
        """Go on, at that rate."""
        self.seek(self.at(now), now)
        self.playing = True
        self.rate = self.rate if rate is None else rate

    def pause(self, now: int) -> None:
        """Stand still."""
        self.seek(self.at(now), now)
        self.playing = False
        self.held = False

    def hold(self, held: bool, now: int) -> None:
        """Wait, or go on."""
        if held != self.held:
            self.seek(self.at(now), now)
            self.held = held

    def confine(self, earliest: int, latest: int, now: int) -> bool:
        """Not beyond what there is; true if it was."""
        at = self.at(now)
        if earliest <= at <= latest:
            return False
        self.seek(min(max(at, earliest), latest), now)
        return True


WATCHED_NS = 2 * NS_PER_S
"""How long decoding is watched before it is judged."""
_SHARE = 5


class DecodingWatch:
    """Whether decoding is too slow: the clock is held for more than a fifth of the time."""

    def __init__(self) -> None:
        self._wanted = self._held = 0
        self._last: int | None = None

    def look(self, now: int, *, held: bool, is_judged: bool = True) -> bool:
        """It plays; true once it is too slow.

        Args:
            now: monotonic ns.
            held: the clock waits for pictures.
            is_judged: whether it is decoding's fault; if not, it is watched anew.
        """
        passed = 0 if self._last is None else now - self._last
        self._last = now
        if not is_judged:
            self._wanted = self._held = 0
            return False
        self._wanted += passed
        self._held += passed if held else 0
        if self._wanted < WATCHED_NS:
            return False
        is_slow = self._held * _SHARE > self._wanted
        self._wanted = self._held = 0
        return is_slow
