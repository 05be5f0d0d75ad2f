"""Two files of footage for a page that is tried out without a recorder, and where their fragments lie."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FPS = 25
SECONDS = 20


@dataclass(frozen=True)
class Fragment:
    """A ``moof`` with its ``mdat``: bytes, pictures, and whether it begins with a keyframe."""

    offset: int
    size: int
    media_s: float
    seconds: float
    key: bool
    pictures: int


@dataclass(frozen=True)
class File:
    """A file of footage."""

    path: Path
    head: int
    mime: str
    fragments: tuple[Fragment, ...]


def make(path: Path, colour: str) -> File:
    """A fragmented MP4 of ``SECONDS``, with a keyframe a second and a fragment each half; a counter moves in it."""
    source = f"testsrc2=size=320x180:rate={FPS}:duration={SECONDS}"
    command = [
        *("ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i", f"{source},drawbox=0:0:40:40:{colour}:fill"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", str(FPS)),
        *("-movflags", "empty_moov+default_base_moof+frag_keyframe", "-frag_duration", "500000", str(path)),
    ]
    subprocess.run(command, check=True, timeout=60)
    data = path.read_bytes()
    head = next(start for kind, start, _ in _boxes(data) if kind == b"moof")
    at = data.index(b"avcC") + 4
    codec = f"avc1.{data[at + 1]:02x}{data[at + 2]:02x}{data[at + 3]:02x}"
    return File(path, head, f'video/mp4; codecs="{codec}"', tuple(_fragments(data)))


def _boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    at = start
    while at < (len(data) if end is None else end):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, size
        at += size


def _fragments(data: bytes) -> Iterator[Fragment]:
    """As ffmpeg writes them: one video track, equal durations."""
    number = 0
    for kind, start, size in _boxes(data):
        if kind != b"moof":
            continue
        run = data.index(b"trun", start) + 4
        count = struct.unpack_from(">I", data, run + 4)[0]
        whole = size + next(length for name, at, length in _boxes(data, start + size) if name == b"mdat" and at)
        yield Fragment(start, whole, number / FPS, count / FPS, number % FPS == 0, count)
        number += count
