"""What a browser is told of a file's tracks: the strings of RFC 6381 and ISO/IEC 14496-15 Annex E. Pure."""

from __future__ import annotations

from evertape.types import AudioCaps, Codec, StreamCaps, VideoCaps

_ESCAPE = 31
"""An object type that says: six more bits follow."""


def codec_strings(caps: StreamCaps) -> list[str]:
    """Of the video, and of the sound if there is any."""
    return [video_codec(caps.video), *([] if caps.audio is None else [audio_codec(caps.audio)])]


def video_codec(caps: VideoCaps) -> str:
    """``avc1.64001f``, ``hvc1.1.6.L93.B0``; only the sample entry's name if the configuration is too short."""
    config = caps.config
    if caps.codec is Codec.H264:
        # avcC: version, profile, compatibility, level (ISO/IEC 14496-15 5.3.3.1).
        return f"avc1.{config[1:4].hex()}" if len(config) >= 4 else "avc1"
    return _hevc(config) if len(config) >= 13 else "hvc1"


def audio_codec(caps: AudioCaps) -> str:
    """``mp4a.40.2`` for AAC-LC: the object type of the AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1)."""
    config = caps.config
    kind = config[0] >> 3 if config else 2
    if kind == _ESCAPE and len(config) > 1:
        kind = 32 + ((config[0] & 7) << 3 | config[1] >> 5)
    return f"mp4a.40.{kind}"


def _hevc(config: bytes) -> str:
    # hvcC: version; profile space, tier, profile; 4 bytes of compatibility; 6 of constraints; level (8.3.3.1).
    space, tier, profile = config[1] >> 6, config[1] >> 5 & 1, config[1] & 31
    flags = int.from_bytes(config[2:6], "big")
    compatible = int(f"{flags:032b}"[::-1], 2)  # written with the lowest bit first
    constraints = config[6:12].rstrip(b"\0")
    parts = [
        f"{['', 'A', 'B', 'C'][space]}{profile}",
        f"{compatible:x}",
        f"{'LH'[tier]}{config[12]}",
        *(f"{byte:x}" for byte in constraints),
    ]
    return "hvc1." + ".".join(parts)
