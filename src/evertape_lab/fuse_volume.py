"""A disk whose moods are set while it is in use, and one that dies under its mount. Needs root and ``/dev/fuse``."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

import evertape
from evertape_lab.disks import LoopVolume, detach, why_no_loop_mounts
from evertape_lab.fuse_server import parse_mood

_ENDS_S = 5.0


def why_no_fuse() -> str:
    """Why ``FuseVolume`` cannot work here; empty if it can."""
    if reason := why_no_loop_mounts():
        return reason
    return "" if os.access("/dev/fuse", os.R_OK | os.W_OK) else "the kernel has no FUSE"


class FuseVolume:
    """A folder behind a file system of our own. A context manager.

    Args:
        folder: where what is behind it and the mount point ``folder/name`` go.
        name: of both.
    """

    def __init__(self, folder: Path, name: str = "usb") -> None:
        self.behind = folder / f"{name}.behind"
        self.mount_point = folder / name
        self._server: subprocess.Popen[str] | None = None
        for path in (self.behind, self.mount_point):
            path.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> FuseVolume:
        self.mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.mounted:
            self.pull()

    @property
    def mounted(self) -> bool:
        """Whether it is there."""
        return self._server is not None

    def mount(self) -> Path:
        """Mount it; returns where."""
        command = [sys.executable, "-m", "evertape_lab.fuse_server", str(self.behind), str(self.mount_point)]
        env = {**os.environ, "PYTHONPATH": str(Path(evertape.__file__).parents[1])}
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self._hear("mounted")
        return self.mount_point

    def be(self, mood: str) -> None:
        """Change its mood; see ``fuse_server.parse_mood``. Returns when the new one holds."""
        parse_mood(mood)
        assert self._server is not None and self._server.stdin is not None
        self._server.stdin.write(mood + "\n")
        self._server.stdin.flush()
        self._hear("done")

    def die(self) -> None:
        """End the server: everything under the mount, which stays, answers that it is not connected."""
        server, self._server = self._server, None
        if server is not None:
            server.kill()
            server.wait(_ENDS_S)
            for pipe in (server.stdin, server.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()

    def pull(self) -> None:
        """Pull the plug: nothing is mounted any more, and whoever has a file open is told that it is gone."""
        detach(self.mount_point)
        self.die()

    def _hear(self, word: str) -> None:
        assert self._server is not None and self._server.stdout is not None
        said = self._server.stdout.readline().strip()
        if said != word:
            raise OSError(f"{self.mount_point}: the file system said {said!r}, not {word!r}")


class DyingVolume(LoopVolume):
    """An ext4 on a loop device whose image lies on a FUSE file system: the device can be torn out under the mount.

    After ``die`` every sector that is read or written is an I/O error, and the mount stays, which is how a USB disk
    that was pulled often looks. What the device had not been told to keep is lost, as on a disk.
    """

    def __init__(self, folder: Path, size: int = 64 << 20, name: str = "usb") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._below = FuseVolume(folder, f"{name}.device")
        self._below.mount()
        super().__init__(self._below.mount_point, size, name=name)
        self.mount_point = folder / name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thaw()
        while self.mounted:
            self.pull()
        if self._below.mounted:
            self._below.pull()

    def be(self, mood: str) -> None:
        """Change how the device answers."""
        self._below.be(mood)

    def die(self) -> None:
        """Tear the device out."""
        detach(self._below.mount_point)
        self._below.die()

    def revive(self) -> None:
        """Put it back, as another device; then it can be mounted again."""
        while self.mounted:
            self.pull()
        self._below.mount()
