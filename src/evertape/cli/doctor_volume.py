"""The check of a volume: may it be written, how fast does it write, how long does a sync take?"""

from __future__ import annotations

import contextlib
import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from evertape.cli import doctor_disk_probe
from evertape.cli.doctor_check import Check, Level

DEADLINE_S = 20.0
"""For the whole measurement, seconds. A disk that needs longer for 8 MiB cannot take a camera's 0.5 MB/s."""

SLOW_SYNC_MS = 500.0
"""A sync round runs every 0.5 s; where one takes longer, a power cut costs more than the promised 2 s."""

CAMERA_BYTES_PER_S = 500_000
"""A camera of 1080p25 at 4 Mbit/s."""

WANTED_CAMERAS = 16

_FIXES = {
    errno.ENOENT: "mount the disk, or create the folder",
    errno.ENOTDIR: "name a folder, not a file",
    errno.EACCES: "give the user that records the right to write there: sudo chown USER: PATH",
    errno.EPERM: "give the user that records the right to write there: sudo chown USER: PATH",
    errno.EROFS: "mount it for writing: sudo mount -o remount,rw PATH (a disk with errors refuses: check it)",
    errno.ENOSPC: "free space on it",
    errno.EDQUOT: "raise the quota",
    errno.EIO: "check the cable and the disk: sudo dmesg, smartctl -a DEVICE",
}


def measure_apart(path: Path, deadline_s: float = DEADLINE_S) -> dict[str, Any] | None:
    """Measure in a process of its own; ``None`` if that did not end in time.

    A process that is stuck in the kernel does not die of being killed: it is left behind.
    """
    command = [sys.executable, "-I", doctor_disk_probe.__file__, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        out, _ = process.communicate(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        if process.stdout:
            process.stdout.close()
        return None
    try:
        result: dict[str, Any] = json.loads(out)
    except ValueError:
        return {"errno": 0, "error": f"the measurement ended with status {process.returncode}"}
    return result


def judge_volume(name: str, path: Path, measured: dict[str, Any] | None) -> Check:
    """What the measurement means for recording."""
    title = f"volume {name}"
    if measured is None:
        fix = "check the cable and the disk (sudo dmesg), or remove it from the configuration"
        return Check(title, Level.FAIL, f"{path} did not finish writing 8 MiB in {DEADLINE_S:.0f} s", fix)
    if "errno" in measured:
        fix = _FIXES.get(measured["errno"], "choose another folder").replace("PATH", str(path))
        return Check(title, Level.FAIL, f"{path}: {measured['error']}", fix)
    rate, worst = measured["write_bytes_per_s"], max(measured["sync_ms"])
    typical = sorted(measured["sync_ms"])[len(measured["sync_ms"]) // 2]
    detail = (
        f"{path}: writes {rate / 1e6:.0f} MB/s, syncs in {typical:.1f} ms (worst {worst:.1f}), "
        f"{measured['free_bytes'] / 1e9:.1f} of {measured['total_bytes'] / 1e9:.1f} GB free"
    )
    cameras = int(rate // CAMERA_BYTES_PER_S)
    if cameras < 1:
        return Check(title, Level.FAIL, f"{detail}; too slow for one camera", "use a faster disk")
    if cameras < WANTED_CAMERAS:
        return Check(title, Level.WARN, f"{detail}; enough for {cameras} cameras", "use a faster disk")
    if worst > SLOW_SYNC_MS:
        fix = "use a faster disk, or one that nothing else writes to"
        return Check(title, Level.WARN, f"{detail}; a power cut may cost more than 2 s", fix)
    return Check(title, Level.OK, detail)


def check_volume(name: str, path: Path) -> Check:
    """Measure a volume and judge it."""
    return judge_volume(name, path, measure_apart(path))
