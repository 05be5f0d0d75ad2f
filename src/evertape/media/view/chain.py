"""``appsrc ▸ parser ▸ decoder`` in a bin of its own: what a view throws away and makes anew.

Who runs what: the owner makes, feeds and retires a chain. GStreamer's thread runs the probe at its end, which counts.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from typing import Any

import gi

from evertape.errors import SetupError
from evertape.media.gst.lib import Gst, dispose, make
from evertape.media.view.looks import COLUMNS, ROWS, grid, is_damaged
from evertape.types import NS_PER_MS, NS_PER_S, Codec, VideoCaps

gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, GstVideo  # noqa: E402 - only after its version is pinned

# The bindings make a class when it is first asked for, and two threads that ask at once get one each, of which the
# other is then refused ("Must be GstVideo.VideoInfo, not VideoInfo"). GStreamer's threads ask for these.
_ASKED_BY_THREADS = (GstVideo.VideoInfo, GstVideo.VideoFormatInfo, GstVideo.VideoMeta)

LATENCY_NS = 100 * NS_PER_MS
"""Pictures are shown so long after their time. They come in batches of 40 ms (``streaming.drain_viewed``), and a
network's usual delay varies by less than the rest."""

_LOOK_EVERY_NS = NS_PER_S // 2
_MEDIA = {
    Codec.H264: ("video/x-h264,stream-format=avc,alignment=au", "h264parse"),
    Codec.H265: ("video/x-h265,stream-format=hvc1,alignment=au", "h265parse"),
}
# Chroma of the formats that decoders give in ordinary memory: the planes of U and V, and the bytes of one sample.
_PLANES = {"I420": (1, 2, 1), "YV12": (2, 1, 1), "NV12": (1, 1, 2)}

_numbers = itertools.count()


def has_element(name: str) -> bool:
    """Whether this GStreamer has an element."""
    return Gst.ElementFactory.find(name) is not None


@dataclass(frozen=True, slots=True)
class Output:
    """What a chain gave since the last time.

    Args:
        count: pictures.
        corrupt: those with the decoder's own mark of damage.
        looks: those that were looked at.
        bad_looks: those of them that were damaged.
    """

    count: int = 0
    corrupt: int = 0
    looks: int = 0
    bad_looks: int = 0


class Tally:
    """Counts the buffers that pass a pad. The probe runs on the pad's thread, ``take`` on the owner's."""

    def __init__(self, pad: Any) -> None:
        self._lock = threading.Lock()
        self._count = self._corrupt = self._looks = self._bad = 0
        self._look_at = 0
        self._pad = pad
        self._probe = pad.add_probe(Gst.PadProbeType.BUFFER, self._on_buffer)

    def take(self) -> Output:
        """The counts since the last call."""
        with self._lock:
            output = Output(self._count, self._corrupt, self._looks, self._bad)
            self._count = self._corrupt = self._looks = self._bad = 0
        return output

    def stop(self) -> None:
        """Count no more."""
        self._pad.remove_probe(self._probe)

    def _on_buffer(self, pad: Any, info: Any) -> Any:
        buffer = info.get_buffer()
        corrupt = bool(buffer.get_flags() & Gst.BufferFlags.CORRUPTED)
        looks = bad = 0
        if buffer.pts >= self._look_at:
            self._look_at = buffer.pts + _LOOK_EVERY_NS
            samples = sample(buffer, pad.get_current_caps())
            looks, bad = int(bool(samples) or corrupt), int(corrupt or is_damaged(samples))
        with self._lock:
            self._count += 1
            self._corrupt += corrupt
            self._looks += looks
            self._bad += bad
        return Gst.PadProbeReturn.OK


def sample(buffer: Any, caps: Any) -> list[tuple[int, int, int]]:
    """Y, U, V on a grid over the picture; nothing for formats that cannot be read cheaply."""
    if caps is None or caps.get_features(0).contains("memory:SystemMemory") is False:
        return []
    info = GstVideo.VideoInfo.new_from_caps(caps)
    planes = _PLANES.get(info.finfo.name)
    if planes is None:
        return []
    meta = GstVideo.buffer_get_video_meta(buffer)
    offsets, strides = (meta.offset, meta.stride) if meta is not None else (info.offset, info.stride)
    u_plane, v_plane, step = planes
    found = []
    for y in grid(info.height, ROWS):
        rows = [
            buffer.extract_dup(offsets[plane] + strides[plane] * line, strides[plane])
            for plane, line in ((0, y), (u_plane, y // 2), (v_plane, y // 2))
        ]
        if not all(rows):
            return []
        for x in grid(info.width, COLUMNS):
            at = x // 2 * step
            found.append((rows[0][x], rows[1][at], rows[2][at + step - 1]))
    return found


class DecoderChain:
    """See the module. ``bin`` has one pad, ``src``.

    Args:
        video: what will be pushed.
        decoder: an element's name, or a launch line of one input and one output.

    Raises:
        SetupError: an element is missing, or the launch line makes no sense.
    """

    def __init__(self, video: VideoCaps, decoder: str) -> None:
        media, parser = _MEDIA[video.codec]
        self.decoder = decoder
        self.video = video
        caps = f"{media},width={video.width},height={video.height},codec_data=(buffer){video.config.hex()}"
        self._source = make(
            "appsrc",
            caps=Gst.Caps.from_string(caps),
            format=Gst.Format.TIME,
            is_live=True,
            min_latency=LATENCY_NS,
            block=False,
            max_bytes=0,
            max_buffers=0,
            max_time=0,
        )
        # Its name is what tells errors from inside as those of decoding (``domain.classify.part_of``).
        self.bin = Gst.Bin.new(f"decode-{next(_numbers)}")
        elements = [self._source, make(parser), _make_decoder(decoder)]
        for element in elements:
            self.bin.add(element)
        if not (elements[0].link(elements[1]) and elements[1].link(elements[2])):
            raise SetupError(f"GStreamer cannot link {parser} to {decoder}")
        ghost = Gst.GhostPad.new("src", elements[2].get_static_pad("src"))
        self.bin.add_pad(ghost)
        self._tally = Tally(ghost)

    def push(self, data: bytes, pts_ns: int, key: bool) -> bool:
        """Give it a picture; false if it does not take any now, because somebody stopped it."""
        buffer = Gst.Buffer.new_wrapped(data)
        buffer.pts = pts_ns
        if not key:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        return self._source.push_buffer(buffer) == Gst.FlowReturn.OK

    def finish(self) -> None:
        """Say that nothing more comes; pictures held back come out, then an end-of-stream."""
        self._source.end_of_stream()

    def fail(self, text: str) -> None:
        """Post an error from within, for a parent that restarts what failed."""
        error = GLib.Error.new_literal(Gst.ResourceError.quark(), text, int(Gst.ResourceError.READ))
        self._source.post_message(Gst.Message.new_error(self._source, error, ""))

    def waiting_ns(self) -> int:
        """How much was pushed and not taken by the decoder yet."""
        return int(self._source.get_property("current-level-time"))

    def waiting(self) -> int:
        """How many pictures were pushed and not taken by the decoder yet."""
        return int(self._source.get_property("current-level-buffers"))

    def take(self) -> Output:
        """What it gave since the last call."""
        return self._tally.take()

    def retire(self) -> None:
        """Take it out of its parent, then to NULL on a thread that is abandoned if it hangs; returns at once."""
        self.bin.set_locked_state(True)
        parent = self.bin.get_parent()
        if parent is not None:
            # First, so that what its thread still says (not linked) reaches nobody.
            parent.remove(self.bin)
        dispose(self.bin, self._tally.stop)


def _make_decoder(decoder: str) -> Any:
    if " " in decoder or "!" in decoder:
        try:
            return Gst.parse_bin_from_description(decoder, True)
        except GLib.Error as error:
            raise SetupError(f"the decoder {decoder!r} cannot be made: {error.message}") from error
    element = make(decoder)
    if element.find_property("qos") is not None:
        # It would leave pictures out when the screen is late; how far to fall behind is decided before the decoder.
        element.set_property("qos", False)
    return element
