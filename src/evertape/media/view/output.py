"""Where decoded pictures end: a window, a function, or nowhere. Counts what arrives there.

Who runs what: the owner makes it; GStreamer's thread runs the probe and the caller's function.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from evertape.errors import SetupError
from evertape.media.gst.lib import Gst, make
from evertape.media.view.terms import Frame, SinkKind, ViewOptions, ViewStats

log = logging.getLogger(__name__)


def window_sink(platform: str, environment: Mapping[str, str], has_dri: bool) -> str:
    """The element that shows pictures here. Pure.

    Without a desktop, ``autovideosink`` would try DirectFB in the end, which crashes a process that has no screen.

    Args:
        platform: as ``sys.platform``.
        environment: of the process.
        has_dri: the kernel has a graphics device.

    Raises:
        SetupError: there is no screen.
    """
    if not platform.startswith("linux") or environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        return "autovideosink"
    if has_dri:
        return "kmssink"
    raise SetupError("there is no screen here", hint="start it from a desktop; --sink fake shows no window")


class Output:
    """The last elements of a pipeline.

    Args:
        options: which sink, and the caller's function.
        is_fallback: whether the picture of this time is not the camera's; GStreamer's thread asks.

    Raises:
        SetupError: an element is missing, or ``SinkKind.FRAMES`` without a function.
    """

    def __init__(self, options: ViewOptions, is_fallback: Callable[[int], bool]) -> None:
        self._options = options
        self._limit: Any = None
        self._is_fallback = is_fallback
        self._lock = threading.Lock()
        self._shown = self._other = self._backward = self._gap = self._ends = 0
        self._last: int | None = None
        self.sink = self._make_sink()
        self.elements = [*self._converters(), self.sink]
        self._pad = self.sink.get_static_pad("sink")
        mask = Gst.PadProbeType.BUFFER | Gst.PadProbeType.EVENT_DOWNSTREAM
        self._probe = self._pad.add_probe(mask, self._on_data)
        self._signal = 0
        self._calm(self.sink)
        if options.sink is SinkKind.FRAMES:
            self._signal = self.sink.connect("new-sample", self._on_sample)

    def _make_sink(self) -> Any:
        match self._options.sink:
            case SinkKind.AUTO:
                return make(window_sink(sys.platform, os.environ, Path("/dev/dri").is_dir()))
            case SinkKind.OVERLAY:
                from evertape.media.view.overlay import overlay_sink

                return overlay_sink(self._options.window)
            case SinkKind.FAKE:
                return make("fakesink", sync=True, enable_last_sample=False, **{"async": False})
            case SinkKind.FRAMES:
                if self._options.on_frame is None:
                    raise SetupError("pictures are to go to a function, and none was given")
                sink = make("appsink", sync=True, max_buffers=2, drop=True, emit_signals=True, enable_last_sample=False)
                sink.set_property("async", False)
                sink.set_property("caps", Gst.Caps.from_string(f"video/x-raw,format={self._options.frame_format}"))
                return sink

    def _calm(self, sink: Any) -> None:
        """Have it not complain upstream of pictures that come late: nobody there shall leave any out for it.

        Besides, ``fallbacksrc`` drops the complaints with a critical warning each (GStreamer 1.22).
        """
        if sink.find_property("qos") is not None:
            sink.set_property("qos", False)
        elif isinstance(sink, Gst.Bin):
            # autovideosink finds out what it is in a moment.
            sink.connect("element-added", lambda _bin, element: self._calm(element))

    def _converters(self) -> list[Any]:
        # A window's own pixels are its business; nowhere takes everything.
        if self._options.sink is SinkKind.FAKE:
            return []
        if self._options.sink is SinkKind.AUTO:
            return [make("videoconvert")]
        if self._options.sink is SinkKind.OVERLAY:
            # The sink asks for the window's size.
            return [make("videoscale"), make("videoconvert")]
        # Smaller first: half the size costs a fifth of converting all pixels (640x360 to 320x180, measured).
        self._limit = make("capsfilter", caps=_size_caps(self._options.frame_size))
        return [make("videoscale"), self._limit, make("videoconvert")]

    def fit(self, size: tuple[int, int] | None) -> None:
        """Give pictures no larger than this from now on; see ``ViewOptions.frame_size``. From any thread."""
        if self._limit is not None:
            self._limit.set_property("caps", _size_caps(size))
        elif self._options.sink is SinkKind.OVERLAY:
            from evertape.media.view.overlay import draw_again

            draw_again(self.sink)

    def add_to(self, pipeline: Any) -> Any:
        """Put it into ``pipeline`` and return the pad to link to.

        Raises:
            SetupError: GStreamer cannot link its parts.
        """
        for element in self.elements:
            pipeline.add(element)
        for upstream, downstream in pairwise(self.elements):
            if not upstream.link(downstream):
                raise SetupError(f"GStreamer cannot link {upstream.get_name()} to {downstream.get_name()}")
        return self.elements[0].get_static_pad("sink")

    def count_into(self, stats: ViewStats) -> None:
        """Add what arrived since the last call."""
        with self._lock:
            stats.shown += self._shown
            stats.shown_fallback += self._other
            stats.backward += self._backward
            stats.ends += self._ends
            stats.largest_gap_ns = max(stats.largest_gap_ns, self._gap)
            self._shown = self._other = self._backward = self._ends = 0

    @property
    def last_ns(self) -> int:
        """The running time of the last buffer that arrived; -1 if there was none."""
        with self._lock:
            return -1 if self._last is None else self._last

    def stop(self) -> None:
        """Let go of the pad and the caller; call it when the pipeline is NULL."""
        self._pad.remove_probe(self._probe)
        if self._signal:
            self.sink.disconnect(self._signal)
            self._signal = 0

    # -- GStreamer's threads ----------------------------------------------------------------------

    def _on_data(self, pad: Any, info: Any) -> Any:
        if info.type & Gst.PadProbeType.BUFFER:
            self._arrived(info.get_buffer().pts)
        elif info.get_event().type == Gst.EventType.EOS:
            with self._lock:
                self._ends += 1
        return Gst.PadProbeReturn.OK

    def _arrived(self, pts: int) -> None:
        segment = self._pad.get_sticky_event(Gst.EventType.SEGMENT, 0)
        time = segment.parse_segment().to_running_time(Gst.Format.TIME, pts) if segment is not None else pts
        with self._lock:
            self._shown += 1
            self._other += self._is_fallback(pts)
            if time == Gst.CLOCK_TIME_NONE:
                return
            if self._last is not None:
                self._backward += time < self._last
                self._gap = max(self._gap, time - self._last)
            self._last = time

    def _on_sample(self, sink: Any) -> Any:
        sample = sink.emit("pull-sample")
        if sample is None:
            return Gst.FlowReturn.OK
        structure, buffer = sample.get_caps().get_structure(0), sample.get_buffer()
        frame = Frame(
            data=buffer.extract_dup(0, buffer.get_size()),
            width=structure.get_value("width"),
            height=structure.get_value("height"),
            format=self._options.frame_format,
            pts_ns=buffer.pts,
            fallback=self._is_fallback(buffer.pts),
        )
        try:
            assert self._options.on_frame is not None
            self._options.on_frame(frame)
        except Exception:
            # The caller's function, on a thread that must not be lost to it.
            log.exception("[STREAMING] a function that gets pictures failed")
        return Gst.FlowReturn.OK


def _size_caps(size: tuple[int, int] | None) -> Any:
    """Within these limits, ``videoscale`` takes the size nearest to its input's in its input's shape."""
    limits = "" if size is None else f",width=[1,{max(1, size[0])}],height=[1,{max(1, size[1])}]"
    return Gst.Caps.from_string(f"video/x-raw{limits}" + (",pixel-aspect-ratio=1/1" if limits else ""))
