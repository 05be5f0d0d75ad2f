"""What a pipeline tells its owner, as plain values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from evertape.domain.failure import ErrorDetail
from evertape.media.gst.lib import Gst
from evertape.media.rtsp.offer import AudioOffer, VideoOffer
from evertape.redact import redact


@dataclass(frozen=True, slots=True)
class Described:
    """The camera said what it has; the streams are chosen.

    Args:
        video: what is taken of it, or ``None`` if nothing can be.
        audio: as ``video``.
        complaint: why audio that is there is not taken, or "".
        offered: everything it has, for people.
    """

    video: VideoOffer | None
    audio: AudioOffer | None
    complaint: str
    offered: str


@dataclass(frozen=True, slots=True)
class Playing:
    """``PLAY`` was accepted."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The conversation got one step further."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An ERROR message, or a branch that could not be built."""

    detail: ErrorDetail


@dataclass(frozen=True, slots=True)
class Warned:
    """A WARNING message; alone it means nothing, but it may say why the stream ends next."""

    detail: ErrorDetail


@dataclass(frozen=True, slots=True)
class Ended:
    """Every stream is over."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing came for so long that ``rtspsrc`` gave up (``GstRTSPSrcTimeout``)."""


@dataclass(frozen=True, slots=True)
class Buffering:
    """How full a buffer is, in percent; a live pipeline is never paused for that."""

    percent: int


Report = Described | Playing | Progress | Fault | Warned | Ended | Silent | Buffering


AUDIO = "audio"
"""How the names of bins begin that do nothing but audio, and what ``ancestry`` calls what works for them elsewhere."""


def read_message(message: Any, audio: Collection[str] = ()) -> Report | None:
    """A bus message as a plain value; ``None`` for what says nothing about the session. ``audio``: see ``ancestry``."""
    kind = message.type
    if kind == Gst.MessageType.ERROR:
        return Fault(error_detail(message, audio))
    if kind == Gst.MessageType.WARNING:
        return Warned(_detail(message, message.parse_warning(), message.parse_warning_details()))
    if kind == Gst.MessageType.EOS:
        return Ended()
    if kind == Gst.MessageType.BUFFERING:
        return Buffering(message.parse_buffering())
    if kind == Gst.MessageType.PROGRESS:
        what, code, _ = message.parse_progress()
        return Playing() if (what, code) == (Gst.ProgressType.COMPLETE, "request") else Progress()
    if kind == Gst.MessageType.ELEMENT:
        structure = message.get_structure()
        return Silent() if structure is not None and structure.get_name() == "GstRTSPSrcTimeout" else None
    return None


def error_detail(message: Any, audio: Collection[str] = ()) -> ErrorDetail:
    """Everything that an ERROR message says. ``audio``: see ``ancestry``."""
    return _detail(message, message.parse_error(), message.parse_error_details(), audio)


def ancestry(element: Any, audio: Collection[str] = ()) -> tuple[str, ...]:
    """The names of an element and of the bins around it, innermost first.

    Args:
        element: whatever posted a message; ``None`` has no name.
        audio: names of elements that serve audio alone though their own names do not say so, such as the jitter
            buffer that ``rtspsrc`` makes for it; they are preceded by ``AUDIO``.
    """
    names: list[str] = []
    while element is not None:
        name = element.get_name()
        names += [AUDIO, name] if name in audio else [name]
        element = element.get_parent()
    return tuple(names)


def _detail(message: Any, parsed: tuple[Any, str | None], details: Any, audio: Collection[str] = ()) -> ErrorDetail:
    error, debug = parsed
    status: int | None = None
    if details is not None:
        known, number = details.get_uint("rtsp-status-code")
        status = number if known else None
    element = message.src.get_factory() if isinstance(message.src, Gst.Element) else None
    name = element.get_name() if element is not None else "pipeline"
    text = redact(f"{error.message} {(debug or '').splitlines()[-1] if debug else ''}".strip())
    above = ancestry(message.src, audio)
    return ErrorDetail(name, error.domain, error.code, rtsp_status=status, debug=text, ancestry=above)
