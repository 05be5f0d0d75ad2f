"""What a segment's header and fragments say, put into journal events. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evertape.ipc.events import Supersedes
from evertape.mp4.model import FragmentInfo, SegmentHeader
from evertape.types import StreamCaps


def identity_fields(header: SegmentHeader) -> dict[str, Any]:
    """The fields of ``SegmentOpened`` and ``SegmentClosed`` that the file's own header knows."""
    return {
        "segment": header.segment_id,
        "camera": header.camera_id,
        "stream": header.stream.value,
        "epoch": header.epoch,
        "generation": header.generation,
        "first_video": header.first_video_seq,
        "supersedes": tuple(
            Supersedes(segment=old.segment_id, from_seq=old.from_video_seq) for old in header.supersedes
        ),
    }


def caps_fields(caps: StreamCaps) -> dict[str, Any]:
    """The fields that describe what a decoder needs."""
    return {
        "codec": caps.video.codec.value,
        "width": caps.video.width,
        "height": caps.video.height,
        "audio": caps.audio.codec.value if caps.audio is not None else "",
    }


def extent_fields(header: SegmentHeader, fragments: Sequence[FragmentInfo]) -> dict[str, Any]:
    """Last units, end, duration and number of fragments (at least one, with video); see ``SegmentClosed``."""
    video = [fragment for fragment in fragments if fragment.video is not None]
    audio = [fragment.audio for fragment in fragments if fragment.audio is not None]
    last = video[-1]
    assert last.video is not None
    return {
        "last_video": last.video.last,
        "last_audio": audio[-1].last if audio else None,
        "end_utc": last.start_utc_ns + last.dts_end_ns - last.dts_start_ns,
        "duration": last.dts_end_ns - header.base_dts_ns,
        "fragments": len(fragments),
    }


def clock_fields(header: SegmentHeader) -> dict[str, Any]:
    """When the first video unit was, as known when the file was opened."""
    return {
        "start_utc": header.start_utc_ns,
        "utc_source": header.start_utc_source.value,
        "utc_error": header.start_utc_error_ns,
    }


def first_audio(header: SegmentHeader, fragments: Sequence[FragmentInfo]) -> int | None:
    """The first audio unit that is really in the file, else the one that was expected."""
    return next((f.audio.first for f in fragments if f.audio is not None), header.first_audio_seq)


def has_video(fragments: Sequence[FragmentInfo]) -> bool:
    """Whether there is footage at all; a file without is removed, not closed."""
    return any(fragment.video is not None for fragment in fragments)
