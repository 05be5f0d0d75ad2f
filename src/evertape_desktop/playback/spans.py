"""What is drawn on a time line: stretches of time, each of a kind with a colour, a pattern and its words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from evertape.domain.cause import Cause
from evertape_desktop.backend.model import utc_ns


class Kind(IntEnum):
    """What a stretch is; where several share a pixel, the higher one is seen: what is wrong is never hidden."""

    RECORDED = 0
    SPILLED = 1
    WANTED = 2
    """A gap that somebody or a rule asked for."""
    PROGRAM = 3
    CAMERA = 4
    STORAGE = 5
    DAMAGE = 6
    UNKNOWN = 7


_OF_CAMERA = (
    Cause.STARTING, Cause.CAMERA_UNREACHABLE, Cause.STREAM_STALLED, Cause.STREAM_DAMAGED, Cause.AUTH_FAILED,
    Cause.STREAM_NOT_FOUND, Cause.CODEC_UNSUPPORTED, Cause.CAMERA_ERROR, Cause.STREAM_IN_USE,
)  # fmt: skip
_OF_PROGRAM = (
    Cause.PROCESS_CRASH, Cause.OUT_OF_MEMORY, Cause.RECORDER_HUNG, Cause.HOST_DOWN, Cause.INTERNAL_ERROR,
)  # fmt: skip


def kind_of_cause(name: str) -> Kind:
    """The family of a gap's cause; what a newer recorder may say is unknown."""
    try:
        cause = Cause(name)
    except ValueError:
        return Kind.UNKNOWN
    if cause.on_purpose or cause is Cause.CLOCK_JUMP:
        return Kind.WANTED
    if cause in _OF_CAMERA:
        return Kind.CAMERA
    if cause in _OF_PROGRAM:
        return Kind.PROGRAM
    if cause in (Cause.FOOTAGE_MISSING, Cause.FOOTAGE_DAMAGED):
        return Kind.DAMAGE
    return Kind.UNKNOWN if cause is Cause.UNKNOWN else Kind.STORAGE


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time of one camera, UTC ns.

    Args:
        start: of it.
        end: of it.
        kind: what it is.
        cause: of a gap.
        volume: of what is recorded.
        gaps: how many gaps were put together.
        recorded_s: seconds of it that are recorded.
    """

    start: int
    end: int
    kind: Kind
    cause: str = ""
    volume: str = ""
    gaps: int = 0
    recorded_s: float = 0.0

    @property
    def is_gap(self) -> bool:
        """Nothing is recorded."""
        return self.kind > Kind.SPILLED


def spans_by_camera(answer: Any) -> dict[str, tuple[Span, ...]]:
    """Those of an answer of ``GET /timeline``."""
    return {one["camera"]: tuple(map(_span, one["spans"])) for one in answer["cameras"]}


def _span(answer: Any) -> Span:
    if answer["kind"] == "recorded":
        kind = Kind.SPILLED if answer.get("spilled") else Kind.RECORDED
    else:
        kind = kind_of_cause(answer.get("cause", ""))
    return Span(
        utc_ns(answer["start"]), utc_ns(answer["end"]), kind, answer.get("cause", ""), answer.get("volume", ""),
        answer.get("gaps", 0), answer.get("recorded_s", 0.0),
    )  # fmt: skip
