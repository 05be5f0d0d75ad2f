"""The byte stream of an interleaved connection (RFC 2326 10.12) walked through. No input, no output."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from evertape.media.rtsp.messages import MAX_BODY, MAX_HEAD, Message, RtspSyntaxError, may_start, parse_message
from evertape.types import Track

MAX_REST = MAX_HEAD + MAX_BODY + 64 * 1024
"""No incomplete item is larger."""

_MAX_SKIP = 256 * 1024
# "$", channel, length, and the first eight bytes of an RTP or RTCP header.
_FRAME = struct.Struct(">BBHBBHI")
_LINE_ENDS = re.compile(rb"[\r\n]*")

Feed = Callable[[memoryview, int, int, int, int, int], None]


class Wire:
    """Hands each packet to its track and each message to the conversation, in order.

    Args:
        on_message: takes RTSP messages.
        on_rtcp: takes the track and the payload of an RTCP packet.
    """

    def __init__(self, on_message: Callable[[Message], None], on_rtcp: Callable[[Track, bytes], None]) -> None:
        self.skipped = 0
        """Bytes that made no sense and were passed over."""
        self._on_message = on_message
        self._on_rtcp = on_rtcp
        self._feeds: dict[int, tuple[int, Feed]] = {}
        self._rtcp: dict[int, Track] = {}
        self._video = -1
        self._video_type = -1
        self._video_feed: Feed | None = None
        self._resume: re.Pattern[bytes] | None = None
        self._skipped_in_a_row = 0

    def connect(self, track: Track, channel: int, rtcp_channel: int, payload_type: int, feed: Feed) -> None:
        """From now on packets of ``payload_type`` on ``channel`` go to ``feed``."""
        self._feeds[channel] = (payload_type, feed)
        self._rtcp[rtcp_channel] = track
        if track is Track.VIDEO:
            self._video, self._video_type, self._video_feed = channel, payload_type, feed
        known = b"".join(re.escape(bytes([c])) for c in (*self._feeds, *self._rtcp))
        self._resume = re.compile(rb"\$[" + known + rb"]|RTSP/1\.0 \d", re.DOTALL)

    def forgive(self) -> None:
        """Media came out: what was skipped before does not count against the peer any more."""
        self._skipped_in_a_row = 0

    def walk(self, buffer: bytearray, view: memoryview, pos: int, end: int) -> int:
        """Take everything complete in ``buffer[pos:end]``; ``view`` is a view of ``buffer``.

        Returns:
            Where the first incomplete item begins.

        Raises:
            RtspSyntaxError: what comes is neither RTSP nor can be passed over.
        """
        unpack = _FRAME.unpack_from
        video, video_type, feed = self._video, self._video_type, self._video_feed
        while end - pos >= 12:
            magic, channel, length, first, second, seq, ts = unpack(buffer, pos)
            if magic != 0x24:
                after = self._other(buffer, pos, end)
                if after == pos:
                    break
                pos = after
                video, video_type, feed = self._video, self._video_type, self._video_feed
                continue
            stop = pos + 4 + length
            if stop > end:
                break
            if channel == video and first == 0x80 and second & 0x7F == video_type and length > 12 and feed is not None:
                feed(view, pos + 16, stop, second, seq, ts)
            else:
                self._frame(view, pos + 4, stop, channel)
            pos = stop
        return pos

    def _frame(self, view: memoryview, start: int, stop: int, channel: int) -> None:
        """Everything but a plain video packet: RTCP, audio, headers with extras (RFC 3550 5.1)."""
        self._skipped_in_a_row = 0
        track = self._rtcp.get(channel)
        if track is not None:
            self._on_rtcp(track, bytes(view[start:stop]))
            return
        target = self._feeds.get(channel)
        if target is None or stop - start <= 12 or view[start] >> 6 != 2 or view[start + 1] & 0x7F != target[0]:
            return
        first = view[start]
        payload = start + 12 + 4 * (first & 15)
        if first & 0x10:
            if payload + 4 > stop:
                return
            payload += 4 + 4 * ((view[payload + 2] << 8) | view[payload + 3])
        finish = stop - view[stop - 1] if first & 0x20 else stop
        if payload < finish:
            _, second, seq, ts = struct.unpack_from(">BBHI", view, start)
            target[1](view, payload, finish, second, seq, ts)

    def _other(self, buffer: bytearray, pos: int, end: int) -> int:
        """Something that is not a frame. Returns where to go on, or ``pos`` to wait for more."""
        blank = _LINE_ENDS.match(buffer, pos, end)
        if blank is not None and blank.end() > pos:
            return blank.end()
        if may_start(buffer, pos, end):
            try:
                parsed = parse_message(buffer, pos, end)
            except RtspSyntaxError:
                if self._resume is None:
                    raise
            else:
                if parsed is None:
                    return pos
                self._skipped_in_a_row = 0
                self._on_message(parsed[0])
                return parsed[1]
        return self._skip(buffer, pos, end)

    def _skip(self, buffer: bytearray, pos: int, end: int) -> int:
        """Some cameras cut a packet short: look for the next thing that we can read."""
        if self._resume is None:
            raise RtspSyntaxError(f"not an RTSP message: {bytes(buffer[pos : min(end, pos + 40)])!r}")
        after = pos + 1
        while (match := self._resume.search(buffer, after, end)) is not None:
            after = match.start()
            if _plausible(buffer, after, end):
                break
            after += 1
        else:
            after = max(after, end - 8)
        self.skipped += after - pos
        self._skipped_in_a_row += after - pos
        if self._skipped_in_a_row > _MAX_SKIP:
            raise RtspSyntaxError("more than 256 KiB that are neither RTSP nor RTP")
        return after


def _plausible(buffer: bytearray, pos: int, end: int) -> bool:
    """Whether a frame begins at ``pos``, as far as can be seen: RTP or RTCP of version 2, and another after it."""
    if buffer[pos] != 0x24:
        return True
    if end - pos < 5:
        return True
    after = pos + 4 + int.from_bytes(buffer[pos + 2 : pos + 4], "big")
    return buffer[pos + 4] >> 6 == 2 and (after >= end or buffer[after] in b"$R\r\n")
