"""Disks that break: file systems in sparse files, mounted through a loop device. Needs root and Linux."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_BUSY_S = 5.0
_SHUTDOWN = 0x8004587D
"""``XFS_IOC_GOINGDOWN`` and ``EXT4_IOC_SHUTDOWN``: ``_IOR('X', 125, __u32)``, the same number in both."""
_LOSE_THE_LOG = 2
_MNT_DETACH = 2
_BLOCK = 4096


def why_no_loop_mounts(maker: str = "mkfs.ext4") -> str:
    """Why ``LoopVolume`` cannot work here; empty if it can. ``maker`` makes the file system."""
    if sys.platform != "linux":
        return "loop mounts need Linux"
    if os.geteuid() != 0:
        return "loop mounts need root"
    missing = [tool for tool in ("mount", "umount", maker) if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} is not installed"
    return "" if os.path.exists("/dev/loop-control") else "the kernel has no loop devices"


def detach(point: Path) -> None:
    """``umount -l``, by a single system call: what it takes is no part of what is measured. Raises ``OSError``."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(point), _MNT_DETACH):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(point))


def bytes_beneath(point: Path) -> int:
    """Bytes in the files of a folder on which nothing is mounted, and 1 for each thing that is no file."""
    return sum(path.stat().st_size if path.is_file() else 1 for path in point.rglob("*"))


class LoopVolume:
    """A file system of its own that can be pulled, filled, frozen and put back. A context manager.

    Args:
        folder: where the image and the mount point ``folder/name`` go.
        size: bytes of the device; ext4 takes about 5 MiB, xfs needs 300 MiB.
        fs: ``ext4`` or ``xfs``.
        name: of the image and the mount point.
    """

    def __init__(self, folder: Path, size: int = 64 << 20, fs: str = "ext4", name: str = "usb") -> None:
        self.image = folder / f"{name}.img"
        self.mount_point = folder / name
        self._fs = fs
        self._points: list[Path] = []
        self._is_frozen = False
        self._is_dead = False
        folder.mkdir(parents=True, exist_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(size)
        # All of it at once: the kernel would go on making it for seconds, which looks like a device that gets on.
        whole = ["-E", "lazy_itable_init=0,lazy_journal_init=0"]
        quiet = ["-q", "-F", "-m", "0", *whole] if fs == "ext4" else ["-q", "-f"]
        _run([f"mkfs.{fs}", *quiet, str(self.image)])

    def __enter__(self) -> LoopVolume:
        self.mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thaw()
        while self._points:
            self.pull()
        self.image.unlink(missing_ok=True)

    @property
    def mounted(self) -> bool:
        """Whether it is mounted somewhere by us."""
        return bool(self._points)

    def mount(self, at: Path | None = None, options: str = "") -> Path:
        """Mount it, at ``mount_point`` unless told otherwise; returns where.

        After ``shut_down`` it comes back behind another device: whoever holds the dead file system goes on holding it.
        """
        point = at or self.mount_point
        point.mkdir(exist_ok=True)
        if self._is_dead:
            self._mount_anew(point, options)
            self._points.append(point)
            return point
        _run(["mount", "-o", ",".join(filter(None, ("loop", options))), str(self.image), str(point)])
        self._points.append(point)
        return point

    def _mount_anew(self, point: Path, options: str) -> None:
        device = _run(["losetup", "--find", "--show", str(self.image)]).strip()
        try:
            # xfs refuses a twin by its UUID while somebody holds the dead one.
            twin = "nouuid" if self._fs == "xfs" else ""
            _run(["mount", "-o", ",".join(filter(None, ("rw", options, twin))), device, str(point)])
        finally:
            _run(["losetup", "--detach", device])  # as soon as it is unmounted
        self._is_dead = False

    def pull(self) -> None:
        """Pull the plug: ``umount -l``, which works while files are open."""
        detach(self._points.pop())

    def unmount(self) -> None:
        """Unmount in an orderly way; fails while files are open."""
        _run(["umount", str(self._points[-1])])
        self._points.pop()

    def remount(self, options: str) -> None:
        """Change options of the mount, such as ``ro`` or ``rw``.

        A file that is open for writing at that moment, if only a probe's, makes ``ro`` busy: then again.
        """
        deadline = time.monotonic() + _BUSY_S
        while True:
            try:
                _run(["mount", "-o", f"remount,{options}", str(self._points[-1])])
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """While in it, nothing that writes to the file system comes back (fsfreeze; not killable)."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def freeze(self) -> None:
        """Nothing that writes comes back until ``thaw``."""
        _run(["fsfreeze", "-f", str(self._points[-1])])
        self._is_frozen = True

    def thaw(self) -> None:
        """Undo ``freeze``, if it was."""
        if self._is_frozen:
            _run(["fsfreeze", "-u", str(self._points[-1])])
            self._is_frozen = False

    def shut_down(self) -> None:
        """Power cut or a dying device: everything not yet on the disk is dropped, and from now on there is only EIO."""
        fd = os.open(self._points[-1], os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _SHUTDOWN, struct.pack("I", _LOSE_THE_LOG))
            self._is_dead = True
        finally:
            os.close(fd)

    def cover(self, by: Path, options: str = "") -> None:
        """Mount the folder ``by`` over it (a bind mount), such as itself with ``ro``; ``pull`` takes it away again."""
        point, aside = self._points[-1], self.mount_point.with_name(self.mount_point.name + ".cover")
        aside.mkdir(exist_ok=True)
        # Prepared elsewhere and moved: whoever watches the point would open files while it can still be written.
        _run(["mount", "--bind", str(by), str(aside)])
        _run(["mount", "--make-private", str(aside)])
        if options:
            _run(["mount", "-o", f"remount,bind,{options}", str(aside)])
        _run(["mount", "--move", str(aside), str(point)])
        self._points.append(point)

    def fail_metadata(self) -> None:
        """Have ext4 find an error in itself; mounted with ``errors=remount-ro`` it goes read-only under open files."""
        device = os.stat(self._points[-1]).st_dev
        name = os.path.basename(os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"))
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("1")
        self._is_dead = True

    def fill(self, leave: int) -> None:
        """Another program takes all but ``leave`` bytes of what is free."""
        point, step = self._points[-1], 16 << 20
        with open(point / "other-program.bin", "ab") as file:
            while step >= _BLOCK and (left := _free(point) - leave) >= _BLOCK:
                size = min(step, left)
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
                except OSError as error:
                    # The file system needs some of it for itself.
                    if error.errno != errno.ENOSPC:
                        raise
                    step = size // 2

    def make_room(self) -> None:
        """The other program deletes what it wrote."""
        (self._points[-1] / "other-program.bin").unlink(missing_ok=True)


def _free(point: Path) -> int:
    numbers = os.statvfs(point)
    return numbers.f_bavail * numbers.f_frsize


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout
