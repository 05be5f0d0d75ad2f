"""A view: takes encoded pictures from a source, has them decoded and shown, and the fallback when there are none.

Threads: one owner, the thread that calls ``run``, or the one that ``start`` makes. It polls the source, feeds the
decoder, reads the bus and decides; GStreamer's threads only count and post. ``stop`` may be called from anywhere.
"""

from __future__ import annotations

import contextlib
import logging
import select
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, Self

from evertape.clock import Clock, SystemClock
from evertape.domain.classify import Failure, classify_error, part_of
from evertape.domain.classify import Part as WorkPart
from evertape.domain.failure import ErrorDetail
from evertape.errors import EvertapeError, SetupError
from evertape.media.view.card import CardText, card_text
from evertape.media.view.decision import FallbackDecision, ShowFallback, Showing, ShowPrimary
from evertape.media.view.decoders import Answer, Trouble
from evertape.media.view.decoding import Decoding
from evertape.media.view.screen import BufferLevel, Part, PartFailed, Restarted, Screen, ScreenNews, Switched
from evertape.media.view.terms import (
    DecoderTroubled,
    FallbackActivated,
    FirstPicture,
    Pictures,
    PrimaryRecovered,
    SourceBuffering,
    SourceCaps,
    SourceChanged,
    SourceState,
    ViewEvent,
    ViewOptions,
    ViewSource,
    ViewStats,
)
from evertape.types import NS_PER_MS, NS_PER_S

log = logging.getLogger(__name__)

ROUND_NS = 20 * NS_PER_MS
"""How long the owner sleeps while nothing comes."""

OnEvent = Callable[[ViewEvent], None]


class WindowClosedError(EvertapeError):
    """A person closed the window. Nothing is wrong; end."""


class View:
    """See the module; subclasses name the strategy. A context manager: entering starts, leaving stops.

    Args:
        source: a camera's URL, any ``ViewSource``, or what makes one, on the view's thread.
        options: how to view.
        on_event: is told every event, on the view's thread.
        clock: both clocks.
    """

    screen_class: ClassVar[type[Screen]]

    def __init__(
        self,
        source: ViewSource | str | Callable[[], ViewSource],
        options: ViewOptions | None = None,
        on_event: OnEvent | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.options = options or ViewOptions()
        self.stats = ViewStats()
        self.error: EvertapeError | None = None
        """Why the view ended by itself."""
        self._source = source
        self._on_event = on_event
        self._clock = clock or SystemClock()
        self._stopping = threading.Event()
        self._size = self.options.frame_size
        self._fit = threading.Event()
        self._thread: threading.Thread | None = None
        self._screen = self.screen_class(self.options, self.stats)
        self._decoding = Decoding(self._screen, self.options, self.stats, self._decoder_troubled)
        self._began_ns = self._clock.boot_ns()
        self._decision = FallbackDecision(self.options.timeout_ns, self._began_ns)
        self._state = SourceState(False)
        self._fallback_ns: int | None = None

    # -- control ----------------------------------------------------------------------------------

    @property
    def showing(self) -> Showing:
        """What is on the screen."""
        return self._decision.showing

    def start(self) -> None:
        """View on a thread of its own."""
        self._thread = threading.Thread(target=self._main, name="evertape view", daemon=True)
        self._thread.start()

    def fit(self, size: tuple[int, int] | None) -> None:
        """See ``ViewOptions.frame_size``; from any thread, within a round. In a window: it has another size now."""
        self._size = size
        self._fit.set()

    @property
    def is_alive(self) -> bool:
        """The thread that ``start`` made has not ended yet."""
        return self._thread is not None and self._thread.is_alive()

    def ask_to_stop(self) -> None:
        """As ``stop``, without waiting."""
        self._stopping.set()

    def stop(self) -> None:
        """End it, and wait until its thread has; the pipelines follow on threads of their own."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def run(self, seconds: float | None = None) -> None:
        """View on this thread, for so long, or until ``stop`` or an error.

        Raises:
            SetupError: GStreamer lacks something.
            WindowClosedError: a person closed the window.
        """
        source = self._source
        if isinstance(source, str):
            from evertape.media.view.camera import camera_source

            source = camera_source(source, self.options, self._clock)
        elif callable(source):
            source = source()
        self._began_ns = self._clock.boot_ns()
        self._decision = FallbackDecision(self.options.timeout_ns, self._began_ns)
        until = None if seconds is None else self._began_ns + int(seconds * NS_PER_S)
        try:
            self._screen.start()
            while not self._stopping.is_set() and (until is None or self._clock.boot_ns() < until):
                self._round(source)
                _wait(source)
        finally:
            self._end_fallback()
            self._screen.stop()
            source.close()

    def _main(self) -> None:
        try:
            self.run()
        except EvertapeError as error:
            self.error = error
            log.error("[STREAMING] the view ended: %s", error)
        except Exception:
            # The thread's edge.
            self.error = SetupError("this is a mistake in Evertape; the log has the details")
            log.exception("[STREAMING] the view ended by a mistake of Evertape's own")

    # -- the round --------------------------------------------------------------------------------

    def _round(self, source: ViewSource) -> None:
        now = self._clock.boot_ns()
        if self._fit.is_set():
            self._fit.clear()
            self._screen.fit(self._size)
        for event in source.poll(now):
            match event:
                case SourceCaps(video=video):
                    self._decoding.described(video)
                case Pictures(pictures=pictures, skipped=skipped):
                    self.stats.skipped += skipped
                    self._decoding.take_in(pictures, now)
                case SourceState():
                    self._source_is(event, now)
        self._look_at_output(now)
        for news in self._screen.poll():
            self._screen_says(news, now)
        self._decoding.look(now)
        if not self._screen.decides and (verdict := self._decision.tick(now)) is not None:
            self._show_fallback(verdict, now)
        if not self._screen.primary_shown or self._screen.decides:
            self._screen.refresh(self._card(now), now)

    def _source_is(self, state: SourceState, now: int) -> None:
        if state.flowing != self._state.flowing or state.reason != self._state.reason:
            self._tell(SourceChanged(**self._stamp(), flowing=state.flowing, reason=state.reason))
        if self._state.flowing and not state.flowing and self._screen.decides:
            self._decoding.close()  # how it is told
        self._state = state
        self._decision.source(state.flowing, state.reason, now)

    # -- what comes out ---------------------------------------------------------------------------

    def _look_at_output(self, now: int) -> None:
        output = self._screen.take()
        if not output.count:
            return
        self._decoding.gave(output, now)
        if not self._screen.decides and (verdict := self._decision.picture(now)) is not None:
            self._show_primary(verdict)
        elif self._screen.decides and self._screen.primary_shown:
            self._announce_primary(self._decision.picture(now))

    def _screen_says(self, news: ScreenNews, now: int) -> None:
        match news:
            case PartFailed(part=Part.SINK, closed=True):
                raise WindowClosedError("the window was closed")
            case PartFailed(part=Part.SINK, error=error):
                raise SetupError(f"pictures cannot be shown: {error.debug}", hint="--sink fake shows none")
            case PartFailed(part=Part.DECODER, error=error):
                self._decoding.failed(now, error)
            case Restarted():
                self._decoding.restarted()
            case PartFailed(part=Part.FALLBACK, error=error):
                log.warning("[STREAMING] the fallback cannot be shown, the card is instead: %s", error.debug)
            case Switched(primary=True):
                self._screen.primary_shown = True
                self._announce_primary(self._decision.picture(now))
            case Switched(primary=False):
                self._screen.primary_shown = False
                self._announce_fallback(now)
            case BufferLevel(percent=percent):
                # A live picture is never paused for a buffer: what is not shown now is lost.
                self._tell(SourceBuffering(**self._stamp(), percent=percent))

    def _decoder_troubled(self, decoder: str, trouble: Trouble, answer: Answer, error: ErrorDetail) -> None:
        # One that was seen to stall, or to come to an end, was posted by nobody.
        part = part_of(error.ancestry) if error.ancestry else WorkPart.VIEW
        self._tell(
            DecoderTroubled(
                **self._stamp(),
                decoder=decoder,
                trouble=trouble.value,
                action=answer.action.value,
                next=answer.decoder,
                priority=str(classify_error(Failure(detail=error, part=part)).priority),
                element=error.element,
                domain=error.domain,
                code=error.code,
                debug=error.debug,
            )
        )

    # -- fallback and back ------------------------------------------------------------------------

    def _show_fallback(self, verdict: ShowFallback, now: int) -> None:
        self._decoding.close()
        self._screen.show_fallback()
        self._fallback_ns = now
        self.stats.fallbacks += 1
        self._tell(FallbackActivated(**self._stamp(), reason=verdict.reason, still_ns=verdict.still_ns))

    def _announce_fallback(self, now: int) -> None:
        """The screen switched by itself; the start, before the first picture, is no news."""
        verdict = self._decision.force(now)
        if verdict is not None:
            self._fallback_ns = now
            self.stats.fallbacks += 1
            self._tell(FallbackActivated(**self._stamp(), reason=verdict.reason, still_ns=verdict.still_ns))

    def _show_primary(self, verdict: ShowPrimary) -> None:
        self._screen.show_primary()
        self._announce_primary(verdict)

    def _announce_primary(self, verdict: ShowPrimary | None) -> None:
        if verdict is None:
            return
        self._end_fallback()
        video = self._decoding.video
        if verdict.first and video is not None:
            self._tell(
                FirstPicture(
                    **self._stamp(),
                    after_ns=self._clock.boot_ns() - self._began_ns,
                    decoder=self._decoding.name,
                    width=video.width,
                    height=video.height,
                )
            )
        if verdict.outage_ns is not None:
            self._tell(PrimaryRecovered(**self._stamp(), outage_ns=verdict.outage_ns))

    def _end_fallback(self) -> None:
        if self._fallback_ns is not None:
            self.stats.fallback_ns += self._clock.boot_ns() - self._fallback_ns
            self._fallback_ns = None

    def _card(self, now: int) -> CardText:
        waiting = self._decision.showing is Showing.NOTHING_YET
        since = None if waiting else self._clock.utc_ns() - (now - self._decision.still_since_ns)
        retry = self._state.retry_at_ns
        return card_text(
            self.options.title,
            since_utc_ns=since,
            reason="" if self._state.flowing else self._state.reason,
            retry_in_ns=None if retry is None else retry - now,
            zone=self.options.zone,
        )

    # -- telling ----------------------------------------------------------------------------------

    def _stamp(self) -> dict[str, int]:
        return {"boot_ns": self._clock.boot_ns(), "utc_ns": self._clock.utc_ns()}

    def _tell(self, event: ViewEvent) -> None:
        title = self.options.title or "view"
        match event:
            case FallbackActivated(reason=reason, still_ns=still_ns):
                log.info("[STREAMING] %s: no signal for %.1f s (%s)", title, still_ns / NS_PER_S, reason)
            case PrimaryRecovered(outage_ns=outage_ns):
                log.info("[STREAMING] %s: the picture is back after %.1f s", title, outage_ns / NS_PER_S)
            case _:
                log.debug("[STREAMING] %s: %s", title, event)
        if self._on_event is not None:
            self._on_event(event)


def _wait(source: ViewSource) -> None:
    """Until the source has something, at most a round."""
    fileno = source.fileno()
    if fileno is None:
        time.sleep(ROUND_NS / NS_PER_S)
        return
    with contextlib.suppress(OSError, ValueError):  # closed meanwhile; the next poll finds out
        select.select([fileno], [], [], ROUND_NS / NS_PER_S)
