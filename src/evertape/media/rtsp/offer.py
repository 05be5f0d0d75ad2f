"""What to take of what a camera offers. No input, no output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evertape.media.rtsp.audio import AacConfig, AudioConfigError, parse_aac
from evertape.media.rtsp.sdp import Description, Format, Media
from evertape.types import Codec

_VIDEO = {"H264": Codec.H264, "H265": Codec.H265, "HEVC": Codec.H265}


@dataclass(frozen=True, slots=True)
class VideoOffer:
    """The video to take."""

    codec: Codec
    media: Media
    format: Format


@dataclass(frozen=True, slots=True)
class AudioOffer:
    """The audio to take; ``aac`` is ``None`` for G.711, which has to be encoded."""

    media: Media
    format: Format
    aac: AacConfig | None

    def __str__(self) -> str:
        """For people: ``aac 16000 Hz 1 ch``."""
        if self.aac is not None:
            return f"aac {self.aac.rate} Hz {self.aac.channels} ch"
        return f"{self.format.encoding.lower()} {self.format.clock_rate} Hz {self.format.channels} ch"


def choose_video(description: Description) -> VideoOffer | None:
    """The first H.264 or H.265 the camera would send without interleaving of its own."""
    for media in _offered(description, "video"):
        for form in media.formats:
            codec = _VIDEO.get(form.encoding)
            if codec is not None and not _interleaves(form):
                form.clock_rate = form.clock_rate or 90000
                return VideoOffer(codec, media, form)
    return None


def _interleaves(form: Format) -> bool:
    """Decoding order differs from sending order: RFC 6184 6.4, RFC 7798 7.1."""
    return form.fmtp.get("packetization-mode") == "2" or form.fmtp.get("sprop-max-don-diff", "0") != "0"


def choose_audio(description: Description) -> tuple[AudioOffer | None, str]:
    """The first AAC or G.711, and if there is audio but none of these, a sentence that says so."""
    complaints: list[str] = []
    for media in _offered(description, "audio"):
        for form in media.formats:
            if form.encoding == "MPEG4-GENERIC" and form.clock_rate:
                try:
                    return AudioOffer(media, form, parse_aac(form)), ""
                except AudioConfigError as error:
                    complaints.append(error.what)
            elif form.encoding in ("PCMU", "PCMA"):
                form.clock_rate = form.clock_rate or 8000
                return AudioOffer(media, form, None), ""
            else:
                complaints.append(f"{form.encoding or form.payload_type} is not stored")
    return None, "; ".join(complaints)


def _offered(description: Description, kind: str) -> Sequence[Media]:
    # sendonly is ONVIF's back channel (ONVIF streaming 5.3): audio from us to the camera.
    return [m for m in description.media if m.kind == kind and m.direction not in ("sendonly", "inactive")]


def offered_names(description: Description) -> str:
    """What is in the description, for an error: ``video JPEG, audio PCMU``."""
    names = [f"{m.kind} {f.encoding or f.payload_type}" for m in description.media for f in m.formats]
    return ", ".join(names[:12]) or "nothing"
