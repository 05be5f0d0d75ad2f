"""Which UTC a place on a camera's media time line has. Pure: the clocks' readings are handed in.

Two sources. RTCP sender reports pair the camera's wall clock with its RTP clock, right to a few
milliseconds if that clock is right. Arrival pairs our clock with the media: what arrives late says
nothing, so the lower envelope of (arrival - media) counts, which may rise slowly because the two
clocks drift. Reports are believed as long as they agree with arrival to within ``MAX_DISAGREEMENT_NS``.
"""

from __future__ import annotations

from evertape.types import NS_PER_MS, NS_PER_S, UtcSource

MAX_DISAGREEMENT_NS = 2 * NS_PER_S
"""Beyond it a camera's wall clock is wrong rather than its network slow."""

# A camera's crystal against ours: 200 ppm is twice what cheap ones are sold with.
_DRIFT_PPM = 200
_REPORT_ERROR_NS = 5 * NS_PER_MS
# What arrival cannot see: exposure, encoding and the fastest way through the network.
_ARRIVAL_ERROR_NS = 50 * NS_PER_MS
_WINDOW_NS = 10 * NS_PER_S
# A media clock that fell behind by so much for a whole window did not drift, it jumped.
_JUMP_NS = NS_PER_S // 2


class UtcEstimator:
    """The state of the estimate for one media time line. One thread."""

    def __init__(self) -> None:
        self.camera_offset_ns: int | None = None
        """The camera's wall clock minus ours at the last report; ``None`` while not comparable."""
        self._report: tuple[int, int, int] | None = None
        self._base: int | None = None
        self._last_boot = 0
        self._host_ns = 0
        self._window_start = 0
        self._window_min = 0
        self._window_max = 0
        self._spread = 0

    def set_host(self, boot_ns: int, utc_ns: int) -> None:
        """Our two clocks, read at the same moment; often enough to follow a stepped wall clock."""
        self._host_ns = utc_ns - boot_ns

    def feed_arrival(self, boot_ns: int, media_ns: int) -> None:
        """Media of ``media_ns`` was read at ``boot_ns`` (boot-time clock)."""
        delay = boot_ns - media_ns
        if self._base is None:
            self._base, self._last_boot = delay, boot_ns
            self._open_window(boot_ns, delay)
            return
        risen = self._base + (boot_ns - self._last_boot) * _DRIFT_PPM // 1_000_000
        self._base, self._last_boot = min(risen, delay), boot_ns
        self._window_min = min(self._window_min, delay)
        self._window_max = max(self._window_max, delay)
        if boot_ns - self._window_start >= _WINDOW_NS:
            self._spread = min(self._window_max - self._window_min, NS_PER_S)
            if self._window_min - self._base > _JUMP_NS:
                self._base = self._window_min
            self._open_window(boot_ns, delay)

    def _open_window(self, boot_ns: int, delay: int) -> None:
        self._window_start, self._window_min, self._window_max = boot_ns, delay, delay

    def feed_report(self, media_ns: int, utc_ns: int) -> int | None:
        """The camera says that ``media_ns`` was at ``utc_ns``.

        Returns:
            Its wall clock minus ours as far as arrival can tell, or ``None`` before anything arrived.
        """
        previous = self._report
        wobble = 0
        if previous is not None:
            wobble = min(abs((utc_ns - previous[1]) - (media_ns - previous[0])), NS_PER_S)
        self._report = (media_ns, utc_ns, wobble)
        by_arrival = self._by_arrival(media_ns)
        self.camera_offset_ns = None if by_arrival is None else utc_ns - by_arrival
        return self.camera_offset_ns

    @property
    def trusts_reports(self) -> bool:
        """Whether ``utc_of`` follows the camera's clock just now."""
        offset = self.camera_offset_ns
        return self._report is not None and offset is not None and abs(offset) <= MAX_DISAGREEMENT_NS

    def utc_of(self, media_ns: int) -> tuple[int, UtcSource, int]:
        """UTC of ``media_ns``, where it comes from, and its estimated error (one sided, nanoseconds).

        Before anything arrived it is what our wall clock says of media time zero being now: call
        ``feed_arrival`` first.
        """
        report = self._report
        by_arrival = self._by_arrival(media_ns)
        if report is not None and by_arrival is not None:
            at, utc, wobble = report
            by_report = utc + media_ns - at
            # Compared anew for each unit: our own clock may be stepped between two reports.
            if abs(by_report - by_arrival) <= MAX_DISAGREEMENT_NS:
                drift = abs(media_ns - at) * _DRIFT_PPM // 1_000_000
                return by_report, UtcSource.RTCP, _REPORT_ERROR_NS + wobble + drift
        return (
            by_arrival if by_arrival is not None else media_ns + self._host_ns,
            UtcSource.ARRIVAL,
            _ARRIVAL_ERROR_NS + self._spread,
        )

    def _by_arrival(self, media_ns: int) -> int | None:
        return None if self._base is None else media_ns + self._base + self._host_ns

    def media_of_arrival(self, boot_ns: int) -> int | None:
        """Which media is due to arrive at ``boot_ns``; ``None`` before anything arrived."""
        return None if self._base is None else boot_ns - self._base

    def restart(self) -> None:
        """The media time line was pinned down anew: forget what tied it to any clock."""
        self._report = None
        self._base = None
        self._spread = 0
        self.camera_offset_ns = None
