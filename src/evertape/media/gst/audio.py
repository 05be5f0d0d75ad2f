"""G.711 to AAC, because MP4 players expect AAC: a small pipeline of its own per camera.

It is apart from the one that receives, so that nothing that goes wrong here can touch the video.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from evertape.domain.backoff import ExponentialBackoff
from evertape.domain.failure import ErrorDetail
from evertape.errors import SetupError
from evertape.media.capture import RawAudio
from evertape.media.elements import NEEDS
from evertape.media.gst.lib import Gst, dispose, first_element, make, new_pipeline
from evertape.media.gst.reports import error_detail
from evertape.media.gst.sampleline import SampleLine
from evertape.types import NS_PER_S, AudioCaps, Codec, DurationNs

log = logging.getLogger(__name__)

_ENCODERS = next(need.any_of for need in NEEDS if "avenc_aac" in need.any_of)
# Samples by which a decoder's output lags the encoder's input. Measured with a click for avenc_aac and voaacenc;
# libfdk-aac documents 2048 for AAC-LC, FAAC does what avenc_aac does.
_DELAYS = {"avenc_aac": 1024, "fdkaacenc": 2048, "voaacenc": 1600, "faac": 1024}
_BITRATE_PER_CHANNEL = 32_000
# G.711's silence: zero in µ-law and in A-law with its even bits inverted.
_LAWS = {"PCMU": ("audio/x-mulaw", "mulawdec", b"\xff"), "PCMA": ("audio/x-alaw", "alawdec", b"\xd5")}
# ISO/IEC 14496-3 table 1.18
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_AAC_LC = 2
# An encoder that has so much waiting (8 s of 8 kHz) is stuck; what comes then is left out and leaves a hole.
_MAX_WAITING_BYTES = 64 * 1024

_BACKOFF = ExponentialBackoff(DurationNs(NS_PER_S), DurationNs(60 * NS_PER_S), jitter=False)


def audio_specific_config(rate: int, channels: int) -> bytes:
    """The AudioSpecificConfig of AAC-LC (ISO/IEC 14496-3 1.6.2.1); raises ``ValueError`` for other rates."""
    return (_AAC_LC << 11 | _RATES.index(rate) << 7 | channels << 3).to_bytes(2, "big")


def make_transcoder(raw: RawAudio) -> AacTranscoder | None:
    """A ``TranscoderFactory``: ``None`` where this machine, or AAC, cannot do it; the log says why."""
    if raw.encoding not in _LAWS or raw.rate not in _RATES or raw.channels not in (1, 2):
        return None
    try:
        return AacTranscoder(raw)
    except SetupError as error:
        log.warning("audio is left out: %s", error)
        return None


class AacTranscoder:
    """One camera's ``appsrc ▸ decode ▸ convert ▸ encode ▸ appsink``; see ``AudioTranscoder``.

    The owner pushes into the first and pulls from the last, both without waiting; one GStreamer thread
    works between them.

    Args:
        raw: ``PCMU`` or ``PCMA``, 1 or 2 channels, a rate that AAC knows.

    Raises:
        SetupError: an element is missing.
    """

    def __init__(self, raw: RawAudio) -> None:
        encoder = first_element(*_ENCODERS)
        if encoder is None:
            raise SetupError(f"GStreamer has no AAC encoder ({' or '.join(_ENCODERS)})")
        self._raw = raw
        self._caps = AudioCaps(Codec.AAC, audio_specific_config(raw.rate, raw.channels), raw.rate, raw.channels)
        self._encoder = encoder
        self._closed = False
        self._failures = 0
        self._again_pts = 0
        self.trouble = ""
        """See ``AudioTranscoder``."""
        self._pipeline: Any | None = self._begin()

    @property
    def caps(self) -> AudioCaps:
        """AAC-LC at the rate and with the channels that go in."""
        return self._caps

    def feed(self, data: bytes, pts_ns: int) -> Sequence[tuple[int, bytes]]:
        """See ``AudioTranscoder.feed``. After a failure it returns nothing for a while, then begins anew."""
        if self._pipeline is None and not self._closed and pts_ns >= self._again_pts:
            self._pipeline = self._begin()
        if self._pipeline is None:
            return ()
        self._check_bus(self._pipeline, pts_ns)
        if self._pipeline is None:
            return ()
        self._push(data, pts_ns)
        frames = self._pull()
        if frames:
            self.trouble = ""
        return frames

    def close(self) -> None:
        """See ``AudioTranscoder.close``; the pipeline ends on a thread of its own."""
        self._closed = True
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            dispose(pipeline)

    def _begin(self) -> Any:
        self._line = SampleLine(self._raw.rate, _DELAYS[self._encoder])
        pipeline = self._build(self._encoder)
        pipeline.set_state(Gst.State.PLAYING)
        return pipeline

    def _build(self, encoder: str) -> Any:
        media_type, decoder, _ = _LAWS[self._raw.encoding]
        rate, channels = self._raw.rate, self._raw.channels
        source_caps = Gst.Caps.from_string(f"{media_type},rate={rate},channels={channels}")
        sink_caps = Gst.Caps.from_string(f"audio/mpeg,mpegversion=4,stream-format=raw,rate={rate},channels={channels}")
        self._source = make("appsrc", caps=source_caps, format=Gst.Format.TIME, block=False, max_bytes=0)
        self._sink = make("appsink", caps=sink_caps, sync=False, **{"async": False}, enable_last_sample=False)
        elements = [
            self._source,
            make(decoder),
            make("audioconvert"),
            make("audioresample"),
            make(encoder, bitrate=_BITRATE_PER_CHANNEL * channels),
            make("aacparse"),
            self._sink,
        ]
        pipeline = new_pipeline()
        for element in elements:
            pipeline.add(element)
        for upstream, downstream in pairwise(elements):
            if not upstream.link(downstream):
                dispose(pipeline)
                raise SetupError(f"GStreamer cannot link {upstream.get_name()} to {downstream.get_name()}")
        return pipeline

    def _push(self, data: bytes, pts_ns: int) -> None:
        if self._source.get_property("current-level-bytes") > _MAX_WAITING_BYTES:
            return
        width = self._raw.channels
        silence, skip = self._line.place(len(data) // width, pts_ns)
        payload = _LAWS[self._raw.encoding][2] * (silence * width) + data[skip * width : len(data) // width * width]
        if payload:
            # Without time stamps: the encoder counts samples, and ``SampleLine`` knows where they belong.
            self._source.push_buffer(Gst.Buffer.new_wrapped(payload))

    def _pull(self) -> list[tuple[int, bytes]]:
        frames: list[tuple[int, bytes]] = []
        while (sample := self._sink.try_pull_sample(0)) is not None:
            buffer = sample.get_buffer()
            pts_ns = self._line.next_frame()
            if pts_ns is not None:
                frames.append((pts_ns, buffer.extract_dup(0, buffer.get_size())))
        return frames

    def _check_bus(self, pipeline: Any, pts_ns: int) -> None:
        bus = pipeline.get_bus()
        while (message := bus.pop()) is not None:
            if message.type == Gst.MessageType.ERROR:
                self._fail(pipeline, error_detail(message), pts_ns)
                return

    def _fail(self, pipeline: Any, detail: ErrorDetail, pts_ns: int) -> None:
        """Whatever it was: this pipeline does nothing but audio, so it costs audio, and for a while only."""
        self._pipeline = None
        dispose(pipeline)
        self._failures += 1
        wait = _BACKOFF.ceiling(self._failures)
        self._again_pts = pts_ns + wait
        self.trouble = (
            f"{detail.element} ({detail.domain} {detail.code}: {detail.debug}); again in {wait // NS_PER_S} s"
        )
