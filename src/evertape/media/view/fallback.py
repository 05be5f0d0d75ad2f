"""What is shown while the camera is away, as a bin with one pad that gives pictures of one size.

Who runs what: the owner makes it, calls ``refresh`` now and then, and retires it; GStreamer's threads run the probes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from evertape.errors import EvertapeError, SetupError
from evertape.media.gst.lib import Gst, dispose, make, new_pipeline
from evertape.media.view.card import CardText, draw_card
from evertape.types import NS_PER_MS, NS_PER_S

log = logging.getLogger(__name__)

REFRESH_NS = 200 * NS_PER_MS
"""How often a still picture is sent again. ``fallbacksrc`` takes a source that sends less than a few times within its
time-out for dead."""

_LOAD_NS = 5 * NS_PER_S
_LOOK_NS = 50 * NS_PER_MS
_SNOW_FPS = 10

AGAIN_NS = NS_PER_S
"""A file that came to its end is begun again after at least this; a single picture comes to its end at once."""


def even(size: tuple[int, int]) -> tuple[int, int]:
    """The nearest size whose I420 rows need no padding: GStreamer's are of four bytes, those of colour half as long."""
    return max(16, size[0] & ~7), max(16, size[1] & ~1)


def raw_caps(size: tuple[int, int], fps: int | None = 0) -> Any:
    """What a fallback gives. ``fps`` 0: pictures come when they come; ``None``: whatever the source says."""
    width, height = even(size)
    rate = "" if fps is None else f",framerate={fps}/1"
    return Gst.Caps.from_string(f"video/x-raw,format=I420,width={width},height={height},pixel-aspect-ratio=1/1{rate}")


def video_ghost() -> Any:
    """A bin's ``src`` for raw video. ``fallbacksrc`` asks it for its caps before there are any."""
    caps = Gst.Caps.from_string("video/x-raw")
    template = Gst.PadTemplate.new("src", Gst.PadDirection.SRC, Gst.PadPresence.ALWAYS, caps)
    return Gst.GhostPad.new_no_target_from_template("src", template)


def link_video(pad: Any, sink: Any) -> None:
    """Link a pad that a decoding element has just shown, if it is the first one with pictures; sound is left alone."""
    caps = pad.get_current_caps() or pad.query_caps(None)
    if not sink.is_linked() and caps.to_string().startswith("video/"):
        pad.link(sink)


def load_picture(path: Path, size: tuple[int, int]) -> bytes:
    """A picture file as I420 of ``size``, with bars where its shape differs. Blocks for some milliseconds.

    Raises:
        SetupError: there is no such file, or it is no picture.
    """
    if not path.is_file():
        raise SetupError(f"there is no picture {path}", hint="view.fallback_source names it")
    pipeline = new_pipeline()
    source = make("filesrc", location=str(path))
    decode, convert = make("decodebin"), make("videoconvert")
    scale = make("videoscale", add_borders=True)
    sink = make("appsink", caps=raw_caps(size, None), sync=False)
    for element in (source, decode, convert, scale, sink):
        pipeline.add(element)
    source.link(decode)
    convert.link(scale)
    scale.link(sink)
    decode.connect("pad-added", lambda _element, pad: pad.link(convert.get_static_pad("sink")))
    pipeline.set_state(Gst.State.PLAYING)
    try:
        bus, sample = pipeline.get_bus(), None
        for _ in range(_LOAD_NS // _LOOK_NS):
            sample = sink.try_pull_sample(_LOOK_NS)
            if sample is not None or bus.pop_filtered(Gst.MessageType.ERROR) is not None:
                break
        if sample is None:
            raise SetupError(f"{path} is no picture that GStreamer can read", hint="use a JPEG or PNG file")
        buffer = sample.get_buffer()
        return bytes(buffer.extract_dup(0, buffer.get_size()))
    finally:
        dispose(pipeline)


class FallbackBin:
    """See the module. ``bin`` has one pad, ``src``; what leaves it is timed by the pipeline it is in.

    Args:
        source: ``card``, ``snow``, a path, or a URI.
        size: of the pictures, in pixels.
        running_ns: the running time of the pipeline it will be in.

    Raises:
        SetupError: an element is missing, or the picture cannot be read.
    """

    def __init__(self, source: str, size: tuple[int, int], running_ns: Callable[[], int]) -> None:
        self.source = source
        self._size = even(size)
        self._running_ns = running_ns
        self._still: Any = None
        self._text: CardText | None = None
        self._sent_ns = -REFRESH_NS
        self._app: Any = None
        self._connections: list[tuple[Any, int]] = []
        self.ended = False
        """A URI came to its end; make another to see it again. Set by GStreamer's thread."""
        self.bin = Gst.Bin.new(None)
        last = self._build()
        ghost = video_ghost()
        ghost.set_target(last.get_static_pad("src"))
        self.bin.add_pad(ghost)
        if self._is_uri:
            pad = self.bin.get_static_pad("src")
            self._shift = pad.add_probe(Gst.PadProbeType.BUFFER, self._on_first)
            self._ends = pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, self._on_event)

    @property
    def _is_uri(self) -> bool:
        return "://" in self.source

    def _build(self) -> Any:
        if self.source == "snow":
            return self._chain(
                make("videotestsrc", pattern="snow", is_live=True),
                make("capsfilter", caps=raw_caps(self._size, _SNOW_FPS)),
                # Beside a decoder's pictures, which are shown later than they come, these have to be able to wait too.
                make("queue", max_size_time=NS_PER_S, max_size_buffers=0, max_size_bytes=0),
            )
        if self._is_uri:
            return self._build_uri()
        if self.source != "card":
            self._still = Gst.Buffer.new_wrapped(load_picture(Path(self.source), self._size))
        # Without a latency of its own it would say that its pictures cannot wait for those of a decoder.
        self._app = make(
            "appsrc", caps=raw_caps(self._size), format=Gst.Format.TIME, is_live=True, block=False, min_latency=0
        )
        self._app.set_property("max-buffers", 4)
        self._app.set_property("leaky-type", 2)
        return self._chain(self._app)

    def _chain(self, *elements: Any) -> Any:
        for element in elements:
            self.bin.add(element)
        for upstream, downstream in pairwise(elements):
            if not upstream.link(downstream):
                raise SetupError(f"GStreamer cannot link {upstream.get_name()} to {downstream.get_name()}")
        return elements[-1]

    def _build_uri(self) -> Any:
        decode = make("uridecodebin", uri=self.source)
        self.bin.add(decode)
        convert = make("videoconvert")
        scale = make("videoscale", add_borders=True)
        last = self._chain(convert, scale, make("capsfilter", caps=raw_caps(self._size, None)))
        sink = convert.get_static_pad("sink")
        handler = decode.connect("pad-added", lambda _element, pad: link_video(pad, sink))
        self._connections.append((decode, handler))
        return last

    # -- the owner --------------------------------------------------------------------------------

    def refresh(self, text: CardText, now_ns: int) -> None:
        """Send a still picture again if it is time, the card with this text. ``now_ns``: any monotonic clock."""
        if self._app is None or (text == self._text and now_ns - self._sent_ns < REFRESH_NS):
            return
        if self.source == "card" and text != self._text:
            self._still = Gst.Buffer.new_wrapped(draw_card(text, *self._size))
        self._text, self._sent_ns = text, now_ns
        buffer = self._still.copy()  # refers to the same pixels
        buffer.pts = max(0, self._running_ns())
        self._app.push_buffer(buffer)

    def retire(self) -> None:
        """As ``DecoderChain.retire``."""
        self.bin.set_locked_state(True)
        parent = self.bin.get_parent()
        if parent is not None:
            parent.remove(self.bin)
        dispose(self.bin, self._disconnect)

    def _disconnect(self) -> None:
        for target, handler in self._connections:
            target.disconnect(handler)
        self._connections.clear()

    # -- GStreamer's threads ----------------------------------------------------------------------

    def _on_first(self, pad: Any, info: Any) -> Any:
        # A file's time begins at 0, the pipeline's began when the view did.
        segment = pad.get_sticky_event(Gst.EventType.SEGMENT, 0).parse_segment()
        at = segment.to_running_time(Gst.Format.TIME, info.get_buffer().pts)
        if at != Gst.CLOCK_TIME_NONE:
            pad.set_offset(max(0, self._running_ns()) - at)
        return Gst.PadProbeReturn.REMOVE

    def _on_event(self, _pad: Any, info: Any) -> Any:
        if info.get_event().type != Gst.EventType.EOS:
            return Gst.PadProbeReturn.OK
        self.ended = True
        return Gst.PadProbeReturn.DROP


def make_fallback(source: str, size: tuple[int, int], running_ns: Callable[[], int]) -> FallbackBin:
    """The fallback that was asked for, or the card where that cannot be made; the log says why."""
    try:
        return FallbackBin(source, size, running_ns)
    except EvertapeError as error:
        if source == "card":
            raise
        log.warning("[STREAMING] the fallback cannot be shown, the card is instead: %s", error)
        return FallbackBin("card", size, running_ns)
