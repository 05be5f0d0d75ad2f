"""A file system that does as it is told: passes everything through to a folder, or fails, or is slow, or says nothing.

    python -m evertape_lab.fuse_server FOLDER MOUNT_POINT

speaks with the kernel over ``/dev/fuse`` directly. Needs root. Each line on standard input is a mood (``Mood``) and is
answered by ``done``; the end of the input, or the end of the process, is the end of the file system: whoever uses it
then is told that it is not connected, which is what a device torn out under a mount looks like.

One thread. While a write or a sync is being slow, other requests are answered, as by a disk with a queue; writes take
their turns.
"""

from __future__ import annotations

import ctypes
import errno
import heapq
import os
import select
import stat
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from evertape_lab import fuse_wire as wire
from evertape_lab.fuse_wire import ROOT, Change, Op

FS_TYPE = "fuse.evertape-lab"
_MUTED = frozenset({Op.FORGET, Op.BATCH_FORGET, Op.INTERRUPT})
"""What the kernel wants no answer to."""
_ALWAYS = _MUTED | {Op.INIT, Op.RELEASE, Op.RELEASEDIR, Op.DESTROY}
"""What never fails: nobody would hear of it."""
_FILLING = frozenset({Op.WRITE, Op.CREATE, Op.MKDIR, Op.LINK})


@dataclass(frozen=True, slots=True)
class Mood:
    """What the file system does with requests.

    Args:
        fails: ``errno`` that everything is answered with; 0: nothing.
        full_after: bytes that may still be written, then ``ENOSPC``; ``None``: no limit. The write that crosses the
            limit is cut short there, so a fragment is torn as on a real disk.
        delay_s: before each write and each sync.
        rate: bytes per second that are taken; 0: any.
        hangs: requests are not even read. Callers wait and can be killed.
        fails_sync: ``errno`` of the next sync alone; 0: it works. As in Linux, the one after it knows nothing any more.
    """

    fails: int = 0
    full_after: int | None = None
    delay_s: float = 0.0
    rate: float = 0.0
    hangs: bool = False
    fails_sync: int = 0


def parse_mood(line: str) -> Mood:
    """``ok``, ``fail EIO``, ``fail-sync EIO``, ``full BYTES``, ``delay SECONDS``, ``rate BYTES_PER_S``, ``hang``.

    Raises:
        ValueError: none of these.
    """
    word, _, value = line.strip().partition(" ")
    if word == "fail":
        return Mood(fails=getattr(errno, value))
    if word == "fail-sync":
        return Mood(fails_sync=getattr(errno, value))
    if word in ("full", "delay", "rate"):
        return {
            "full": lambda: Mood(full_after=int(value)),
            "delay": lambda: Mood(delay_s=float(value)),
            "rate": lambda: Mood(rate=float(value)),
        }[word]()
    if word not in ("ok", "hang"):
        raise ValueError(f"no mood is called {line!r}")
    return Mood(hangs=word == "hang")


class PassThrough:
    """Answers the kernel's requests from ``folder``.

    Args:
        folder: what is behind it.

    Attributes:
        mood: changed at any time.
    """

    def __init__(self, folder: str) -> None:
        self.mood = Mood()
        root = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        self._nodes = {ROOT: root}
        self._seen = {ROOT: 1}
        """How often the kernel was given each node, and will say that it forgot it."""
        self._by_inode = {_inode(os.fstat(root)): ROOT}
        self._next = ROOT + 1
        self._paid_until = 0.0
        self.due = 0.0
        """When the latest answer may be given, on the monotonic clock."""
        self._does: dict[int, Callable[[int, memoryview], bytes]] = {
            Op.INIT: self._init,
            Op.LOOKUP: lambda node, data: self._entry(node, _name(data)),
            Op.FORGET: lambda node, data: self._forget(node, wire.FORGET_IN.unpack_from(data)[0]),
            Op.BATCH_FORGET: self._forget_many,
            Op.INTERRUPT: lambda _node, _data: b"",
            Op.DESTROY: lambda _node, _data: b"",
            Op.GETATTR: lambda node, _: wire.attr_out(os.stat(self._path(node))),
            Op.SETATTR: self._setattr,
            Op.MKDIR: self._mkdir,
            Op.UNLINK: lambda node, data: self._remove(os.unlink, node, data),
            Op.RMDIR: lambda node, data: self._remove(os.rmdir, node, data),
            Op.RENAME: lambda node, data: self._rename(node, data, wire.RENAME_IN.size),
            Op.RENAME2: lambda node, data: self._rename(node, data, wire.RENAME2_IN.size),
            Op.LINK: self._link,
            Op.OPEN: lambda node, data: self._open(node, wire.OPEN_IN.unpack_from(data)[0]),
            Op.OPENDIR: lambda node, _: self._open(node, os.O_RDONLY | os.O_DIRECTORY),
            Op.CREATE: self._create,
            Op.READ: self._read,
            Op.READDIR: self._readdir,
            Op.WRITE: self._write,
            Op.FLUSH: lambda _node, _data: b"",
            Op.FSYNC: self._fsync,
            Op.FSYNCDIR: self._fsync,
            Op.RELEASE: self._release,
            Op.RELEASEDIR: self._release,
            Op.STATFS: self._statfs,
        }

    def answer(self, request: memoryview) -> bytes | None:
        """The answer to one request; ``None`` if there is to be none."""
        _, opcode, unique, node, *_ = wire.IN_HEADER.unpack_from(request)
        code, body, self.due = 0, b"", 0.0
        try:
            self._feel(opcode)
            does = self._does.get(opcode)
            if does is None:
                raise OSError(errno.ENOSYS, "not supported")
            body = does(node, request[wire.IN_HEADER.size :])
        except OSError as error:
            code = -(error.errno or errno.EIO)
        except KeyError:
            code = -errno.ESTALE
        if opcode in _MUTED:
            return None
        return wire.OUT_HEADER.pack(wire.OUT_HEADER.size + len(body), code, unique) + body

    def _feel(self, opcode: int) -> None:
        mood = self.mood
        if opcode in _ALWAYS:
            return
        if mood.fails:
            raise OSError(mood.fails, "told to fail")
        if mood.full_after == 0 and opcode in _FILLING:
            raise OSError(errno.ENOSPC, "told to be full")
        if mood.delay_s and opcode in (Op.WRITE, Op.FSYNC):
            self.due = time.monotonic() + mood.delay_s

    def _path(self, node: int) -> str:
        return f"/proc/self/fd/{self._nodes[node]}"

    # -- names ----------------------------------------------------------------------------------------------

    def _entry(self, parent: int, name: bytes) -> bytes:
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=self._nodes[parent])
        info = os.fstat(fd)
        node = self._by_inode.get(_inode(info))
        if node is None:
            node, self._next = self._next, self._next + 1
            self._nodes[node], self._by_inode[_inode(info)], self._seen[node] = fd, node, 0
        else:
            os.close(fd)
        self._seen[node] += 1
        return wire.entry_out(node, info)

    def _forget(self, node: int, times: int) -> bytes:
        if node == ROOT or node not in self._seen:
            return b""
        self._seen[node] -= times
        if self._seen[node] <= 0:
            fd = self._nodes.pop(node)
            self._by_inode.pop(_inode(os.fstat(fd)), None)
            del self._seen[node]
            os.close(fd)
        return b""

    def _forget_many(self, _node: int, data: memoryview) -> bytes:
        count, _ = wire.BATCH_FORGET_IN.unpack_from(data)
        for n in range(count):
            self._forget(*wire.FORGET_ONE.unpack_from(data, wire.BATCH_FORGET_IN.size + n * wire.FORGET_ONE.size))
        return b""

    def _mkdir(self, node: int, data: memoryview) -> bytes:
        mode, umask = wire.MKDIR_IN.unpack_from(data)
        name = _name(data[wire.MKDIR_IN.size :])
        os.mkdir(name, mode & ~umask, dir_fd=self._nodes[node])
        return self._entry(node, name)

    def _remove(self, how: Callable[..., None], node: int, data: memoryview) -> bytes:
        how(_name(data), dir_fd=self._nodes[node])
        return b""

    def _rename(self, node: int, data: memoryview, size: int) -> bytes:
        (target,) = wire.RENAME_IN.unpack_from(data)
        old, new, _ = bytes(data[size:]).split(b"\0", 2)
        os.rename(old, new, src_dir_fd=self._nodes[node], dst_dir_fd=self._nodes[target])
        return b""

    def _link(self, node: int, data: memoryview) -> bytes:
        (old,) = wire.LINK_IN.unpack_from(data)
        name = _name(data[wire.LINK_IN.size :])
        os.link(self._path(old), name, dst_dir_fd=self._nodes[node], follow_symlinks=True)
        return self._entry(node, name)

    # -- files ----------------------------------------------------------------------------------------------

    def _init(self, _node: int, data: memoryview) -> bytes:
        return wire.init_out(struct.unpack_from("<IIII", data)[3])

    def _open(self, node: int, flags: int) -> bytes:
        return wire.open_out(os.open(self._path(node), flags & ~(os.O_NOFOLLOW | os.O_CREAT | os.O_EXCL)))

    def _create(self, node: int, data: memoryview) -> bytes:
        flags, mode, umask, _ = wire.CREATE_IN.unpack_from(data)
        name = _name(data[wire.CREATE_IN.size :])
        fd = os.open(name, flags | os.O_CREAT, mode & ~umask, dir_fd=self._nodes[node])
        return self._entry(node, name) + wire.open_out(fd)

    def _release(self, _node: int, data: memoryview) -> bytes:
        os.close(wire.RELEASE_IN.unpack_from(data)[0])
        return b""

    def _setattr(self, node: int, data: memoryview) -> bytes:
        values = wire.SETATTR_IN.unpack_from(data)
        which, size, atime, mtime = values[0], values[3], values[5], values[6]
        mode, uid, gid = values[11], values[13], values[14]
        path = self._path(node)
        if which & Change.MODE:
            os.chmod(path, stat.S_IMODE(mode))
        if which & (Change.UID | Change.GID):
            os.chown(path, uid if which & Change.UID else -1, gid if which & Change.GID else -1)
        if which & Change.SIZE:
            os.truncate(path, size)
        if which & (Change.ATIME | Change.MTIME):
            info, now = os.stat(path), time.time_ns()
            then = [
                (now if which & now_bit else given * 10**9) if which & bit else old
                for bit, now_bit, given, old in (
                    (Change.ATIME, Change.ATIME_NOW, atime, info.st_atime_ns),
                    (Change.MTIME, Change.MTIME_NOW, mtime, info.st_mtime_ns),
                )
            ]
            os.utime(path, ns=(then[0], then[1]))
        return wire.attr_out(os.stat(path))

    def _read(self, _node: int, data: memoryview) -> bytes:
        fd, offset, size, *_ = wire.READ_IN.unpack_from(data)
        return os.pread(fd, size, offset)

    def _readdir(self, node: int, data: memoryview) -> bytes:
        _, offset, size, *_ = wire.READ_IN.unpack_from(data)
        out = b""
        for n, item in enumerate(sorted(os.scandir(self._path(node)), key=lambda item: item.name)):
            one = wire.dirent(item.inode(), n + 1, os.fsencode(item.name))
            if n >= offset:
                if len(out) + len(one) > size:
                    break
                out += one
        return out

    def _write(self, _node: int, data: memoryview) -> bytes:
        fd, offset, size, *_ = wire.WRITE_IN.unpack_from(data)
        left = self.mood.full_after
        taken = size if left is None else min(size, left)
        self._pay(taken)
        done = os.pwrite(fd, data[wire.WRITE_IN.size : wire.WRITE_IN.size + taken], offset)
        if left is not None:
            self.mood = Mood(full_after=left - done)
        return wire.write_out(done)

    def _pay(self, size: int) -> None:
        """Take as long for it as the rate says."""
        if self.mood.rate:
            now = time.monotonic()
            self._paid_until = self.due = max(now, self._paid_until) + size / self.mood.rate

    def _fsync(self, _node: int, data: memoryview) -> bytes:
        if number := self.mood.fails_sync:
            self.mood = Mood()
            raise OSError(number, "told to fail")
        fd, flags, _ = wire.FSYNC_IN.unpack_from(data)
        (os.fdatasync if flags & wire.FSYNC_DATA_ONLY else os.fsync)(fd)
        return b""

    def _statfs(self, _node: int, _data: memoryview) -> bytes:
        # Also when it is told to be full: so does a disk whose owner has a quota.
        numbers = os.statvfs(self._path(ROOT))
        return wire.statfs_out(numbers, numbers.f_bavail)


def serve(fuse: int, moods: int, files: PassThrough) -> None:
    """Until the input ends or somebody unmounts; ``moods`` is where the moods come from."""
    buffer, word = bytearray(wire.BUFFER), b""
    waiting: list[tuple[float, bytes]] = []
    while True:
        wanted = [moods] if files.mood.hangs else [fuse, moods]
        patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting and not files.mood.hangs else None
        ready, _, _ = select.select(wanted, [], [], patience)
        while waiting and not files.mood.hangs and waiting[0][0] <= time.monotonic():
            _send(fuse, heapq.heappop(waiting)[1])
        if moods in ready:
            said = os.read(moods, 4096)
            if not said:
                return
            *lines, word = (word + said).split(b"\n")
            for line in lines:
                files.mood = parse_mood(line.decode())
                _say("done")
        elif fuse in ready:
            try:
                size = os.readv(fuse, [buffer])
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return  # no longer mounted
                if error.errno not in (errno.ENOENT, errno.EINTR, errno.EAGAIN):
                    raise
                continue  # the kernel took the request back
            answer = files.answer(memoryview(buffer)[:size])
            if answer is not None and files.due:
                heapq.heappush(waiting, (files.due, answer))
            elif answer is not None:
                _send(fuse, answer)


def _send(fuse: int, answer: bytes) -> None:
    try:
        os.write(fuse, answer)
    except OSError as error:
        if error.errno != errno.ENOENT:  # whoever asked was killed meanwhile
            raise


def mount(point: str) -> int:
    """Mount a file system at ``point``; returns the descriptor to serve. Raises ``OSError``."""
    fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,max_read={wire.MAX_WRITE}"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"evertape-lab", os.fsencode(point), FS_TYPE.encode(), 0, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), point)
    return fuse


def _inode(info: os.stat_result) -> tuple[int, int]:
    return info.st_dev, info.st_ino


def _name(data: memoryview) -> bytes:
    return bytes(data).partition(b"\0")[0]


def _say(word: str) -> None:
    os.write(1, word.encode() + b"\n")


def main(folder: str, point: str) -> None:
    """See the module."""
    files = PassThrough(folder)
    fuse = mount(point)
    _say("mounted")
    serve(fuse, 0, files)


if __name__ == "__main__":
    main(*sys.argv[1:])
