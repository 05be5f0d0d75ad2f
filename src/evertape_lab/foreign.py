"""RTSP servers that are not ours: live555 (Debian's ``livemedia-utils``) and VLC, fed with numbered pictures.

live555 serves files, each client from the beginning, over TCP and UDP. VLC plays one file to everybody who joins, over
UDP only. Both live in a network namespace, because live555 takes port 554 or 8554 and no other.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evertape.errors import SetupError
from evertape.types import NS_PER_S, Codec
from evertape_lab.loop import LoopParams, VideoLoop, load_video_loop
from evertape_lab.netns import Namespace, why_no_namespaces
from evertape_lab.sei import SeiBuilder, stamp

VLC_PORT = 8555
_NOBODY = "65534"
_START_CODE = b"\0\0\0\1"
_MUX_S = 120


@dataclass(frozen=True, slots=True)
class Film:
    """A file of numbered pictures, from 0 on.

    Args:
        name: the camera's, in the SEI of each picture.
        suffix: ``264``, ``265`` or ``mkv``; the last has sound (AAC).
        seconds: how long it is.
    """

    name: str
    suffix: str
    seconds: int

    @property
    def codec(self) -> Codec:
        """Of the picture."""
        return Codec.H265 if self.suffix == "265" else Codec.H264

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.{self.suffix}"


def make_film(film: Film, folder: Path) -> Path:
    """Write ``film`` into ``folder``; raises ``SetupError`` where ffmpeg is missing or fails."""
    loop = load_video_loop(LoopParams(codec=film.codec, width=320, height=192, bitrate=256))
    raw = folder / (film.file if film.suffix != "mkv" else f"{film.name}.264")
    with open(raw, "wb") as file:
        file.writelines(_pictures(film, loop))
    if film.suffix != "mkv":
        return raw
    path = folder / film.file
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-r", str(loop.params.fps), "-f", "h264", "-i", str(raw)]
    command += ["-f", "lavfi", "-i", f"sine=440:r=48000:d={film.seconds}", "-c:v", "copy", "-c:a", "aac", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_MUX_S)
    except FileNotFoundError as missing:
        raise SetupError("ffmpeg is not installed", hint="on Debian and Ubuntu: apt install ffmpeg") from missing
    if done.returncode:
        raise SetupError(f"ffmpeg could not make {film.file}: {done.stderr.strip()[-500:]}")
    raw.unlink()
    return path


def _pictures(film: Film, loop: VideoLoop) -> Iterator[bytes]:
    """Access units as a byte stream (H.264 annex B)."""
    sei, fps = SeiBuilder(film.codec, film.name), loop.params.fps
    for n in range(film.seconds * fps):
        frame = loop.frames[n % len(loop.frames)]
        # Their time is that of the film; when it is shown is the server's business.
        yield _byte_stream(frame.head + sei.sized(stamp(n, _EPOCH_NS + n * NS_PER_S // fps)) + frame.tail)


_EPOCH_NS = 1_700_000_000 * NS_PER_S


def _byte_stream(sized: bytes) -> bytes:
    out, pos = bytearray(), 0
    while pos < len(sized):
        size = int.from_bytes(sized[pos : pos + 4], "big")
        out += _START_CODE + sized[pos + 4 : pos + 4 + size]
        pos += 4 + size
    return bytes(out)


# -- the servers ----------------------------------------------------------------------------------------------


def cached_live555() -> Path:
    """Where ``tools/get-live555`` puts it, whether it is there or not."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "evertape/live555/live555MediaServer"


def find_live555() -> str | None:
    """The system's, else the cached one."""
    cached = cached_live555()
    return shutil.which("live555MediaServer") or (str(cached) if os.access(cached, os.X_OK) else None)


def why_not(server: str) -> str:
    """Why ``live555`` or ``vlc`` cannot be run here; empty if it can."""
    if reason := why_no_namespaces():
        return reason
    if server == "live555":
        return "" if find_live555() else "live555MediaServer is not installed; tools/get-live555 fetches it"
    missing = [tool for tool in ("vlc", "setpriv", "ffmpeg") if shutil.which(tool) is None]
    return f"{', '.join(missing)} is not installed" if missing else ""


def forget_connections(network: Namespace) -> None:
    """Have the kernel inside forget closed connections at once.

    live555 does not ask for SO_REUSEADDR: for a minute after its death it would find its port taken, and take another.
    """
    command = [*network.prefix, "sh", "-c", "echo 0 >/proc/sys/net/ipv4/tcp_max_tw_buckets"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    if done.returncode:
        raise SetupError(f"closed connections cannot be forgotten here: {done.stderr.strip()}")


class ForeignServer:
    """One server process; ``start``, ``kill``, ``start`` again.

    Args:
        kind: ``live555`` or ``vlc``.
        network: where it listens.
        folder: where the films are, and its log; readable for everybody, because VLC refuses to be root.
        film: of VLC, the one it plays.
    """

    def __init__(self, kind: str, network: Namespace, folder: Path, film: Film | None = None) -> None:
        self.kind = kind
        self._network = network
        self._folder = folder
        self._film = film
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, film: Film) -> str:
        """Of one film."""
        if self.kind == "live555":
            return f"rtsp://{self._network.address}/{film.file}"
        return f"rtsp://{self._network.address}:{VLC_PORT}/{film.name}"

    def start(self) -> None:
        """Begin; whether it answers is for the caller to ask. A new process begins its films anew."""
        command = [*self._network.prefix, *(self._live555() if self.kind == "live555" else self._vlc())]
        # VLC writes into its home folder, and must not find anybody else's settings.
        env = {**os.environ, "HOME": str(self._folder), "XDG_RUNTIME_DIR": str(self._folder)}
        with open(self._folder / f"{self.kind}.log", "ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL; harmless if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    @property
    def running(self) -> bool:
        """It was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def _live555(self) -> list[str]:
        program = find_live555()
        if program is None:
            raise SetupError(why_not("live555"))
        return [program]

    def _vlc(self) -> list[str]:
        assert self._film is not None
        drop = (
            ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"] if sys.platform == "linux" else []
        )
        stream = f"#rtp{{sdp={self.url(self._film)}}}"
        return [*drop, "vlc", "-I", "dummy", "--no-color", str(self._folder / self._film.file), "--sout", stream]
