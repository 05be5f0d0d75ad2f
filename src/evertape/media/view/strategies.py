"""Which class does which strategy."""

from __future__ import annotations

from evertape.media.view.terms import FallbackStrategy
from evertape.media.view.view import View


def view_class(strategy: FallbackStrategy) -> type[View]:
    """The view for a strategy; loads GStreamer."""
    match strategy:
        case FallbackStrategy.RESTART:
            from evertape.media.view.restart import RestartRTSP

            return RestartRTSP
        case FallbackStrategy.INPUT_SELECTOR:
            from evertape.media.view.selector import InputSelectorRTSP

            return InputSelectorRTSP
        case FallbackStrategy.FALLBACKSRC:
            from evertape.media.view.fallbacksrc import FallbackRTSPPlayer

            return FallbackRTSPPlayer
