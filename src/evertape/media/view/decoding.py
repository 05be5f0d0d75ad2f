"""The decoder's side of a view: which one, whether it is in order, and what is given to it. The view's thread only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import groupby

from evertape.domain.failure import ErrorDetail
from evertape.media.view.chain import Output, has_element
from evertape.media.view.decoders import Action, Answer, DecoderChoice, DecoderHealth, Trouble, candidates
from evertape.media.view.screen import Screen
from evertape.media.view.terms import Picture, ViewOptions, ViewStats
from evertape.types import VideoCaps

log = logging.getLogger(__name__)

OnTrouble = Callable[[str, Trouble, Answer, ErrorDetail], None]
"""Is told the decoder, what is wrong with it, what is done, and what GStreamer said."""


class Decoding:
    """See the module.

    Args:
        screen: has the decoder made and fed.
        options: which decoder, and how far behind it may be.
        stats: where to count.
        on_trouble: is told when a decoder is in trouble.
    """

    def __init__(self, screen: Screen, options: ViewOptions, stats: ViewStats, on_trouble: OnTrouble) -> None:
        self._screen = screen
        self._options = options
        self._stats = stats
        self._on_trouble = on_trouble
        self.video: VideoCaps | None = None
        self._choice: DecoderChoice | None = None
        self._health: DecoderHealth | None = None
        """Of the decoder that is in order; ``None`` while there is none."""
        self._needs_key = True

    @property
    def name(self) -> str:
        """The decoder in use, "" before it is known what to decode."""
        return self._choice.name if self._choice is not None else ""

    def described(self, video: VideoCaps) -> None:
        """What comes next needs another decoder. Raises ``SetupError`` if there is none for it."""
        if video == self.video:
            return
        if self.video is None or self.video.codec is not video.codec:
            self._choice = DecoderChoice(candidates(video.codec, self._options.decoder, has_element))
        self.video = video
        self._health, self._needs_key = None, True

    def take_in(self, pictures: Sequence[Picture], now_ns: int) -> None:
        """Give the decoder what came together, from a keyframe on if it needs one; makes it if there is none."""
        self._stats.received += len(pictures)
        if self._health is not None and self._screen.waiting_ns() > self._options.max_behind_ns:
            self._needs_key = True
        first = next((i for i, p in enumerate(pictures) if p.key), len(pictures)) if self._needs_key else 0
        self._stats.skipped += first
        if first == len(pictures) or self.video is None or self._choice is None:
            return
        if self._health is None:
            self._screen.open_primary(self.video, self._choice.name)
            self._health = DecoderHealth(now_ns)
        self._needs_key = False
        for _, part in groupby(pictures[first:], lambda picture: picture.epoch):
            self._push(self._health, list(part))

    def _push(self, health: DecoderHealth, pictures: list[Picture]) -> None:
        if not self._screen.push(pictures):
            self._stats.skipped += len(pictures)
            self._needs_key = True
            return
        for picture in pictures:
            health.pushed(picture.key)

    def gave(self, output: Output, now_ns: int) -> None:
        """The decoder gave pictures."""
        self._stats.decoded += output.count
        self._stats.corrupt += max(output.corrupt, output.bad_looks)
        if self._health is not None:
            self._health.gave(output.count, output.looks, output.bad_looks, now_ns)
        if self._choice is not None:
            self._choice.gave_picture()

    def look(self, now_ns: int) -> None:
        """See whether the decoder is in order."""
        if self._health is not None and (trouble := self._health.trouble(now_ns)) is not None:
            self._in_trouble(trouble, now_ns, ErrorDetail())

    def failed(self, now_ns: int, error: ErrorDetail) -> None:
        """The decoder, or what lies beside it, posted an error. One that is given up already may go on to."""
        if self._health is not None:
            self._in_trouble(Trouble.FAILED, now_ns, error)

    def restarted(self) -> None:
        """Somebody took the decoder down and up again: it knows nothing of what it was given."""
        self._needs_key = True

    def close(self) -> None:
        """The source is gone."""
        self._screen.close_primary()
        self._health, self._needs_key = None, True

    def _in_trouble(self, trouble: Trouble, now_ns: int, error: ErrorDetail) -> None:
        assert self._choice is not None
        old = self._choice.name
        answer = self._choice.troubled(trouble, now_ns)
        self._health, self._needs_key = None, True
        match trouble:
            case Trouble.FAILED:
                self._stats.decoder_failed += 1
            case Trouble.STALLED:
                self._stats.decoder_stalled += 1
            case Trouble.CORRUPT:
                self._stats.decoder_corrupt += 1
        self._stats.decoder_replaced += answer.action is Action.REPLACED
        said = error.debug or "no message"
        log.warning("[STREAMING] the decoder %s %s (%s), it is %s", old, trouble.value, said, answer.action.value)
        self._on_trouble(old, trouble, answer, error)
