"""Checks of the machine: its clock, mount namespace, limits and memory. Each reads, none changes anything."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from evertape.cli.doctor_check import Check, Level

# <sys/timex.h>: the bit of `status` that says that nothing disciplines the clock.
_STA_UNSYNC = 0x0040
# struct timex on Linux with 64-bit longs: maxerror at 24 (microseconds), status at 40; 32-bit: 12 and 20.
_TIMEX_SIZE = 512

MIB = 1 << 20
GIB = 1 << 30

WANTED_FILES = 4096
"""Enough for 64 cameras with sockets to the camera, to probe it, to the disk process and to a dozen viewers each."""
NEEDED_FILES = 1024
"""The usual default; with less even a few cameras with viewers run out."""

WANTED_MEMORY = GIB
NEEDED_MEMORY = 256 * MIB


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What ``adjtimex`` says.

    Args:
        synchronised: a time service disciplines the clock.
        max_error_us: the kernel's bound of the error, microseconds.
    """

    synchronised: bool
    max_error_us: int


def read_kernel_clock() -> KernelClock | None:
    """Ask the kernel without changing anything; ``None`` where it is not Linux."""
    if sys.platform != "linux":
        return None
    buffer = ctypes.create_string_buffer(_TIMEX_SIZE)  # modes == 0: read only
    if ctypes.CDLL(None).adjtimex(buffer) < 0:
        return None
    word = struct.calcsize("l")
    max_error = struct.unpack_from("l", buffer, 3 * word)[0]
    status = struct.unpack_from("i", buffer, 5 * word)[0]
    return KernelClock(not status & _STA_UNSYNC, max_error)


def check_clock(clock: KernelClock) -> Check:
    """Is the wall clock kept right? Footage is found by it."""
    if not clock.synchronised:
        fix = "sudo timedatectl set-ntp true (install systemd-timesyncd or chrony if it refuses)"
        return Check("clock", Level.WARN, "nothing synchronises it: times of footage will drift", fix)
    return Check("clock", Level.OK, f"synchronised, at most {clock.max_error_us / 1000:.0f} ms off")


@dataclass(frozen=True, slots=True)
class MountView:
    """How this process sees mounts.

    Args:
        own: identity of its mount namespace.
        init: that of process 1; "" if it may not be read.
        follows: mounts and unmounts from outside arrive here too (the root is shared with or a slave of another).
    """

    own: str
    init: str
    follows: bool


def read_mount_view(proc: Path = Path("/proc")) -> MountView | None:
    """Look at our mount namespace; ``None`` where there is no such thing."""
    try:
        own = os.readlink(proc / "self/ns/mnt")
        lines = (proc / "self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    try:
        init = os.readlink(proc / "1/ns/mnt")
    except OSError:
        init = ""
    roots = [line.split(" - ")[0].split() for line in lines if line.split()[4] == "/"]
    return MountView(own, init, any(f.startswith(("shared:", "master:")) for root in roots for f in root[6:]))


def check_mounts(view: MountView) -> Check:
    """Will the unmounting of a disk be seen here? A private namespace keeps its own mounts."""
    if view.own == view.init:
        return Check("mount namespace", Level.OK, "the machine's own")
    if view.follows:
        what = "a separate one that follows" if view.init else "the machine's own, or one that follows"
        return Check("mount namespace", Level.OK, f"{what} the machine's mounts")
    return Check(
        "mount namespace",
        Level.WARN,
        "a private one: a disk that is unmounted or mounted outside is not noticed here",
        "run it outside, or with mount propagation (docker -v PATH:PATH:rslave; MountFlags=slave in a systemd unit)",
    )


def read_file_limit() -> tuple[int, int] | None:
    """Soft and hard limit of open files; ``None`` where there is no such limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = (
        sys.maxsize if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    return soft, hard


def check_files(limit: tuple[int, int]) -> Check:
    """May it open enough files? What counts is the hard limit, up to which a program may help itself."""
    soft, hard = limit
    detail = f"{soft} (may be raised to {hard})"
    fix = f"LimitNOFILE={WANTED_FILES} in the systemd unit, or ulimit -n {WANTED_FILES} before the start"
    if hard < NEEDED_FILES:
        return Check("open files", Level.FAIL, f"{detail}: too few to record with viewers", fix)
    if hard < WANTED_FILES:
        return Check("open files", Level.WARN, f"{detail}: too few for 64 cameras", fix)
    return Check("open files", Level.OK, detail)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of memory, as far as this process may have them.

    Args:
        total: of the machine, or the control group's limit.
        available: without swapping.
    """

    total: int
    available: int


def read_memory(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> Memory | None:
    """From ``/proc/meminfo`` and the control group; ``None`` where there is neither."""
    try:
        lines = (proc / "meminfo").read_text().splitlines()
    except OSError:
        return None
    fields = {key: int(rest.split()[0]) * 1024 for key, _, rest in (line.partition(":") for line in lines)}
    total, available = fields["MemTotal"], fields["MemAvailable"]
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):  # no control group, or "max"
        return Memory(total, available)
    return Memory(min(total, limit), max(0, min(available, limit - used)))


def check_memory(memory: Memory) -> Check:
    """Is there memory for the rings? Their budget is the smaller of 1 GiB and a quarter of all."""
    budget = min(GIB, memory.total // 4)
    detail = f"{memory.available // MIB} of {memory.total // MIB} MiB available, {budget // MIB} for the cameras' rings"
    fix = "stop other programs, or give the machine (or its control group) more memory"
    if memory.available < NEEDED_MEMORY:
        return Check("memory", Level.FAIL, detail, fix)
    if memory.available < min(WANTED_MEMORY, budget + NEEDED_MEMORY):
        return Check("memory", Level.WARN, detail, fix)
    return Check("memory", Level.OK, detail)


def host_checks() -> list[Check]:
    """All checks of this module that this system has an answer to."""
    checks = []
    if (clock := read_kernel_clock()) is not None:
        checks.append(check_clock(clock))
    if (view := read_mount_view()) is not None:
        checks.append(check_mounts(view))
    if (limit := read_file_limit()) is not None:
        checks.append(check_files(limit))
    if (memory := read_memory()) is not None:
        checks.append(check_memory(memory))
    return checks
