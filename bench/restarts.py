"""What a partial restart costs beside a full one: time, frames, the viewer's frames, processor, bytes written twice.

    python bench/restarts.py --times 10

One camera (1080p25, a keyframe a second), two volumes, somebody who watches. Times are the service's own: from the
request to the event ``segment_opened`` of the file that follows it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

from evertape.ipc.events import SegmentOpened
from evertape.ipc.messages import CameraCommand
from evertape_lab.audit import audit_files
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig
from evertape_lab.watcher import FeedWatcher

CAMERA = "cam_01"
KINDS = ("nothing", "restart-writer", "split", "move", "restart")
PERIOD_S = 1.5
"""Between two restarts: more than a GOP, so that each begins with a new keyframe."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=10, help="of each kind (default %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LabCameras(count=1) as lab:
        asyncio.run(compare(Path(folder), lab.urls[0], options.times))
    return 0


async def compare(folder: Path, url: str, times: int) -> None:
    places = {name: folder / name for name in ("usb", "internal")}
    for place in places.values():
        place.mkdir()
    volumes = {"usb": (places["usb"], "primary"), "internal": (places["internal"], "spill")}
    async with Rig(folder, {CAMERA: url}, volumes) as rig:
        await rig.recorded([CAMERA], 3)
        watcher = FeedWatcher(rig.data.root, CAMERA)
        await rig.recorded([CAMERA], 1)
        for kind in KINDS:
            await measure(rig, watcher, kind, times)
        watcher.close()
    print(audit_files(rig.ranges()).describe())


async def measure(rig: Rig, watcher: FeedWatcher, kind: str, times: int) -> None:
    """``times`` restarts of one kind, and a line about them."""
    took, missing, seen = [], watcher.missing, len(watcher.frames)
    cpu, size = used(rig), written(rig)
    for turn in range(times):
        if kind == "nothing":
            await asyncio.sleep(PERIOD_S)
            continue
        took.append(await once(rig, kind, "internal" if kind == "move" and turn % 2 == 0 else ""))
        await asyncio.sleep(max(0.0, PERIOD_S - took[-1]))
    spent = [after - before for before, after in zip(cpu, used(rig), strict=True)]
    await asyncio.sleep(1.0)
    time = f"{statistics.median(took) * 1000:6.1f} ms, longest {max(took) * 1000:6.1f} ms" if took else " " * 28
    print(
        f"{kind:15} {time}  viewer misses {watcher.missing - missing:4} of {len(watcher.frames) - seen}  "
        f"CPU recorder {spent[0] * 1000:4.0f} ms, disks {spent[1] * 1000:4.0f} ms  "
        f"written {(written(rig) - size) / 1e6:.1f} MB"
    )


async def once(rig: Rig, kind: str, volume: str) -> float:
    """One restart; the seconds from the request to the new file."""
    files = len(rig.events(SegmentOpened))
    while True:
        asked = CameraCommand(request=rig.supervisor.next_request(), camera=CAMERA, command=kind, volume=volume)
        began = rig.supervisor.clock.boot_ns()
        done = await rig.supervisor.command(asked, CAMERA, asked.request)
        if not done.ok:
            raise RuntimeError(done.text)
        if "next keyframe" not in done.text:
            break
        await asyncio.sleep(0.15)
    await rig.until(lambda: len(rig.events(SegmentOpened)) > files, 10, "a new file")
    return (rig.events(SegmentOpened)[files].boot - began) / 1e9


def used(rig: Rig) -> tuple[float, float]:
    """Processor seconds so far: of the recorder, of the disk processes."""
    ticks = {name: _ticks(child.pid) for name, child in rig.supervisor.children.items() if child.pid is not None}
    return ticks["recorder-0"], sum(value for name, value in ticks.items() if name.startswith("disk"))


def _ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def written(rig: Rig) -> int:
    return sum(file.stat().st_size for file in rig.files())


if __name__ == "__main__":
    raise SystemExit(main())
