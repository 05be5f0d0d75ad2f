"""A sink that draws into a window of somebody else's, by the window's number (X11).

The fastest that this display takes: ``xvimagesink`` has the display scale and convert, ``ximagesink`` is given pixels
of the window's size through shared memory. Both draw on GStreamer's own line to the display.
"""

from __future__ import annotations

from typing import Any

import gi

from evertape.errors import SetupError
from evertape.media.gst.lib import Gst, make

gi.require_version("GstVideo", "1.0")
from gi.repository import GstVideo  # noqa: E402 - only after its version is pinned

_SINKS = ("xvimagesink", "ximagesink")


def overlay_sink(window: int) -> Any:
    """The sink for a window.

    Args:
        window: its number on the display.

    Raises:
        SetupError: there is no such sink here, or no display.
    """
    for name in _SINKS:
        if Gst.ElementFactory.find(name) is None:
            continue
        sink = make(name, sync=True, enable_last_sample=False, force_aspect_ratio=True, handle_events=False)
        # Whether the display can do it is found out when it is opened; many have no Xv.
        if sink.set_state(Gst.State.READY) != Gst.StateChangeReturn.FAILURE:
            GstVideo.VideoOverlay.set_window_handle(sink, window)
            GstVideo.VideoOverlay.handle_events(sink, False)
            return sink
        sink.set_state(Gst.State.NULL)
    raise SetupError("GStreamer cannot draw into a window here", hint='set streaming.output to "frames"')


def draw_again(sink: Any) -> None:
    """The window's content was lost, or its size has changed."""
    GstVideo.VideoOverlay.expose(sink)
