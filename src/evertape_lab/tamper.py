"""Cameras whose clocks are off: RTP and RTCP changed on their way out of the server's pipeline.

On pads, so on whatever thread pushes there. A buffer cannot be replaced from within a probe: it is dropped, and the
changed one pushed instead, which meets the probe again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evertape.types import NS_PER_S
from evertape_lab.gstreamer import Gst

_SENDER_REPORT = 200
VIDEO_RATE = 90_000
"""RTP ticks a second of H.264 and H.265 (RFC 6184 8.2.1, RFC 7798 7.1)."""


class ReportClock:
    """The wall clock in a camera's sender reports is ``offset_ns()`` ahead of the true time."""

    def __init__(self, offset_ns: Callable[[], int]) -> None:
        self._offset_ns = offset_ns
        self._pushing = False

    def attach(self, pad: Any) -> None:
        """Work on what passes ``pad``, which carries RTCP."""
        pad.add_probe(Gst.PadProbeType.BUFFER, self._on_rtcp)

    def _on_rtcp(self, pad: Any, info: Any) -> Any:
        offset_ns = self._offset_ns()
        if not offset_ns or self._pushing:
            return Gst.PadProbeReturn.OK
        changed = _changed(info.get_buffer(), lambda packet: with_clock(packet, offset_ns))
        self._pushing = True
        pad.push(changed)
        self._pushing = False
        return Gst.PadProbeReturn.DROP


class RtpClock:
    """The RTP clock of a camera's video jumps when it is told to, between two pictures."""

    def __init__(self) -> None:
        self._shift = 0
        self._pending = 0
        self._last = b""
        self._pushing = False

    def attach(self, pad: Any) -> None:
        """Work on what passes ``pad``, which carries RTP."""
        pad.add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST, self._on_rtp)

    def jump(self, by_ns: int) -> None:
        """Jump at the next picture; from any thread."""
        self._pending += by_ns * VIDEO_RATE // NS_PER_S

    def _on_rtp(self, pad: Any, info: Any) -> Any:
        if self._pushing or not (self._shift or self._pending):
            return Gst.PadProbeReturn.OK
        self._pushing = True
        if info.type & Gst.PadProbeType.BUFFER_LIST:
            old = info.get_buffer_list()
            new = Gst.BufferList.new()
            for index in range(old.length()):
                new.insert(-1, _changed(old.get(index), self._shifted))
            pad.push_list(new)
        else:
            pad.push(_changed(info.get_buffer(), self._shifted))
        self._pushing = False
        return Gst.PadProbeReturn.DROP

    def _shifted(self, packet: bytes) -> bytes:
        stamp = packet[4:8]
        if stamp != self._last and self._pending:
            self._shift, self._pending = self._shift + self._pending, 0
        self._last = stamp
        moved = (int.from_bytes(stamp, "big") + self._shift) % (1 << 32)
        return packet[:4] + moved.to_bytes(4, "big") + packet[8:]


def with_clock(packet: bytes, offset_ns: int) -> bytes:
    """A compound RTCP packet with the NTP time of its sender report (RFC 3550 6.4.1) moved by ``offset_ns``."""
    if len(packet) < 28 or packet[1] != _SENDER_REPORT:
        return packet
    ntp = int.from_bytes(packet[8:16], "big") + (offset_ns << 32) // NS_PER_S
    return packet[:8] + (ntp % (1 << 64)).to_bytes(8, "big") + packet[16:]


def _changed(buffer: Any, change: Callable[[bytes], bytes]) -> Any:
    new = Gst.Buffer.new_wrapped(change(buffer.extract_dup(0, buffer.get_size())))
    new.pts, new.dts = buffer.pts, buffer.dts
    new.set_flags(buffer.get_flags())
    return new
