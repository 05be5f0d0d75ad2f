"""Evertape's one door to ``gi``: versions are pinned, and a missing piece is named in plain words.

Importing this loads some 30 MB of libraries, so nothing imports it before it is needed: a recorder
whose cameras all go through the direct receiver never does.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from typing import Any

from evertape.errors import SetupError

log = logging.getLogger(__name__)

_HINT = (
    "on Debian and Ubuntu: apt install python3-gi gir1.2-gst-plugins-base-1.0 "
    "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav"
)

try:
    import gi

    for _namespace in ("Gst", "GstApp", "GstRtsp", "GstSdp"):
        gi.require_version(_namespace, "1.0")
    from gi.repository import Gio, Gst, GstApp, GstRtsp, GstSdp
except (ImportError, ValueError) as missing:
    raise SetupError(
        f"GStreamer or its Python bindings cannot be loaded ({missing})",
        hint=f"{_HINT}; then `evertape doctor` checks every piece",
    ) from missing

_ready, _ = Gst.init_check(None)
if not _ready:
    raise SetupError("GStreamer does not start", hint=f"{_HINT}; then `evertape doctor` checks every piece")

# The bindings make a class when it is first asked for, and not safely when two threads ask at once: PyGObject 3.42
# gives each its own, and refuses one's to the other. GStreamer's threads ask for these; of others only owners ask.
_ASKED_BY_THREADS = [
    getattr(Gst, _name)
    for _name in (
        "Bin Buffer BufferFlags Caps CapsFeatures Element ElementFactory Event EventType FlowReturn Format GhostPad "
        "MapFlags Message MessageType Pad PadProbeInfo PadProbeReturn PadProbeType Query Sample Segment State "
        "StateChangeReturn Stream Structure"
    ).split()
]

__all__ = [
    "Gio",
    "Gst",
    "GstApp",
    "GstRtsp",
    "GstSdp",
    "dispose",
    "first_element",
    "join_disposals",
    "make",
    "new_pipeline",
    "pending_disposals",
    "pipelines_left",
]

# How long an exiting process waits for pipelines on their way to NULL; that takes 5 to 100 ms unless something hangs.
_EXIT_WAIT_S = 2.0


def make(factory: str, **properties: Any) -> Any:
    """A new element with properties set (``max_buffers`` is ``max-buffers``).

    Raises:
        SetupError: GStreamer lacks the element.
    """
    element = Gst.ElementFactory.make(factory)
    if element is None:
        raise SetupError(f"GStreamer has no element {factory}", hint=_HINT)
    for name, value in properties.items():
        element.set_property(name.replace("_", "-"), value)
    return element


def first_element(*names: str) -> str | None:
    """The first of ``names`` that this GStreamer has, or ``None``."""
    return next((name for name in names if Gst.ElementFactory.find(name) is not None), None)


class _Pipelines:
    """Every pipeline that is not NULL. Those being disposed of have a thread each that may be abandoned.

    ``set_state(NULL)`` waits for streaming threads and for ``TEARDOWN``; whoever owns a pipeline must not.
    A strong reference is kept until it is done: an interpreter that exits while pipelines still run, or
    lets go of one that is not NULL, crashes.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._live: set[Any] = set()
        self._going = 0

    def adopt(self, pipeline: Any) -> None:
        with self._changed:
            self._live.add(pipeline)

    def dispose(
        self, pipeline: Any, after: Callable[[], None] | None, before: Callable[[], None] | None = None
    ) -> None:
        with self._changed:
            self._live.discard(pipeline)
            self._going += 1
        threading.Thread(target=self._run, args=(pipeline, after, before), name="gst-null", daemon=True).start()

    def _run(self, pipeline: Any, after: Callable[[], None] | None, before: Callable[[], None] | None) -> None:
        try:
            if before is not None:
                before()
            pipeline.set_state(Gst.State.NULL)
            if after is not None:
                after()
        except Exception:
            log.exception("a pipeline could not be put away")
        finally:
            with self._changed:
                self._going -= 1
                self._changed.notify_all()

    def going(self) -> int:
        with self._changed:
            return self._going

    def left(self) -> int:
        with self._changed:
            return len(self._live) + self._going

    def join(self, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._going == 0, timeout_s)

    def at_exit(self) -> None:
        with self._changed:
            live = list(self._live)
        for pipeline in live:
            self.dispose(pipeline, None)
        self.join(_EXIT_WAIT_S)


_pipelines = _Pipelines()
atexit.register(_pipelines.at_exit)


def new_pipeline() -> Any:
    """An empty pipeline that ends with the interpreter if not before; give it to ``dispose`` when done."""
    pipeline = Gst.Pipeline.new(None)
    _pipelines.adopt(pipeline)
    return pipeline


def dispose(pipeline: Any, after: Callable[[], None] | None = None, before: Callable[[], None] | None = None) -> None:
    """Take ``pipeline`` to NULL on a worker thread and forget it; returns at once.

    Args:
        pipeline: of ``new_pipeline``; nobody may use it afterwards.
        after: called on the worker thread when it is done.
        before: called there first; may block for a while.
    """
    _pipelines.dispose(pipeline, after, before)


def pipelines_left() -> int:
    """How many pipelines are not NULL yet, in use or on their way; what only grows is a leak."""
    return _pipelines.left()


def pending_disposals() -> int:
    """How many pipelines are still on their way to NULL; one that stays is hung."""
    return _pipelines.going()


def join_disposals(timeout_s: float) -> bool:
    """Wait until every disposed pipeline is NULL; false if some were not within ``timeout_s`` seconds."""
    return _pipelines.join(timeout_s)
