"""A machine that systemd runs: in namespaces of its own, above this machine's own file system, which it cannot change.

Root and Linux. Its network is the host's, so cameras and browsers are where they always are. It is not told of
devices (there is no udev in it), and it keeps nothing: what it writes lies in memory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from evertape.errors import SetupError

_SYSTEMD = Path("/lib/systemd/systemd")
_BOOT_S = 30.0
_SPACES = ("--pid", "--mount", "--uts", "--ipc", "--cgroup")

# $1: an empty folder; then pairs: what of the host's is to be seen in the machine, and where ("=": at the same place,
# read-only). What systemd finds in a container is described at systemd.io/CONTAINER_INTERFACE.
_BOOT = """\
set -e
work=$1; shift
mount --make-rprivate /
mount -t tmpfs machine "$work"
mkdir "$work/up" "$work/aside" "$work/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/up,workdir=$work/aside" "$work/root"
root=$work/root

while [ $# -gt 0 ]; do
    at=$2; [ "$at" != = ] || at=$1
    mkdir -p "$root$at"
    mount --bind "$1" "$root$at"
    [ "$2" != = ] || mount -o remount,bind,ro "$root$at"
    shift 2
done

mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sys "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 dev "$root/dev"
for name in null zero full random urandom tty loop-control; do
    cp -a "/dev/$name" "$root/dev/"
done
# Also those that the kernel makes later: whoever gets one finds its node.
number=0
while [ $number -lt 64 ]; do
    mknod "$root/dev/loop$number" b 7 $number
    number=$((number + 1))
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"

# Nothing that the host starts, and nothing that would touch the kernel that both share.
units=$root/etc/systemd/system
rm -rf "$units" "$root/etc/fstab" "$root/.dockerenv" "$root/var/log/journal"
mkdir -p "$units" "$root/var/log/journal"
for unit in modprobe@.service systemd-journald-audit.socket systemd-modules-load.service systemd-pstore.service \\
    systemd-udevd.service systemd-logind.service; do
    ln -s /dev/null "$units/$unit"
done
: > "$root/etc/machine-id"

cd "$root"
mkdir -p host
pivot_root . host
umount -l host
# A service's own mounts follow those of the machine, as on one that booted without a container around it.
mount --make-rshared /
exec env -i container=evertape-lab LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    /lib/systemd/systemd systemd.unit=multi-user.target
"""


def why_no_machine() -> str:
    """Why ``Machine`` cannot work here; empty if it can."""
    if sys.platform != "linux":
        return "a machine of its own needs Linux"
    if os.geteuid() != 0:
        return "a machine of its own needs root"
    if not _SYSTEMD.exists():
        return "systemd is not installed"
    if shutil.which("systemctl") is None or _cgroups() is None:
        return "systemctl is not installed" if _cgroups() else "the version 2 of control groups is not mounted"
    tried = subprocess.run(["unshare", *_SPACES, "--fork", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "namespaces are not allowed here"


def _cgroups() -> Path | None:
    """Where version 2 of the control groups is, whose hierarchy systemd wants for itself."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, kind = line.split()[:3]
        if kind == "cgroup2":
            return Path(point)
    return None


class Machine:
    """See the module. A context manager: it has booted when it is entered, and is gone without a trace afterwards.

    Args:
        keep: folders of the host that are seen at the same place, read-only, whatever file system they are on.
        shared: folders of the host, and where they are seen and may be written to.
    """

    def __init__(self, keep: Sequence[Path] = (), shared: Mapping[Path, str] | None = None) -> None:
        self._binds = [text for path in keep for text in (str(path), "=")]
        self._binds += [text for path, at in (shared or {}).items() for text in (str(path), at)]
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._group: Path | None = None
        self._systemd = 0

    def __enter__(self) -> Self:
        groups = _cgroups()
        if groups is None:
            raise SetupError(why_no_machine())
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="evertape-machine-"))
            self._group = groups / self._folder.name
            self._group.mkdir()
            self._boot(self._folder, self._group)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._systemd:
            # The kernel ends all in a PID namespace with its first process, and mounts with the last that sees them.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._systemd, signal.SIGKILL)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._group is not None:
            _remove_groups(self._group)
        if self._folder is not None:
            self._folder.rmdir()

    @property
    def root(self) -> Path:
        """Its file system, seen from here; not to be resolved."""
        return Path(f"/proc/{self._systemd}/root")

    def ask(self, command: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a shell's command in it, as root."""
        enter = ["nsenter", f"--target={self._systemd}", "--pid", "--mount", "--uts", "--ipc", "--cgroup"]
        clean = ["env", "-i", "HOME=/root", "LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        return subprocess.run(
            [*enter, *clean, "sh", "-c", command], capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def run(self, command: str, timeout_s: float = 60.0) -> str:
        """The same, for what has to work: returns what it wrote. Raises ``SetupError`` with what it said."""
        done = self.ask(command, timeout_s)
        if done.returncode:
            raise SetupError(f"{command!r} ended with {done.returncode}: {(done.stderr + done.stdout).strip()[-2000:]}")
        return done.stdout.strip()

    def _boot(self, folder: Path, group: Path) -> None:
        spaces = ["unshare", *_SPACES, "--fork", "--kill-child", "sh", "-c", _BOOT, "boot", str(folder), *self._binds]
        into = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs")]
        self._process = subprocess.Popen([*into, *spaces], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + _BOOT_S
        while not self._is_up(self._process.pid):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SetupError(f"systemd did not boot: {self._process.poll()}")
            time.sleep(0.05)

    def _is_up(self, parent: int) -> bool:
        if not self._systemd:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            # Until it is systemd, it is a shell that still sees the host.
            if children and Path(f"/proc/{children[0]}/comm").read_text() == "systemd\n":
                self._systemd = int(children[0])
            return False
        return self.ask("systemctl is-system-running").stdout.strip() in ("running", "degraded")


def _remove_groups(group: Path) -> None:
    """A group goes once the kernel has buried the last process in it."""
    deadline = time.monotonic() + 10
    while group.exists():
        try:
            for path in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
                path.rmdir()
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
