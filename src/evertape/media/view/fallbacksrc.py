"""The strategy ``fallbacksrc``: GStreamer's own element of that name (gst-plugins-rs) switches, times out and restarts.

It is given two bins instead of URIs: the decoder that the view feeds, and the fallback. So it never opens a session
with the camera, and restarting its source means taking our bin to NULL and back. That the source is gone is told to it
by an error in that bin; an end-of-stream does as well (``restart-on-eos``), but GStreamer 1.22 prints a critical
warning when the element drops it. What it does is read from its switch and its statistics: it posts no message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evertape.domain.failure import ErrorDetail
from evertape.media.gst.lib import Gst, make
from evertape.media.view.chain import LATENCY_NS, DecoderChain
from evertape.media.view.fallback import video_ghost
from evertape.media.view.output import Output
from evertape.media.view.plugins import ELEMENT, need_fallbacksrc
from evertape.media.view.screen import Part, PartFailed, Restarted, Screen, ScreenNews, Stage, Switched
from evertape.media.view.view import View
from evertape.types import VideoCaps

_NEVER_NS = 10 * 365 * 24 * 3600 * 10**9
"""``retry-timeout``: after it, the element stops for good. Ten years."""

_FAILURES = ("error", "state-change-failure")


class _Source:
    """The bin that ``fallbacksrc`` takes for its source: a pad for ever, and the decoder of the moment behind it."""

    def __init__(self) -> None:
        self.bin = Gst.Bin.new(None)
        self._pad = video_ghost()
        self.bin.add_pad(self._pad)
        self._pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, _drop_end)
        # Whether its source is live is asked when it starts, and there is no decoder yet.
        self._idle: Any = make("appsrc", is_live=True, format=Gst.Format.TIME, min_latency=LATENCY_NS)
        self.bin.add(self._idle)
        self._pad.set_target(self._idle.get_static_pad("src"))

    def fill(self, chain: DecoderChain, old: DecoderChain | None) -> None:
        """Put ``chain`` in the place of ``old``."""
        self._pad.set_target(None)
        if old is not None:
            old.retire()
        if self._idle is not None:
            idle, self._idle = self._idle, None
            idle.set_locked_state(True)
            self.bin.remove(idle)
            idle.set_state(Gst.State.NULL)
        self.bin.add(chain.bin)
        self._pad.set_target(chain.bin.get_static_pad("src"))
        chain.bin.sync_state_with_parent()


class FallbackSrcScreen(Screen):
    """See the module."""

    decides = True
    _stage: Stage | None = None

    def start(self) -> None:
        """See ``Screen``. Raises ``SetupError`` where the element is missing; the hint says how to get it."""
        need_fallbacksrc()
        stage = self._stage = Stage(Output(self.options, lambda _pts: not self.primary_shown))
        self._source = _Source()
        self._element = make(
            ELEMENT,
            timeout=self.options.timeout_ns,
            restart_timeout=self.options.restart_ns,
            retry_timeout=_NEVER_NS,
            restart_on_eos=True,
            immediate_fallback=True,
            enable_audio=False,
            source=self._source.bin,
        )
        if "://" in self.options.fallback_source:
            self._element.set_property("fallback-uri", self.options.fallback_source)
        else:
            self.fallback = self.new_fallback(stage)
            pad = self.fallback.bin.get_static_pad("src")
            pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, _name_stream)
            self._element.set_property("fallback-source", self.fallback.bin)
        stage.pipeline.add(self._element)
        self._switches: list[Any] = []
        self._retries = self._given_up = 0
        self._signals = [
            (self._element, self._element.connect("pad-added", self._on_pad)),
            (self._element, self._element.connect("deep-element-added", self._on_element)),
        ]
        for switch in self._find_switches():
            self._switches.append(switch)
        stage.play()

    def open_primary(self, video: VideoCaps, decoder: str) -> None:
        """See ``Screen``."""
        old, self.chain = self.chain, DecoderChain(video, decoder)
        self._source.fill(self.chain, old)

    def close_primary(self) -> None:
        """See ``Screen``: the decoder stays until it is replaced, because the element restarts it by itself."""
        if self.chain is not None:
            self._given_up += 1
            self.chain.fail("the camera is gone")

    def show_primary(self) -> None:
        """See ``Screen``: the element does."""

    def show_fallback(self) -> None:
        """See ``Screen``: the element does."""

    def renew_fallback(self, source: str) -> None:
        """See ``Screen``: the element restarts its fallback by itself."""

    def stages(self) -> Sequence[Stage]:
        """See ``Screen``."""
        return [self._stage] if self._stage is not None else []

    def primary_stage(self) -> Stage | None:
        """See ``Screen``."""
        return self._stage

    def poll(self) -> list[ScreenNews]:
        """See ``Screen``. The element keeps its source's errors to itself; its statistics tell of them."""
        found = super().poll()
        if self._stage is None:
            return found
        statistics = self._element.get_property("statistics")
        retries = statistics.get_value("num-retry")
        if retries != self._retries:
            ours, self._given_up = self._given_up, 0
            self._retries = self.stats.source_restarts = retries
            found.append(Restarted())
            if not ours and statistics.get_value("last-retry-reason").value_nick in _FAILURES:
                found.append(PartFailed(Part.DECODER, ErrorDetail(ELEMENT, debug="an error inside fallbacksrc")))
        primary = self._shows_primary()
        if primary is not None and primary != self.primary_shown:
            found.append(Switched(primary))
        return found

    def stop(self) -> None:
        """See ``Screen``."""
        stage, self._stage = self._stage, None
        if stage is None:
            return
        for target, number in self._signals:
            target.disconnect(number)
        stage.output.count_into(self.stats)
        # As a whole: what is in the element's bins is its own.
        stage.strike()
        self.chain = self.fallback = None

    def _shows_primary(self) -> bool | None:
        for switch in list(self._switches):
            pad = switch.get_property("active-pad")
            if pad is not None:
                return bool(pad.get_property("priority") == 0)
        return None

    def _find_switches(self) -> list[Any]:
        iterator, found = self._element.iterate_recurse(), []
        while (step := iterator.next())[0] == Gst.IteratorResult.OK:
            if step[1].get_factory() is not None and step[1].get_factory().get_name() == "fallbackswitch":
                found.append(step[1])
        return found

    # -- GStreamer's threads ----------------------------------------------------------------------

    def _on_pad(self, _element: Any, pad: Any) -> None:
        stage = self._stage
        if stage is not None and not stage.entry.is_linked():
            pad.link(stage.entry)

    def _on_element(self, _bin: Any, _parent: Any, element: Any) -> None:
        if element.get_factory() is not None and element.get_factory().get_name() == "fallbackswitch":
            self._switches.append(element)


def _drop_end(_pad: Any, info: Any) -> Any:
    """An end-of-stream that comes of taking a decoder down means nothing here."""
    ended = info.get_event().type == Gst.EventType.EOS
    return Gst.PadProbeReturn.DROP if ended else Gst.PadProbeReturn.OK


def _name_stream(pad: Any, info: Any) -> Any:
    """Replace the beginning of a stream by the one that ``fallbacksrc`` has laid on its own pad.

    Ours names no ``GstStream``, and version 0.15.4 panics over that as soon as its main source is restarted
    (``handle_stream_collection``).
    """
    event = info.get_event()
    if event.type != Gst.EventType.STREAM_START or event.parse_stream() is not None:
        return Gst.PadProbeReturn.OK
    peer = pad.get_peer()
    outer = peer.get_parent() if peer is not None else None
    theirs = outer.get_sticky_event(Gst.EventType.STREAM_START, 0) if isinstance(outer, Gst.Pad) else None
    if theirs is None or theirs.parse_stream() is None:
        return Gst.PadProbeReturn.OK
    pad.push_event(theirs)
    return Gst.PadProbeReturn.DROP


class FallbackRTSPPlayer(View):
    """A view by ``fallbacksrc``, which has to be installed or built (``tools/build-fallbackswitch``).

    Args:
        source: a camera's URL, or any ``ViewSource``.
        options: see ``ViewOptions``.
        on_event: is told every ``ViewEvent``, on the view's thread.
    """

    screen_class = FallbackSrcScreen
