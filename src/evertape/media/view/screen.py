"""GStreamer's half of a view, what the three strategies have in common.

Who runs what: the owner, which is the view's thread, calls every method. GStreamer's threads run the probes, which
count, and otherwise only post to the bus, which ``poll`` reads.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from evertape.domain.failure import ErrorDetail
from evertape.media.gst.lib import Gst, dispose, new_pipeline
from evertape.media.gst.reports import error_detail
from evertape.media.view.card import CardText
from evertape.media.view.chain import DecoderChain
from evertape.media.view.chain import Output as ChainOutput
from evertape.media.view.fallback import AGAIN_NS, FallbackBin, make_fallback
from evertape.media.view.output import Output
from evertape.media.view.terms import Picture, ViewOptions, ViewStats
from evertape.media.view.timeline import PictureClock
from evertape.redact import redact
from evertape.types import VideoCaps

log = logging.getLogger(__name__)

DEFAULT_SIZE = (640, 360)
"""Of a fallback shown before the camera has said how large its picture is."""


class Part(StrEnum):
    """What of a screen posted an error."""

    DECODER = "decoder"
    FALLBACK = "fallback"
    SINK = "sink"


@dataclass(frozen=True, slots=True)
class PartFailed:
    """A part posted an error. ``closed``: a person closed the window."""

    part: Part
    error: ErrorDetail
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Switched:
    """A screen that decides by itself shows the camera's picture, or the fallback, from now on."""

    primary: bool


@dataclass(frozen=True, slots=True)
class BufferLevel:
    """Something fills a buffer."""

    percent: int


@dataclass(frozen=True, slots=True)
class Restarted:
    """A screen took its decoder down and up again."""


ScreenNews = PartFailed | Switched | BufferLevel | Restarted


class Stage:
    """One pipeline with its output and its running time.

    Args:
        output: where it ends.
    """

    def __init__(self, output: Output) -> None:
        self.output = output
        self.pipeline = new_pipeline()
        self._clock = Gst.SystemClock.obtain()
        self.pipeline.use_clock(self._clock)
        self._bus = self.pipeline.get_bus()
        self.entry = output.add_to(self.pipeline)

    def play(self) -> None:
        """Begin; what comes of it is on the bus."""
        self.pipeline.set_state(Gst.State.PLAYING)

    def running_ns(self) -> int:
        """Now, on the pipeline's own time line; 0 before it plays."""
        base = self.pipeline.get_base_time()
        return max(0, int(self._clock.get_time() - base)) if base else 0

    def messages(self) -> Iterator[Any]:
        """What was posted since the last call, those for GStreamer itself seen to."""
        while (message := self._bus.pop()) is not None:
            if message.type == Gst.MessageType.LATENCY:
                self.pipeline.recalculate_latency()
            else:
                yield message

    def strike(self) -> None:
        """Take it down on a thread of its own; returns at once. Call it once."""
        dispose(self.pipeline, self.output.stop)


class Screen:
    """See the module; one subclass per strategy.

    Args:
        options: how to view.
        stats: where to count.
    """

    decides = False
    """It shows fallback and picture by itself, and says so with ``Switched``."""

    def __init__(self, options: ViewOptions, stats: ViewStats) -> None:
        self.options = options
        self.stats = stats
        self.chain: DecoderChain | None = None
        self.fallback: FallbackBin | None = None
        self.clock = PictureClock()
        self.primary_shown = False
        self.size = DEFAULT_SIZE
        self._renewed_ns = 0

    # -- what strategies do -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin with the fallback. Raises ``SetupError`` if something is missing."""
        raise NotImplementedError

    def open_primary(self, video: VideoCaps, decoder: str) -> None:
        """Make a decoder, in place of one that may be there; pictures pushed from now on go to it."""
        raise NotImplementedError

    def close_primary(self) -> None:
        """The source is gone: let go of the decoder."""
        raise NotImplementedError

    def show_primary(self) -> None:
        """The decoder gave a picture: show it and what follows."""
        raise NotImplementedError

    def show_fallback(self) -> None:
        """Show the fallback."""
        raise NotImplementedError

    def stages(self) -> Sequence[Stage]:
        """Every pipeline there is."""
        raise NotImplementedError

    def primary_stage(self) -> Stage | None:
        """The one that the decoder is in."""
        raise NotImplementedError

    def poll(self) -> list[ScreenNews]:
        """What happened since the last call."""
        return [news for stage in self.stages() for news in self._read(stage)]

    def stop(self) -> None:
        """Take everything down on threads of its own; returns at once. Idempotent."""
        for stage in self.stages():
            stage.output.count_into(self.stats)
            stage.strike()
        if self.chain is not None:
            self.chain.retire()
        if self.fallback is not None:
            self.fallback.retire()
        self.chain = self.fallback = None

    # -- what they share --------------------------------------------------------------------------

    def fit(self, size: tuple[int, int] | None) -> None:
        """See ``ViewOptions.frame_size``; from now on."""
        self.options = replace(self.options, frame_size=size)
        for stage in self.stages():
            stage.output.fit(size)

    def push(self, pictures: Sequence[Picture]) -> bool:
        """Give the decoder pictures that came together; false if it does not take any now."""
        stage = self.primary_stage()
        if self.chain is None or stage is None:
            return False
        times = self.clock.place(pictures, stage.running_ns())
        return all(self.chain.push(p.data, at, p.key) for p, at in zip(pictures, times, strict=True))

    def waiting_ns(self) -> int:
        """How far the decoder is behind."""
        return self.chain.waiting_ns() if self.chain is not None else 0

    def take(self) -> ChainOutput:
        """What the decoder gave since the last call; counts what reached the sinks too."""
        for stage in self.stages():
            stage.output.count_into(self.stats)
        return self.chain.take() if self.chain is not None else ChainOutput()

    def refresh(self, text: CardText, now_ns: int) -> None:
        """Keep the fallback alive, with this text on it, if it is a card."""
        fallback = self.fallback
        if fallback is None:
            return
        if fallback.ended:
            if now_ns - self._renewed_ns >= AGAIN_NS:
                self._renewed_ns = now_ns
                self.renew_fallback(fallback.source)
        else:
            fallback.refresh(text, now_ns)

    def renew_fallback(self, source: str) -> None:
        """Make the fallback anew: a file came to its end, or could not be shown and ``source`` is to be."""
        raise NotImplementedError

    def new_fallback(self, stage: Stage, source: str | None = None) -> FallbackBin:
        """A fallback for ``stage``."""
        return make_fallback(source or self.options.fallback_source, self.size, stage.running_ns)

    def _read(self, stage: Stage) -> Iterator[ScreenNews]:
        for message in stage.messages():
            match message.type:
                case Gst.MessageType.BUFFERING:
                    yield BufferLevel(int(message.parse_buffering()))
                case Gst.MessageType.ERROR:
                    yield self._failed(message, stage)
                case Gst.MessageType.EOS if stage is self.primary_stage():
                    # A live picture has no end: what came to one is of no more use.
                    yield PartFailed(
                        Part.DECODER, ErrorDetail("sink", debug="the end of the stream reached the screen")
                    )
                case _:
                    note_message(message)

    def _failed(self, message: Any, stage: Stage) -> PartFailed:
        error = message.parse_error()[0]
        part = self._part(message.src, stage)
        if part is Part.FALLBACK and self.fallback is not None and self.fallback.source != "card":
            self.renew_fallback("card")
        closed = part is Part.SINK and error.matches(Gst.ResourceError.quark(), int(Gst.ResourceError.NOT_FOUND))
        return PartFailed(part, error_detail(message), closed)

    def _part(self, element: Any, stage: Stage) -> Part:
        if self.chain is not None and _within(element, self.chain.bin):
            return Part.DECODER
        if self.fallback is not None and _within(element, self.fallback.bin):
            return Part.FALLBACK
        return Part.SINK if _within(element, stage.output.sink) else Part.DECODER


def note_message(message: Any) -> None:
    """Put a message that changes nothing into the log: a warning as one, an element's own for whoever looks closely."""
    match message.type:
        case Gst.MessageType.WARNING:
            warning, debug = message.parse_warning()
            name, text = message.src.get_name(), redact(f"{warning.message} ({warning.domain} {warning.code}; {debug})")
            log.warning("[STREAMING] %s warns: %s", name, text)
        case Gst.MessageType.ELEMENT:
            structure = message.get_structure()
            log.debug(
                "[STREAMING] %s says %s", message.src.get_name(), structure.get_name() if structure else "nothing"
            )
        case _:
            pass


def _within(element: Any, ancestor: Any) -> bool:
    return element == ancestor or bool(element.has_as_ancestor(ancestor))
