"""The words of viewing: options, what a source says, what a view tells. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from typing import Protocol

from evertape.types import NS_PER_S, Epoch, VideoCaps


class FallbackStrategy(StrEnum):
    """What happens to the picture while the camera is away; ``view.fallback`` has the same words."""

    RESTART = "restart"
    INPUT_SELECTOR = "input-selector"
    FALLBACKSRC = "fallbacksrc"


class SinkKind(StrEnum):
    """Where decoded pictures go."""

    AUTO = "auto"
    """A window, by whatever this machine has."""
    FRAMES = "frames"
    """A function of the caller's; see ``ViewOptions.on_frame``."""
    OVERLAY = "overlay"
    """A window of the caller's (X11); see ``ViewOptions.window``."""
    FAKE = "fake"
    """Nowhere, at the pace of a screen; for measuring and for machines without one."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded picture.

    Args:
        data: the pixels, in GStreamer's layout of ``format`` (rows padded to four bytes).
        width: pixels.
        height: pixels.
        format: as GStreamer names it, ``RGB``.
        pts_ns: its place on the view's own time line; rises.
        fallback: it is not the camera's.
    """

    data: bytes
    width: int
    height: int
    format: str
    pts_ns: int
    fallback: bool


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """How to view. The defaults are the configuration's.

    Args:
        fallback_source: ``card``, ``snow``, the path of a picture, or a URI.
        timeout_ns: the picture may stand still for so long before the fallback is shown.
        restart_ns: a source may yield nothing for so long before it is opened anew.
        retry_ns: before a source that failed is opened again; doubles up to ``MAX_RETRY_NS``.
        decoder: ``auto``, ``software``, an element's name, or a GStreamer launch line of one that decodes.
        sink: where pictures go.
        on_frame: gets every picture with ``SinkKind.FRAMES``, on one of GStreamer's threads; be quick.
        frame_format: the pixels it gets.
        frame_size: it gets them no larger than so many pixels by so many, in the picture's own shape, and never larger
            than the picture is; ``None``: as they are. ``View.fit`` changes it.
        window: where pictures are drawn with ``SinkKind.OVERLAY``: its number on the display.
        title: what the card calls the camera.
        zone: of the times on the card; ``None``: the machine's.
        max_behind_ns: decoding that is so far behind skips to the next keyframe.
    """

    fallback_source: str = "card"
    timeout_ns: int = 10 * NS_PER_S
    restart_ns: int = 5 * NS_PER_S
    retry_ns: int = NS_PER_S
    decoder: str = "auto"
    sink: SinkKind = SinkKind.AUTO
    on_frame: Callable[[Frame], None] | None = None
    frame_format: str = "RGB"
    frame_size: tuple[int, int] | None = None
    window: int = 0
    title: str = ""
    zone: tzinfo | None = None
    max_behind_ns: int = 2 * NS_PER_S


MAX_RETRY_NS = 5 * NS_PER_S
"""Somebody is looking at the card and waiting; a recorder, which nobody waits for, goes up to a minute."""


# -- what a source says ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture.

    Args:
        epoch: the session it comes from; media time starts anew with each.
        pts_ns: when to show it, on the epoch's media time line.
        key: a decoder can start here.
        data: NAL units behind 4-byte lengths.
    """

    epoch: Epoch
    pts_ns: int
    key: bool
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SourceCaps:
    """What the next pictures need; before the first one and at each change."""

    video: VideoCaps


@dataclass(frozen=True, slots=True)
class Pictures:
    """They came together, in decoding order. ``skipped``: so many were left out before, because the view was slow."""

    pictures: Sequence[Picture]
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class SourceState:
    """Whether pictures are to be expected.

    Args:
        flowing: they are.
        reason: why not, in words fit for a screen; "" if not known.
        retry_at_ns: boot-time clock of the next attempt, if one is planned.
    """

    flowing: bool
    reason: str = ""
    retry_at_ns: int | None = None


SourceEvent = SourceCaps | Pictures | SourceState


class ViewSource(Protocol):
    """Where pictures come from. All methods on the view's thread; none blocks. It reconnects by itself, for ever."""

    def poll(self, now_ns: int) -> Sequence[SourceEvent]:
        """What came since the last call; ``now_ns`` is the boot-time clock."""

    def fileno(self) -> int | None:
        """A descriptor that is readable when ``poll`` is worth while, or ``None``; ask again after each ``poll``."""

    def close(self) -> None:
        """Let go of everything. Idempotent."""


# -- what a view tells ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewEvent:
    """Base of what a view tells. ``boot_ns`` and ``utc_ns`` say when."""

    boot_ns: int
    utc_ns: int

    @property
    def name(self) -> str:
        """The event's name, ``fallback_activated``."""
        word = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in word).lstrip("_")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPicture(ViewEvent):
    """The first picture was decoded, so long after the view was started."""

    after_ns: int
    decoder: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackActivated(ViewEvent):
    """The camera's picture was replaced. ``still_ns``: for so long there had been no new one."""

    reason: str
    still_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryRecovered(ViewEvent):
    """The camera's picture is back. ``outage_ns``: from the last picture before to the first one now."""

    outage_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChanged(ViewEvent):
    """Pictures are, or are no longer, to be expected."""

    flowing: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderTroubled(ViewEvent):
    """A decoder failed, stalled, or gave damaged pictures.

    Args:
        decoder: which.
        trouble: ``failed``, ``stalled``, ``corrupt``.
        action: ``rebuilt`` or ``replaced``; it happens at the next keyframe.
        next: the decoder from then on.
        priority: how bad it is (``docs/reference/errors.md``).
        element, domain, code, debug: what GStreamer said, if anything; as in ``ErrorDetail``.
    """

    decoder: str
    trouble: str
    action: str
    next: str
    priority: str = ""
    element: str = ""
    domain: str = ""
    code: int | None = None
    debug: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBuffering(ViewEvent):
    """Something behind the view fills a buffer. A live picture is not paused for it."""

    percent: int


@dataclass(slots=True)
class ViewStats:
    """Counters since the view was started; of the camera's pictures, but ``shown`` includes the fallback's.

    Args:
        received: encoded pictures from the source.
        skipped: those not decoded, because there was no keyframe to start with or the view was behind.
        decoded: pictures that the decoder gave.
        corrupt: those of them that are damaged.
        shown: buffers that reached the sink.
        shown_fallback: those of them that were the fallback's, to a picture.
        backward: buffers at the sink whose time was before the one before.
        largest_gap_ns: between two buffers at the sink.
        ends: end-of-stream at the sink.
        fallbacks: how often the fallback was shown.
        fallback_ns: for how long altogether.
        decoder_failed: troubles of decoders by kind.
        decoder_stalled: as above.
        decoder_corrupt: as above.
        decoder_replaced: how often another decoder took over.
        source_restarts: ``fallbacksrc`` only: its ``num-retry``.
    """

    received: int = 0
    skipped: int = 0
    decoded: int = 0
    corrupt: int = 0
    shown: int = 0
    shown_fallback: int = 0
    backward: int = 0
    largest_gap_ns: int = 0
    ends: int = 0
    fallbacks: int = 0
    fallback_ns: int = 0
    decoder_failed: int = 0
    decoder_stalled: int = 0
    decoder_corrupt: int = 0
    decoder_replaced: int = 0
    source_restarts: int = 0
