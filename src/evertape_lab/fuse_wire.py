"""The messages of the kernel's FUSE protocol that a pass-through file system needs (linux/fuse.h, version 7.31)."""

from __future__ import annotations

import os
import struct
from enum import IntEnum

IN_HEADER = struct.Struct("<IIQQIIIHH")
"""Length, opcode, unique, node, uid, gid, pid, length of extensions, padding."""
OUT_HEADER = struct.Struct("<IiQ")
VERSION = (7, 31)
MAX_WRITE = 1 << 20
MAX_PAGES = MAX_WRITE // 4096
BUFFER = MAX_WRITE + (1 << 16)
"""What one read of ``/dev/fuse`` may bring."""
ROOT = 1

ASYNC_READ, BIG_WRITES, MAX_PAGES_FLAG = 1 << 0, 1 << 5, 1 << 22
FSYNC_DATA_ONLY = 1

_INIT_OUT = struct.Struct("<IIIIHHIIHHI28x")
_ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
_ENTRY = struct.Struct("<QQQQII")
_ATTR_OUT = struct.Struct("<QII")
_OPEN_OUT = struct.Struct("<QIi")
_STATFS = struct.Struct("<QQQQQIII28x")
_WRITE_OUT = struct.Struct("<II")
_DIRENT = struct.Struct("<QQII")

SETATTR_IN = struct.Struct("<IIQQQQQQIIIIIIII")
OPEN_IN = struct.Struct("<II")
CREATE_IN = struct.Struct("<IIII")
MKDIR_IN = struct.Struct("<II")
READ_IN = struct.Struct("<QQIIQII")
WRITE_IN = struct.Struct("<QQIIQII")
FSYNC_IN = struct.Struct("<QII")
RELEASE_IN = struct.Struct("<QIIQ")
RENAME_IN = struct.Struct("<Q")
RENAME2_IN = struct.Struct("<QII")
LINK_IN = struct.Struct("<Q")
FORGET_IN = struct.Struct("<Q")
BATCH_FORGET_IN = struct.Struct("<II")
FORGET_ONE = struct.Struct("<QQ")


class Op(IntEnum):
    """What the kernel asks."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    LINK = 13
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    FSYNCDIR = 30
    CREATE = 35
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    RENAME2 = 45


class Change(IntEnum):
    """Bits of what a ``SETATTR`` sets."""

    MODE = 1 << 0
    UID = 1 << 1
    GID = 1 << 2
    SIZE = 1 << 3
    ATIME = 1 << 4
    MTIME = 1 << 5
    ATIME_NOW = 1 << 7
    MTIME_NOW = 1 << 8


def init_out(asked_flags: int) -> bytes:
    """What we can do of what the kernel offers."""
    flags = asked_flags & (ASYNC_READ | BIG_WRITES | MAX_PAGES_FLAG)
    return _INIT_OUT.pack(*VERSION, 1 << 17, flags, 16, 12, MAX_WRITE, 1, MAX_PAGES, 0, 0)


def attr(info: os.stat_result) -> bytes:
    """``struct fuse_attr``."""
    times = (info.st_atime_ns, info.st_mtime_ns, info.st_ctime_ns)
    return _ATTR.pack(
        info.st_ino, info.st_size, info.st_blocks, *(t // 10**9 for t in times), *(t % 10**9 for t in times),
        info.st_mode, info.st_nlink, info.st_uid, info.st_gid, info.st_rdev, info.st_blksize, 0,
    )  # fmt: skip


def entry_out(node: int, info: os.stat_result) -> bytes:
    """A name was found; the kernel is to ask again the next time, so that what happens behind its back is seen."""
    return _ENTRY.pack(node, 0, 0, 0, 0, 0) + attr(info)


def attr_out(info: os.stat_result) -> bytes:
    """The answer to ``GETATTR``."""
    return _ATTR_OUT.pack(0, 0, 0) + attr(info)


def open_out(handle: int) -> bytes:
    """A file is open."""
    return _OPEN_OUT.pack(handle, 0, 0)


def write_out(size: int) -> bytes:
    """So much was written."""
    return _WRITE_OUT.pack(size, 0)


def statfs_out(numbers: os.statvfs_result, free: int) -> bytes:
    """Sizes; ``free`` blocks for everybody."""
    return _STATFS.pack(
        numbers.f_blocks, free, free, numbers.f_files, numbers.f_ffree, numbers.f_bsize, 255, numbers.f_frsize
    )


def dirent(inode: int, offset: int, name: bytes) -> bytes:
    """One entry of a directory, padded to eight bytes; the kernel looks the type up."""
    return _DIRENT.pack(inode or 1, offset, len(name), 0) + name + bytes(-len(name) % 8)
