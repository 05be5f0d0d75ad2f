"""What is done about audio that fails in a receiving pipeline: out, a while without, in again. Owner's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable

from evertape.domain.backoff import ExponentialBackoff
from evertape.domain.classify import Failure, Part, Restart, classify_error, part_of
from evertape.domain.failure import ErrorDetail
from evertape.errors import SetupError
from evertape.media.capture import CaptureEvent, NoticeKind, StreamNotice
from evertape.media.gst.pipeline import GstPipeline
from evertape.types import NS_PER_S, DurationNs

log = logging.getLogger(__name__)

_BACKOFF = ExponentialBackoff(DurationNs(NS_PER_S), DurationNs(60 * NS_PER_S), jitter=False)
_FORGIVEN_NS = 300 * NS_PER_S
"""Audio that was well for so long has no past."""


def costs_audio_only(detail: ErrorDetail) -> bool:
    """Whether an error that was posted inside a receiving pipeline concerns its audio, and only that. Pure."""
    part = part_of(detail.ancestry)
    found = classify_error(Failure(detail=detail, part=part))
    # Without memory, say, the whole session has to go, whoever noticed.
    return part is Part.AUDIO and found.restart is Restart.PARTIAL


class AudioCare:
    """See the module.

    Args:
        emit: where notices go.
    """

    def __init__(self, emit: Callable[[CaptureEvent], None]) -> None:
        self._emit = emit
        self._attempt = 0
        self._failed_ns = 0
        self._due_ns: int | None = None
        self.awaited = False
        """It was put in again, and nothing has come of it yet."""

    def failed(self, pipeline: GstPipeline, detail: ErrorDetail, now_ns: int) -> None:
        """An element of the audio's posted an error; what else a part says that is being taken out is no news."""
        if not pipeline.fail_audio():
            return
        if now_ns - self._failed_ns > _FORGIVEN_NS:
            self._attempt = 0
        self._attempt += 1
        self._failed_ns, self.awaited = now_ns, False
        wait = _BACKOFF.ceiling(self._attempt) / NS_PER_S
        text = f"{detail.element} ({detail.domain} {detail.code}: {detail.debug}); again in {wait:.0f} s"
        self._emit(StreamNotice(NoticeKind.AUDIO_FAILED, 1, text))

    def look(self, pipeline: GstPipeline, now_ns: int) -> None:
        """Put it in again when it is time."""
        if pipeline.audio_cleared():
            self._due_ns = now_ns + _BACKOFF.ceiling(self._attempt)
        if self._due_ns is None or now_ns < self._due_ns:
            return
        self._due_ns = None
        try:
            pipeline.restore_audio()
            self.awaited = True
        except SetupError as error:
            log.warning("audio is left out: %s", error)

    def came(self) -> None:
        """A unit of audio."""
        if self.awaited:
            self.awaited = False
            self._emit(StreamNotice(NoticeKind.AUDIO_BACK))
