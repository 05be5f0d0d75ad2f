"""The strategy ``input-selector``: one pipeline that never leaves PLAYING, and a switch in it.

The decoder sits in a bin of its own in front of one pad of the switch and is thrown away when the source is gone; the
fallback in front of the other. Nothing that happens to either reaches what lies behind the switch: an end-of-stream is
dropped before it, and so are pictures from before the moment of switching, so that time never runs backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evertape.media.gst.lib import Gst, make
from evertape.media.view.chain import DecoderChain
from evertape.media.view.output import Output
from evertape.media.view.screen import Screen, Stage
from evertape.media.view.view import View
from evertape.types import VideoCaps


class SelectorScreen(Screen):
    """See the module."""

    _stage: Stage | None = None

    def start(self) -> None:
        """See ``Screen``."""
        stage = self._stage = Stage(Output(self.options, self._is_fallback))
        # Pads are fed in their own time; waiting for the one that is dead would be the end.
        self._switch = make("input-selector", sync_streams=False)
        stage.pipeline.add(self._switch)
        self._primary_pad = self._switch.request_pad_simple("sink_%u")
        self._other_pad = self._switch.request_pad_simple("sink_%u")
        self._floor_ns = 0
        mask = Gst.PadProbeType.BUFFER | Gst.PadProbeType.EVENT_DOWNSTREAM
        self._guards = [(pad, pad.add_probe(mask, self._on_data)) for pad in (self._primary_pad, self._other_pad)]
        self._switch.get_static_pad("src").link(stage.entry)
        self.show_fallback()
        stage.play()

    def open_primary(self, video: VideoCaps, decoder: str) -> None:
        """See ``Screen``."""
        assert self._stage is not None
        self.close_primary()
        self.size = (video.width, video.height)
        self.chain = DecoderChain(video, decoder)
        self._stage.pipeline.add(self.chain.bin)
        self.chain.bin.get_static_pad("src").link(self._primary_pad)
        self.chain.bin.sync_state_with_parent()

    def close_primary(self) -> None:
        """See ``Screen``."""
        chain, self.chain = self.chain, None
        if chain is not None:
            chain.retire()

    def show_primary(self) -> None:
        """See ``Screen``."""
        assert self._stage is not None
        self._floor_ns = self._stage.output.last_ns + 1
        self.primary_shown = True
        self._switch.set_property("active-pad", self._primary_pad)
        self._retire_fallback()

    def show_fallback(self) -> None:
        """See ``Screen``."""
        self.primary_shown = False
        self.renew_fallback(self.options.fallback_source)
        self._switch.set_property("active-pad", self._other_pad)

    def renew_fallback(self, source: str) -> None:
        """See ``Screen``."""
        assert self._stage is not None
        self._retire_fallback()
        self.fallback = self.new_fallback(self._stage, source)
        self._stage.pipeline.add(self.fallback.bin)
        self.fallback.bin.get_static_pad("src").link(self._other_pad)
        self.fallback.bin.sync_state_with_parent()

    def stages(self) -> Sequence[Stage]:
        """See ``Screen``."""
        return [self._stage] if self._stage is not None else []

    def primary_stage(self) -> Stage | None:
        """See ``Screen``."""
        return self._stage

    def stop(self) -> None:
        """See ``Screen``."""
        super().stop()
        self._stage = None

    def _retire_fallback(self) -> None:
        fallback, self.fallback = self.fallback, None
        if fallback is not None:
            fallback.retire()

    # -- GStreamer's threads ----------------------------------------------------------------------

    def _is_fallback(self, pts: int) -> bool:
        # One that waits in the sink while the switch turns is still what it was.
        return not self.primary_shown or pts < self._floor_ns

    def _on_data(self, _pad: Any, info: Any) -> Any:
        if info.type & Gst.PadProbeType.BUFFER:
            late = self.primary_shown and info.get_buffer().pts < self._floor_ns
            return Gst.PadProbeReturn.DROP if late else Gst.PadProbeReturn.OK
        ended = info.get_event().type == Gst.EventType.EOS
        return Gst.PadProbeReturn.DROP if ended else Gst.PadProbeReturn.OK


class InputSelectorRTSP(View):
    """A view with one pipeline that never leaves PLAYING; the window stays, and time goes on.

    Args:
        source: a camera's URL, or any ``ViewSource``.
        options: see ``ViewOptions``.
        on_event: is told every ``ViewEvent``, on the view's thread.
    """

    screen_class = SelectorScreen
