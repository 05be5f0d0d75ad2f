"""Which GStreamer elements Evertape uses, in one place, and whether this machine has them.

Importing this module imports nothing of GStreamer, so ``doctor`` can name the elements on a
machine that has none; only ``probe_gstreamer`` does.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from evertape.errors import SetupError
from evertape.media.view.plugins import ELEMENT, cached_plugin

MIN_GSTREAMER = (1, 20, 0)
"""Ubuntu 22.04's; the oldest one that the supported systems bring."""


class PluginSet(StrEnum):
    """GStreamer's own division of its plugins, which every distribution's packages follow."""

    CORE = "core"
    BASE = "base"
    GOOD = "good"
    BAD = "bad"
    UGLY = "ugly"
    LIBAV = "libav"
    X = "x"
    """Windows of the X server; in some distributions a part of ``base``."""
    RTSP_SERVER = "rtsp-server"


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that Evertape asks of GStreamer.

    Args:
        any_of: element names; one that is there is enough.
        plugins: where they come from.
        purpose: what does not work without them, for a person.
        required: recording itself does not work without them.
    """

    any_of: tuple[str, ...]
    plugins: PluginSet
    purpose: str
    required: bool = False


def _each(names: str, plugins: PluginSet, purpose: str, *, required: bool = False) -> tuple[Need, ...]:
    return tuple(Need((name,), plugins, purpose, required) for name in names.split())


NEEDS: tuple[Need, ...] = (
    *_each("queue capsfilter", PluginSet.CORE, "every pipeline", required=True),
    *_each("appsink appsrc", PluginSet.BASE, "every pipeline", required=True),
    *_each("rtspsrc rtph264depay rtph265depay", PluginSet.GOOD, "receiving from cameras", required=True),
    *_each("h264parse h265parse", PluginSet.BAD, "H.264 and H.265", required=True),
    *_each("rtpmp4gdepay aacparse", PluginSet.GOOD, "AAC audio", required=True),
    *_each("errorignore", PluginSet.BAD, "audio that fails without video"),
    *_each("rtppcmudepay rtppcmadepay mulawdec alawdec", PluginSet.GOOD, "G.711 audio"),
    *_each("audioconvert audioresample", PluginSet.BASE, "G.711 audio"),
    Need(("avenc_aac", "fdkaacenc", "voaacenc", "faac"), PluginSet.LIBAV, "G.711 audio (an AAC encoder)"),
    Need(("avdec_h264", "openh264dec", "vah264dec", "v4l2slh264dec"), PluginSet.LIBAV, "still pictures of H.264"),
    Need(("avdec_h265", "libde265dec", "vah265dec", "v4l2slh265dec"), PluginSet.LIBAV, "still pictures of H.265"),
    *_each("videoconvert videoscale", PluginSet.BASE, "still pictures"),
    *_each("jpegenc", PluginSet.GOOD, "still pictures"),
    *_each("input-selector", PluginSet.CORE, "viewing with a fallback"),
    *_each("videotestsrc", PluginSet.BASE, "snow while a camera is away"),
    *_each("autovideosink", PluginSet.GOOD, "a window to view in"),
    Need(
        ("xvimagesink", "ximagesink", "glimagesink", "waylandsink", "osxvideosink", "d3d11videosink"),
        PluginSet.X,
        "a window to view in",
    ),
)
"""What recording and viewing use."""

LAB_NEEDS: tuple[Need, ...] = (
    *_each("videotestsrc audiotestsrc", PluginSet.BASE, "the simulated cameras"),
    *_each("rtph264pay rtph265pay rtpmp4gpay rtppcmapay rtppcmupay", PluginSet.GOOD, "the simulated cameras"),
    *_each("alawenc mulawenc", PluginSet.GOOD, "the simulated cameras' sound"),
    *_each("x264enc", PluginSet.UGLY, "the simulated cameras"),
    *_each("x265enc", PluginSet.BAD, "the simulated cameras in H.265"),
)
"""What ``demo`` and ``lab camera`` use besides."""

LAB_NAMESPACE = "GstRtspServer"
_NAMESPACES = ("Gst", "GstApp", "GstRtsp", "GstSdp", "GstVideo")


@dataclass(frozen=True, slots=True)
class GStreamerProbe:
    """What was found.

    Args:
        pygobject: version of the bindings.
        version: GStreamer's major, minor, micro.
        missing: those of ``NEEDS`` that are not there.
        lab_missing: those of ``LAB_NEEDS`` that are not there.
        rtsp_server: the library of the simulated cameras can be imported.
        fallbacksrc: where that element comes from; "" where it is missing.
    """

    pygobject: str
    version: tuple[int, int, int]
    missing: tuple[Need, ...]
    lab_missing: tuple[Need, ...]
    rtsp_server: bool
    fallbacksrc: str = ""


def probe_gstreamer() -> GStreamerProbe:
    """Load GStreamer and look for every element; takes seconds the first time, while it scans its plugins.

    Raises:
        SetupError: the bindings or a part of GStreamer cannot be imported.
    """
    try:
        gi: Any = importlib.import_module("gi")
    except ImportError as error:
        raise SetupError(f"PyGObject cannot be imported ({error})") from error
    try:
        for name in _NAMESPACES:
            gi.require_version(name, "1.0")
        gst: Any = importlib.import_module("gi.repository.Gst")
        ready, _ = gst.init_check(None)
    except (ImportError, ValueError) as error:
        raise SetupError(f"GStreamer cannot be imported ({error})") from error
    if not ready:
        raise SetupError("GStreamer does not start")
    return GStreamerProbe(
        pygobject=gi.__version__,
        version=tuple(gst.version()[:3]),
        missing=_missing(gst, NEEDS),
        lab_missing=_missing(gst, LAB_NEEDS),
        rtsp_server=_has_namespace(gi, LAB_NAMESPACE),
        fallbacksrc=_fallbacksrc(gst),
    )


def _fallbacksrc(gst: Any) -> str:
    if gst.ElementFactory.find(ELEMENT) is not None:
        return "installed with GStreamer"
    path = cached_plugin()
    return f"built, {path}" if path.is_file() else ""


def _missing(gst: Any, needs: tuple[Need, ...]) -> tuple[Need, ...]:
    return tuple(need for need in needs if not any(gst.ElementFactory.find(name) for name in need.any_of))


def _has_namespace(gi: Any, name: str) -> bool:
    try:
        gi.require_version(name, "1.0")
    except ValueError:
        return False
    return True
