"""The encoded loop that all cameras of a process send: made once, then kept in the cache folder.

A loop is a whole number of GOPs and of seconds, so that it may be repeated for ever and
the clock burned into it stays right modulo its length.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from evertape.types import Codec

FORMAT_VERSION = 2
"""Goes up whenever the picture or the shape of the file changes; older cache files are then ignored."""

MIN_LOOP_S = 4
MAX_LOOP_FRAMES = 6000


class LoopParams(msgspec.Struct, frozen=True, kw_only=True):
    """What makes one video loop differ from another. ``bitrate`` is in kbit/s, ``gop`` in frames.

    Raises:
        ValueError: a picture or a rhythm that the lab does not make.
    """

    codec: Codec = Codec.H264
    width: int = 640
    height: int = 360
    fps: int = 25
    gop: int = 25
    bitrate: int = 1000
    bframes: int = 0

    def __post_init__(self) -> None:
        if self.codec not in (Codec.H264, Codec.H265):
            raise ValueError(f"no camera here encodes {self.codec}")
        # A row of I420 has no padding at these widths, which keeps the drawing simple.
        if not 160 <= self.width <= 7680 or self.width % 8 or not 64 <= self.height <= 4320 or self.height % 2:
            raise ValueError(f"{self.width}x{self.height}: the width must be a multiple of 8, the height even")
        if not 1 <= self.fps <= 240 or not 1 <= self.gop <= 1000 or not 0 <= self.bframes <= 8:
            raise ValueError("fps must be 1 to 240, gop 1 to 1000, bframes 0 to 8")
        if not 16 <= self.bitrate <= 200_000:
            raise ValueError("the bit rate must be 16 to 200000 kbit/s")
        if self.loop_frames > MAX_LOOP_FRAMES:
            raise ValueError(f"gop {self.gop} and fps {self.fps} meet only after {self.loop_frames} frames")

    @property
    def loop_frames(self) -> int:
        """The fewest frames that are whole GOPs, whole seconds, at least two GOPs and at least four seconds.

        Two GOPs, because two IDR pictures in a row should differ in ``idr_pic_id``.
        """
        unit = math.lcm(self.gop, self.fps)
        return unit * max(1, math.ceil(MIN_LOOP_S * self.fps / unit), math.ceil(2 * self.gop / unit))


class LoopFrame(msgspec.Struct, frozen=True, array_like=True):
    """One access unit, NAL units behind 4-byte lengths, cut where the SEI message goes.

    Args:
        key: a decoder can start here.
        display: index within the loop at which the picture is shown.
        head: parameter sets (key frames only), before the SEI.
        tail: the slices, after it.
    """

    key: bool
    display: int
    head: bytes
    tail: bytes


class VideoLoop(msgspec.Struct, frozen=True):
    """A loop in decoding order. ``caps`` is the GStreamer caps string, with ``codec_data``.

    ``delay`` says how many frame times after its own a picture can be sent at the
    earliest, because pictures shown later are decoded before it; 0 without B-frames.
    """

    version: int
    params: LoopParams
    caps: str
    frames: list[LoopFrame]

    @property
    def delay(self) -> int:
        """The largest lead of display order over decoding order, in frames."""
        return max(frame.display - index for index, frame in enumerate(self.frames))

    @property
    def kbit_per_s(self) -> float:
        """The bit rate that came out."""
        size = sum(len(frame.head) + len(frame.tail) for frame in self.frames)
        return size * 8 / 1000 / (len(self.frames) / self.params.fps)


class AudioLoop(msgspec.Struct, frozen=True):
    """A tone in encoded units of ``samples`` samples each."""

    version: int
    caps: str
    rate: int
    samples: int
    units: list[bytes]


_Loop = TypeVar("_Loop", VideoLoop, AudioLoop)


def cache_dir() -> Path:
    """Where loops are kept: ``$XDG_CACHE_HOME/evertape/lab``, by default below ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "evertape" / "lab"


def load_video_loop(params: LoopParams) -> VideoLoop:
    """The loop for ``params``, from the cache or freshly encoded (then it is put there)."""
    path = cache_dir() / f"video-{_key(msgspec.json.encode(params))}.loop"
    with _alone(path):
        cached = _read(path, VideoLoop)
        if cached is not None and cached.params == params:
            return cached
        from evertape_lab.encode import encode_video

        loop = encode_video(params)
        _write(path, msgspec.msgpack.encode(loop))
    return loop


def load_audio_loop(kind: str) -> AudioLoop:
    """The tone for ``aac``, ``pcma`` or ``pcmu``, from the cache or freshly encoded."""
    path = cache_dir() / f"audio-{_key(kind.encode())}.loop"
    with _alone(path):
        cached = _read(path, AudioLoop)
        if cached is not None:
            return cached
        from evertape_lab.encode import encode_audio

        loop = encode_audio(kind)
        _write(path, msgspec.msgpack.encode(loop))
    return loop


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While in it, no other process makes this loop: cameras that start together encode it once."""
    with contextlib.ExitStack() as stack:
        # Encoding twice only costs time, so without a cache folder nobody waits.
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(open(path.with_suffix(".lock"), "wb"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _key(text: bytes) -> str:
    return hashlib.sha256(b"%d:" % FORMAT_VERSION + text).hexdigest()[:24]


def _read(path: Path, kind: type[_Loop]) -> _Loop | None:
    try:
        loop = msgspec.msgpack.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None  # absent, unreadable or of another shape: it is made again
    return loop if loop.version == FORMAT_VERSION else None


def _write(path: Path, data: bytes) -> None:
    """Put the loop into the cache, whole or not at all; a cache that cannot be written only costs time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
            part.write(data)
        os.replace(part.name, path)
    except OSError:
        return
