"""What GStreamer's complaints mean, judged by domain, code and RTSP status, never by text. Pure.

Texts are translated and change between versions; the codes do not (``GstResourceError`` and its siblings).
"""

from __future__ import annotations

from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.media.rtsp.terms import refusal_kind

RESOURCE = "gst-resource-error-quark"
STREAM = "gst-stream-error-quark"

_NOT_FOUND, _WRITE, _SETTINGS, _NOT_AUTHORIZED = 3, 10, 13, 15
_STREAM_CODECS = frozenset({4, 5, 6})  # type not found, wrong type, codec not found


def classify(detail: ErrorDetail, *, opened: bool) -> FailureKind | None:
    """The kind of failure behind an ERROR message.

    Args:
        detail: of the message.
        opened: the camera had agreed to play.

    Returns:
        ``None`` where the codes do not tell: every way of not reaching a camera is the same code, so is every
        way of not getting an answer.
    """
    if detail.rtsp_status is not None and detail.rtsp_status >= 400:
        return refusal_kind(detail.rtsp_status)
    if detail.domain == STREAM and detail.code in _STREAM_CODECS:
        return FailureKind.CODEC_UNSUPPORTED
    if detail.domain != RESOURCE:
        return FailureKind.INTERNAL
    if detail.code == _NOT_AUTHORIZED:
        return FailureKind.AUTH_FAILED
    if detail.code == _NOT_FOUND:
        return FailureKind.NOT_FOUND
    if detail.code == _SETTINGS:
        return FailureKind.PROTOCOL
    return FailureKind.RESET if opened else None


def is_refused_setup(detail: ErrorDetail) -> bool:
    """Before the camera agreed to play, ``rtspsrc`` posts WRITE without a status only if a ``SETUP`` was refused."""
    return detail.domain == RESOURCE and detail.code == _WRITE and detail.rtsp_status is None
