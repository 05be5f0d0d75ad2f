"""The transcoder that recorders use, loaded only when a camera really sends G.711."""

from __future__ import annotations

import logging

from evertape.errors import SetupError
from evertape.media.capture import AudioTranscoder, RawAudio

log = logging.getLogger(__name__)


def default_transcoder(raw: RawAudio) -> AudioTranscoder | None:
    """A ``TranscoderFactory`` that brings GStreamer in with the first G.711; without GStreamer there is no audio."""
    try:
        from evertape.media.gst.audio import make_transcoder
    except SetupError as error:
        log.warning("audio is left out: %s", error)
        return None
    return make_transcoder(raw)
