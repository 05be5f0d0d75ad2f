"""RTP time stamps made into one media time line. No input, no output.

RTP counts 32 bits and wraps (every 13 h at 90 kHz); cameras also jump, and only say when a picture is
shown (PTS), not when it is decoded (DTS).
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

from evertape.types import NS_PER_S

FORWARD_JUMP_NS = 10 * NS_PER_S
"""The RTP clock ran ahead of arrival by more than this between two units: it jumped."""

BACKWARD_JUMP_NS = 2 * NS_PER_S
"""Or fell back by this; B-pictures never go back by as much."""

EARLY_NS = 2 * NS_PER_S
"""A unit would have arrived by this before it was made: its time stamp is wrong, even if it is a smaller step."""

# A camera's crystal against ours.
_DRIFT_PPM = 200
# A depth nobody declared, learned from what comes; deeper than any camera's, so more is a jump.
_MAX_LEARNED_REORDER = 4
_DEFAULT_FRAME_NS = NS_PER_S // 25
# Pictures with one and the same time stamp: the two fields of one share it. More than so many are placed by arrival; if
# it goes on for so long, the camera has no time stamps.
_STANDS = 3
_STANDS_NS = NS_PER_S // 2
# Without time stamps, a distance from where pictures arrive is made up for over so many; beyond the second, at once.
_CATCH_UP = 25
_FAR_NS = 2 * NS_PER_S
# One tick of 90 kHz, rounded up, so that two DTS stay apart in an MP4 of that time scale.
MIN_STEP_NS = NS_PER_S // 90_000 + 1


class Placed(NamedTuple):
    """Where a unit is on the media time line; ``jump_ns`` is not 0 if the line had to be pinned down anew."""

    dts_ns: int
    pts_ns: int
    jump_ns: int


class RtpClock:
    """One track's RTP clock, unwrapped, on the media time line.

    Args:
        rate: ticks per second.
    """

    __slots__ = ("_base_ns", "_delay_ns", "_last", "_last_boot", "_rate", "_ticks")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._last = -1
        self._ticks = 0
        self._base_ns = 0
        self._delay_ns = 0
        self._last_boot = 0

    @property
    def started(self) -> bool:
        """Whether ``pin`` was called."""
        return self._last >= 0

    def pin(self, rtp: int, boot_ns: int, media_ns: int) -> None:
        """From here on ``rtp`` is at ``media_ns``."""
        self._last, self._ticks, self._base_ns, self._last_boot = rtp, 0, media_ns, boot_ns
        self._delay_ns = boot_ns - media_ns

    def shift(self, by_ns: int) -> None:
        """Move everything from now on by ``by_ns``."""
        self._base_ns += by_ns
        self._delay_ns -= by_ns

    def ahead_ns(self, rtp: int) -> int:
        """How far a time stamp is ahead of the last one; changes nothing."""
        return _signed(rtp - self._last) * NS_PER_S // self._rate

    def media_of(self, rtp: int) -> int:
        """Where a time stamp near the last one is; changes nothing."""
        return self._base_ns + (self._ticks + _signed(rtp - self._last)) * NS_PER_S // self._rate

    def advance(self, rtp: int, boot_ns: int, highest_ns: int) -> tuple[int, int]:
        """Take the next unit's time stamp.

        Args:
            rtp: its RTP time stamp.
            boot_ns: when it arrived.
            highest_ns: the highest media time so far, from which the line goes on after a jump.

        Returns:
            Its media time, and by how much the RTP clock jumped (0: it did not).
        """
        delta = _signed(rtp - self._last)
        step_ns = delta * NS_PER_S // self._rate
        arrived_ns = boot_ns - self._last_boot
        if not -BACKWARD_JUMP_NS <= step_ns <= EARLY_NS and self._jumps(step_ns, arrived_ns, boot_ns):
            self.pin(rtp, boot_ns, highest_ns + max(arrived_ns, MIN_STEP_NS))
            return self._base_ns, step_ns - arrived_ns or 1
        self._last, self._last_boot = rtp, boot_ns
        self._ticks += delta
        media_ns = self._base_ns + self._ticks * NS_PER_S // self._rate
        self._delay_ns = min(self._delay_ns + arrived_ns * _DRIFT_PPM // 1_000_000, boot_ns - media_ns)
        return media_ns, 0

    def _jumps(self, step_ns: int, arrived_ns: int, boot_ns: int) -> bool:
        """Whether a step beyond what is usual is a jump of the clock, rather than units that never came."""
        ahead_ns = step_ns - arrived_ns
        if step_ns < 0 or ahead_ns > FORWARD_JUMP_NS:
            return True
        if ahead_ns <= EARLY_NS:
            return False
        # After a stall that was caught up with, the newest units are as late as ever; none is earlier than the rest.
        last_ns = self._base_ns + self._ticks * NS_PER_S // self._rate
        return boot_ns - (last_ns + step_ns) < self._delay_ns - EARLY_NS


def _signed(difference: int) -> int:
    """A difference of 32-bit time stamps, taken the short way round."""
    return ((difference + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class VideoTimeline:
    """PTS and DTS of pictures in decoding order.

    DTS of picture n is the n-th smallest PTS, ``reorder`` pictures late: it needs no look-ahead, rises
    strictly, and is never after the PTS. The first DTS is 0.

    Args:
        rate: RTP ticks per second.
        reorder: how many pictures may be decoded before one that is shown earlier; ``None``: not
            declared, so none until the stream shows otherwise (the pictures by which it does get a
            PTS that is late by up to their distance).
        frame_ns: the declared duration of a picture, for the first ``reorder`` DTS.
        stamps_may_stand: pictures whose time stamps do not advance are placed by arrival.
    """

    def __init__(self, rate: int, reorder: int | None, frame_ns: int | None, *, stamps_may_stand: bool = True) -> None:
        self.clock = RtpClock(rate)
        self._learns = reorder is None
        self._reorder = reorder or 0
        self._frame_ns = frame_ns or _DEFAULT_FRAME_NS
        self._waiting: list[int] = []
        self._recent: list[int] = []
        self._last_dts = -MIN_STEP_NS
        self._highest = 0
        self._rtp = -1
        self._same = 0
        self._run = (0, 0)
        self._stands = False
        self._stamps_may_stand = stamps_may_stand

    @property
    def started(self) -> bool:
        """Whether the first unit was placed."""
        return self.clock.started

    @property
    def stands(self) -> bool:
        """The camera's time stamps do not advance at all; pictures are placed by their arrival."""
        return self._stands

    def declare(self, reorder: int | None, frame_ns: int | None) -> None:
        """What the parameter sets in force say; called again when they change."""
        self._learns = reorder is None
        self._reorder = reorder or 0
        self._waiting.clear()
        self._frame_ns = frame_ns or self._frame_ns

    def place(self, rtp: int, boot_ns: int) -> Placed:
        """Take the next unit in decoding order, which arrived at ``boot_ns``."""
        if not self.clock.started:
            self.clock.pin(rtp, boot_ns, self._reorder * self._frame_ns)
        self._same = self._same + 1 if rtp == self._rtp and self._stamps_may_stand else 0
        self._rtp = rtp
        self._stands = self._same >= _STANDS and boot_ns - self._run[0] >= _STANDS_NS
        if self._same >= _STANDS:
            pts, jump = self._by_arrival(rtp, boot_ns), 0
        else:
            pts, jump = self.clock.advance(rtp, boot_ns, max(self._highest, self._last_dts))
        if not self._same:
            self._run = (boot_ns, max(pts, self._highest))
        if self._learns and not jump and pts < self._highest:
            jump, pts = self._learn(rtp, boot_ns, pts)
        if jump:
            self._waiting.clear()
            self._recent.clear()
        self._highest = max(self._highest, pts)
        if self._learns:
            self._recent = [*self._recent[-_MAX_LEARNED_REORDER - 1 :], pts]
        dts = max(self._decoding_time(pts), self._last_dts + MIN_STEP_NS)
        self._last_dts = dts
        return Placed(dts, max(pts, dts), jump)

    def _decoding_time(self, pts: int) -> int:
        if not self._reorder:
            return pts
        heapq.heappush(self._waiting, pts)
        if len(self._waiting) > self._reorder:
            return heapq.heappop(self._waiting)
        if self._last_dts < 0:
            return 0
        # The first ones of all, after a jump, or while a deeper order is being learned.
        return min(self._waiting[0], self._last_dts + self._frame_ns)

    def _by_arrival(self, rtp: int, boot_ns: int) -> int:
        """Where a picture without a time stamp lies.

        Pictures arrive in batches, so each lies as far from the one before as they do in the mean, and all are drawn
        softly to where they arrive.
        """
        since_boot, since_media = self._run
        arrived = boot_ns - since_boot
        lag = arrived - (self._highest - since_media)
        usual = arrived // self._same if self._same >= _CATCH_UP else self._frame_ns
        # Never ahead of arrival: a burst takes no time.
        step = lag if lag > _FAR_NS else min(usual + lag // _CATCH_UP, lag)
        pts = self._highest + max(step, MIN_STEP_NS)
        # Where the stamps go on, time does from here.
        self.clock.pin(rtp, boot_ns, pts)
        return pts

    def _learn(self, rtp: int, boot_ns: int, pts: int) -> tuple[int, int]:
        """A picture that is shown before one that came earlier: B-pictures, or a small jump back."""
        later = sum(1 for other in self._recent if other > pts)
        if later <= _MAX_LEARNED_REORDER:
            self._reorder = max(self._reorder, later)
            return 0, pts
        media = self._highest + self._frame_ns
        self.clock.pin(rtp, boot_ns, media)
        return pts - media, media


class AudioTimeline:
    """Places audio frames on the video's line: by sender reports where both tracks have them, else by arrival.

    Args:
        rate: RTP ticks per second.
    """

    # Closer than this is exact enough for lips; farther away than the second is a jump, not a drift.
    _SLEW_PER_UNIT_NS = 100_000
    _STEP_NS = NS_PER_S // 5
    # Arrival comes in batches, so it says where audio is only roughly.
    _ARRIVAL_STEP_NS = 2 * NS_PER_S

    def __init__(self, rate: int) -> None:
        self.clock = RtpClock(rate)
        self._rate = rate
        self._last = -MIN_STEP_NS

    def since_ns(self, rtp: int, earlier: int) -> int:
        """The time between two time stamps less than some hours apart, in nanoseconds."""
        return _signed(rtp - earlier) * NS_PER_S // self._rate

    def place(self, rtp: int, boot_ns: int, due_ns: int, target_ns: int | None) -> Placed:
        """Take the next frame.

        Args:
            rtp: its RTP time stamp.
            boot_ns: when it arrived.
            due_ns: the media time of video that arrives now.
            target_ns: where the sender reports put this time stamp, if both tracks have them.
        """
        if not self.clock.started:
            self.clock.pin(rtp, boot_ns, target_ns if target_ns is not None else due_ns)
        media, jump = self.clock.advance(rtp, boot_ns, self._last)
        correction = self._correction(media, due_ns, target_ns)
        if correction:
            self.clock.shift(correction)
            media += correction
        if media <= self._last:
            media = self._last + MIN_STEP_NS
        self._last = media
        return Placed(media, media, jump)

    def _correction(self, media: int, due_ns: int, target_ns: int | None) -> int:
        if target_ns is not None and abs(target_ns - due_ns) < self._ARRIVAL_STEP_NS:
            off = target_ns - media
            if abs(off) > self._STEP_NS:
                return off
            return max(-self._SLEW_PER_UNIT_NS, min(self._SLEW_PER_UNIT_NS, off))
        off = due_ns - media
        return off if abs(off) > self._ARRIVAL_STEP_NS else 0
