"""The lab's only door to ``gi``: versions are pinned and a missing piece is named in plain words."""

from __future__ import annotations

from evertape.errors import SetupError

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstApp, GstRtsp, GstRtspServer
except (ImportError, ValueError) as missing:
    raise SetupError(
        f"the lab's cameras need GStreamer's RTSP server and its Python bindings ({missing})",
        hint="on Debian and Ubuntu: apt install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-ugly",
    ) from missing

Gst.init(None)

__all__ = ["GLib", "Gst", "GstApp", "GstRtsp", "GstRtspServer", "first_element"]


def first_element(*names: str) -> str:
    """The first of ``names`` that this GStreamer has; raises ``SetupError`` if it has none."""
    for name in names:
        if Gst.ElementFactory.find(name) is not None:
            return name
    raise SetupError(
        f"GStreamer has no element {' or '.join(names)}",
        hint="on Debian and Ubuntu: apt install gstreamer1.0-plugins-ugly gstreamer1.0-plugins-bad gstreamer1.0-libav",
    )
