"""The strategy ``restart``: a pipeline for the camera's picture, another for the fallback, each made when needed."""

from __future__ import annotations

from collections.abc import Sequence

from evertape.media.view.chain import DecoderChain
from evertape.media.view.output import Output
from evertape.media.view.screen import Screen, Stage
from evertape.media.view.timeline import PictureClock
from evertape.media.view.view import View
from evertape.types import VideoCaps


class RestartScreen(Screen):
    """See the module. The camera's pipeline is shown from its first picture on; until then the fallback stays."""

    _primary: Stage | None = None
    _other: Stage | None = None

    def start(self) -> None:
        """See ``Screen``."""
        self.show_fallback()

    def open_primary(self, video: VideoCaps, decoder: str) -> None:
        """See ``Screen``."""
        self._strike_primary()
        self.size = (video.width, video.height)
        chain = DecoderChain(video, decoder)
        stage = Stage(Output(self.options, lambda _pts: False))
        stage.pipeline.add(chain.bin)
        chain.bin.get_static_pad("src").link(stage.entry)
        # Every pipeline begins its time anew.
        self.clock = PictureClock()
        self.chain, self._primary = chain, stage
        stage.play()

    def close_primary(self) -> None:
        """See ``Screen``."""
        self._strike_primary()

    def show_primary(self) -> None:
        """See ``Screen``."""
        self.primary_shown = True
        self._strike_fallback()

    def show_fallback(self) -> None:
        """See ``Screen``."""
        self.primary_shown = False
        self._strike_primary()
        self._make_fallback(None)

    def renew_fallback(self, source: str) -> None:
        """See ``Screen``."""
        self._make_fallback(source)

    def stages(self) -> Sequence[Stage]:
        """See ``Screen``."""
        return [stage for stage in (self._primary, self._other) if stage is not None]

    def primary_stage(self) -> Stage | None:
        """See ``Screen``."""
        return self._primary

    def stop(self) -> None:
        """See ``Screen``."""
        self._strike_primary()
        self._strike_fallback()

    def _make_fallback(self, source: str | None) -> None:
        self._strike_fallback()
        stage = Stage(Output(self.options, lambda _pts: True))
        self.fallback = self.new_fallback(stage, source)
        stage.pipeline.add(self.fallback.bin)
        self.fallback.bin.get_static_pad("src").link(stage.entry)
        self._other = stage
        stage.play()

    def _strike_primary(self) -> None:
        stage, self._primary, self.chain = self._primary, None, None
        if stage is not None:
            stage.output.count_into(self.stats)
            stage.strike()

    def _strike_fallback(self) -> None:
        stage, self._other, self.fallback = self._other, None, None
        if stage is not None:
            stage.output.count_into(self.stats)
            stage.strike()


class RestartRTSP(View):
    """A view whose pipeline is made anew when the camera returns: simplest, and its window goes and comes."""

    screen_class = RestartScreen
