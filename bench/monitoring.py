"""What watching the volumes costs: processor time of a disk process with all layers, each alone, and none.

    PYTHONPATH=src python bench/monitoring.py [--seconds 30]

One disk process per row, all at the same time, each with one segment to which half a second of footage is appended
twice a second, as in a recorder. Needs no root; on a loop-mounted disk instead of a folder nothing is different. The
time each layer takes to notice is printed by ``pytest -s tests/faults/test_storage_layers.py``, which needs root.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage, Peer

ALL = ("kernel", "probe", "precheck", "errno")
ROWS: dict[str, tuple[str, ...]] = {"none": (), **{layer: (layer,) for layer in ALL}, "all": ALL}
FRAGMENT_BYTES = 250_000  # half a second at 4 Mbit/s
APPEND_S = 0.5


def cpu_ns(pid: int) -> int:
    """Time on a processor of all threads (proc_pid_schedstat(5)), in nanoseconds; ticks would be too coarse."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


class Row:
    """A disk process with these layers, and one file being written."""

    def __init__(self, rig: DiskRig, name: str, layers: tuple[str, ...]) -> None:
        volume = rig.folder / name
        volume.mkdir()
        self.name = name
        self.disk: DiskUnderTest = rig.disk(volume, volume=name, layers=layers)
        self.peer: Peer = self.disk.connect()
        self.peer.state("online")
        self.footage = Footage(frame_bytes=FRAGMENT_BYTES // 12)
        self.peer.send(*self.footage.open())
        self._began = 0

    def append(self) -> None:
        self.peer.sock.settimeout(10)
        self.peer.send(*self.footage.append())
        self.peer.listen(0.001)  # and leaves that as the socket's time-out
        self.peer.heard.clear()

    def begin(self) -> None:
        self._began = cpu_ns(self.disk.process.pid)

    def used_ns(self) -> int:
        return cpu_ns(self.disk.process.pid) - self._began


def measure(seconds: float) -> dict[str, float]:
    """Milliseconds of processor time per second, by row."""
    folder = Path(tempfile.mkdtemp(prefix="evt-"))
    try:
        with DiskRig(folder) as rig:
            rows = [Row(rig, name, layers) for name, layers in ROWS.items()]
            play(rows, 3.0)  # what only happens once
            for row in rows:
                row.begin()
            took = play(rows, seconds)
            return {row.name: row.used_ns() / 1e6 / took for row in rows}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def play(rows: list[Row], seconds: float) -> float:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        for row in rows:
            row.append()
        time.sleep(APPEND_S)
    return passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.seconds)
    if args.json:
        print(json.dumps(found))
        return
    print(f"{'layers':10} {'ms per s':>9} {'of a core':>10} {'ratio to none':>14}")
    for name, used in found.items():
        print(f"{name:10} {used:9.2f} {used / 10:9.2f}% {used / found['none']:14.2f}")


if __name__ == "__main__":
    main()
