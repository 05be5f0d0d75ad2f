"""The audio's part of a receiving pipeline: a bin that can fail, be taken out and be put back while video goes on.

``rtspsrc`` stops everything as soon as one of its pads gets an error back, whichever that is. So the bin begins with an
``errorignore``, which swallows what the elements behind it return, and a bin that failed is taken off the pad before
anything is done to it; what comes meanwhile is dropped.

Who runs what: the owner calls every method but ``__init__`` and ``add``, which GStreamer's thread calls for the first
bin, when the pad appears; ``_on_idle`` runs on whichever thread finds the pad idle, and only takes the bin off.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from evertape.errors import SetupError
from evertape.media.gst.lib import Gst, dispose, first_element, make
from evertape.media.gst.reports import AUDIO

_DATA = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST
_WAYS_IN = ("sink", "recv_rtp_sink")
_DEEPEST = 16
"""Elements between an audio pad and the network; there are five in GStreamer 1.22."""


class AudioBranch:
    """See the module.

    Args:
        pipeline: where the bin lives.
        pad: of ``rtspsrc``.
        factories: what stands between the pad and ``sink``.
        sink: makes the end of a bin.

    Raises:
        SetupError: an element is missing, or cannot be linked.
    """

    def __init__(self, pipeline: Any, pad: Any, factories: Sequence[str], sink: Callable[[], Any]) -> None:
        self.kin = frozenset(_upstream(pad))
        """Names of the elements inside ``rtspsrc`` that serve this pad alone."""
        self._pipeline = pipeline
        self._pad = pad
        self._factories = factories
        self._make_sink = sink
        self._numbers = itertools.count()
        self._bin: Any = None
        self._failed: Any = None
        self._drop: int | None = None
        self._off = threading.Event()
        self.sink: Any = None
        """The end of the bin that is in place, or of the last one."""
        self.add()

    def add(self) -> None:
        """Put a new bin in place. Raises ``SetupError`` as the class does."""
        calm = ["errorignore"] if first_element("errorignore") is not None else []
        sink = self._make_sink()
        elements = [*(make(name) for name in (*calm, *self._factories)), sink]
        if calm:
            elements[0].set_property("convert-to", Gst.FlowReturn.OK)
        # Its name is what tells errors of audio from those of video.
        made = Gst.Bin.new(f"{AUDIO}-{next(self._numbers)}")
        for element in elements:
            made.add(element)
        for upstream, downstream in pairwise(elements):
            if not upstream.link(downstream):
                raise SetupError(f"GStreamer cannot link {upstream.get_name()} to {downstream.get_name()}")
        made.add_pad(Gst.GhostPad.new("sink", elements[0].get_static_pad("sink")))
        self._pipeline.add(made)
        made.sync_state_with_parent()
        if self._pad.link(made.get_static_pad("sink")) != Gst.PadLinkReturn.OK:
            self._retire(made)
            raise SetupError(f"GStreamer cannot link rtspsrc to {self._factories[0]}")
        self._bin, self.sink = made, sink
        if self._drop is not None:
            self._pad.remove_probe(self._drop)
            self._drop = None

    def fail(self) -> bool:
        """Take the bin out as soon as the pad is idle; false if none is in place."""
        if self._bin is None:
            return False
        self._failed, self._bin = self._bin, None
        # From before the bin is off until after the next one is on: a pad without a peer is an error, too.
        self._drop = self._pad.add_probe(_DATA, lambda _pad, _info: Gst.PadProbeReturn.DROP)
        self._pad.add_probe(Gst.PadProbeType.IDLE, self._on_idle)
        return True

    def cleared(self) -> bool:
        """The bin that failed is off the pad and on its way to NULL; until then there is no place for another."""
        if not self._off.is_set():
            return False
        self._off.clear()
        self._retire(self._failed)
        return True

    def _retire(self, made: Any) -> None:
        made.set_locked_state(True)
        self._pipeline.remove(made)
        dispose(made)

    # -- any thread -------------------------------------------------------------------------------

    def _on_idle(self, pad: Any, _info: Any) -> Any:
        peer = pad.get_peer()
        if peer is not None:
            pad.unlink(peer)
        self._off.set()
        return Gst.PadProbeReturn.REMOVE


def _upstream(pad: Any) -> list[str]:
    """The names of the elements that feed ``pad`` inside its bin, as far as they feed nothing else."""
    names: list[str] = []
    here = pad
    while here is not None and len(names) < _DEEPEST:
        while isinstance(here, Gst.GhostPad):
            here = here.get_target()
        element = here.get_parent_element() if here is not None else None
        if element is None:
            break
        names.append(element.get_name())
        here = next((found for name in _WAYS_IN if (found := element.get_static_pad(name)) is not None), None)
        here = _peer(here) if here is not None else None
    return names


def _peer(pad: Any) -> Any:
    """Its peer; that of the bin around it, if the pad is the inner end of one of the bin's."""
    peer = pad.get_peer()
    while peer is not None and not isinstance(peer, Gst.GhostPad) and isinstance(peer.get_parent(), Gst.GhostPad):
        peer = peer.get_parent().get_peer()
    return peer
