"""The index with five million segments: a day's timeline, an instant, a start, and memory; beside it a directory tree.

    sudo .venv/bin/python bench/index.py --count 5000000

Both sides have the same segments of a minute, from 64 cameras. The tree is real, and the friendliest there is to these
two questions: a folder per camera and day, the start in the name, the end in the time of change; as many (empty) files,
in an ext4 of its own on a loop device. It is asked for less: it cannot say why something is missing, nor which of two
files counts. *First* is after the kernel's cache was dropped, *again* with everything in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import Process
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from proctree import read  # noqa: E402
from retention import drop_caches, make_tree, run, timed  # noqa: E402

from evertape.store.index import Index  # noqa: E402
from evertape_lab.fleet import LabCameras  # noqa: E402
from evertape_lab.many import LENGTH, START, make_index  # noqa: E402
from evertape_lab.rig import Rig  # noqa: E402

CAMERAS = 64
DAY = 1440 * LENGTH
DAYS, INSTANTS, COLD = 300, 1000, 20
"""How often each is asked: with everything in memory, and after the cache was dropped."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=5_000_000)
    parser.add_argument("--start-count", type=int, default=500_000, help="segments when the service is started")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="where the index and the image go")
    parser.add_argument("--minutes", type=int, default=1, help="of a segment; other than 1: no tree, and no starts")
    parser.add_argument("--no-tree", action="store_true", help="leave out the tree (it wants root, and minutes)")
    parser.add_argument("--no-starts", action="store_true", help="leave out the starts of the service")
    parser.add_argument("--ahead", action="store_true", help="ask ahead of whatever else runs here (it wants root)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="evertape-bench-", dir=options.folder))
    try:
        found: dict[str, Any] = {"count": options.count} | by_index(
            folder / "index", options.count, options.minutes, options.ahead
        )
        if options.minutes == 1 and not options.no_starts:
            found["starts"] = starts(folder, {options.count: folder / "index", options.start_count: None, 0: None})
        if options.minutes == 1 and not options.no_tree:
            found |= by_tree(folder, options.count)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found, indent=1) if options.json else text(found))
    return 0


def places(count: int, many: int, seed: int = 1, minutes: int = 1) -> list[tuple[int, int, int]]:
    """Camera, whole day, minute of that day: at random, but not on the first or the last day."""
    chance, days = random.Random(seed), count // CAMERAS * minutes // 1440
    return [(chance.randrange(CAMERAS), chance.randrange(1, days - 1), chance.randrange(1440)) for _ in range(many)]


def spread(work: Callable[[int, int, int], Any], asked: list[tuple[int, int, int]]) -> dict[str, float]:
    """Milliseconds that one question takes; ``cpu`` is the 95th percentile of processor time, whatever else runs."""
    times, cpu = [], []
    for place in asked:
        began = time.process_time()
        times.append(1000 * timed(lambda: work(*place)))  # noqa: B023
        cpu.append(1000 * (time.process_time() - began))
    p95 = len(asked) * 95 // 100
    times.sort()
    return {"p50": statistics.median(times), "p95": times[p95], "worst": times[-1], "cpu": sorted(cpu)[p95]}


def cold(work: Callable[[int, int, int], Any], asked: list[tuple[int, int, int]], forget: Callable[[], None]) -> float:
    """Milliseconds, the median, that one takes when nothing is in memory."""
    times = []
    for place in asked:
        forget()
        times.append(1000 * timed(lambda: work(*place)))  # noqa: B023
    return statistics.median(times)


# -- the index ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def ahead(really: bool) -> Iterator[None]:
    """On a machine where others work, what is asked within is answered as on one where nobody does."""
    if not really:
        yield
        return
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def by_index(place: Path, count: int, minutes: int, first: bool = False) -> dict[str, Any]:
    """The two questions, and how much memory asking them takes."""
    maker = Process(
        target=make_index, args=(place, count), kwargs={"length": minutes * LENGTH}
    )  # its cache is none of the reader's memory
    began = time.monotonic()
    maker.start()
    maker.join()
    made = time.monotonic() - began
    now = START + count // CAMERAS * minutes * LENGTH

    def asked(many: int, seed: int = 1) -> list[tuple[int, int, int]]:
        return places(count, many, seed, minutes)

    with ahead(first), Index.open_readonly(place) as index:

        def timeline(camera: int, day: int, _minute: int) -> None:
            report = index.coverage(f"cam_{camera:02}", START + day * DAY, START + (day + 1) * DAY, now)
            assert report.complete, report
            assert report.gaps or minutes > 1, report

        def instant(camera: int, day: int, minute: int) -> None:
            at = START + day * DAY + minute // minutes * minutes * LENGTH + LENGTH // 4  # in no gap
            found = index.segment_at(f"cam_{camera:02}", at)
            assert found is not None, at
            assert found.start_utc <= at < (found.end_utc or at), at

        cool = {
            "timeline": cold(timeline, asked(COLD, 2), drop_caches),
            "instant": cold(instant, asked(COLD, 3), drop_caches),
        }
        again = {"timeline": spread(timeline, asked(DAYS)), "instant": spread(instant, asked(INSTANTS))}
        memory = resident()
        spread(timeline, asked(DAYS, 4))
        usage = 1000 * timed(index.totals_by_volume)
        cameras = 1000 * timed(index.totals_by_camera)
    return {
        "index_made": made,
        "index_bytes": place.stat().st_size,
        "first": cool,
        "again": again,
        "totals": {"volumes": usage, "cameras": cameras},
        "reader_mb": [memory, resident()],
    }


def resident() -> float:
    """MB of this process."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


# -- a start --------------------------------------------------------------------------------------------------


def starts(folder: Path, indexes: dict[int, Path | None]) -> dict[int, dict[str, float]]:
    """By how many segments there are: seconds to the first durable frame of every camera, MB of the keeper."""
    found = {}
    for count, index in indexes.items():
        place = folder / f"start-{count}"
        place.mkdir()
        with LabCameras(count=4) as lab:
            urls = {f"cam_{n:02}": url for n, url in enumerate(lab.urls)}
            rig = Rig(place, urls, with_keeper=True)
            if index is not None:
                os.rename(index, rig.data.index_file)
            elif count:
                make_index(rig.data.index_file, count, cameras=CAMERAS)
            found[count] = asyncio.run(start(rig, list(urls)))
        shutil.rmtree(place)
    return found


async def start(rig: Rig, cameras: list[str]) -> dict[str, float]:
    began = time.monotonic()
    async with rig:
        await rig.until(lambda: all(rig.durable_s(name) > 0 for name in cameras), 60, "a frame of each camera")
        took = time.monotonic() - began
        await rig.recorded(cameras, 30, 60)
        pid = rig.pids()["keeper"]
        keeper = read([pid])[pid]
    return {"seconds": took, "keeper_mb": keeper.pss / 1e6}


# -- the tree -------------------------------------------------------------------------------------------------


def by_tree(folder: Path, count: int) -> dict[str, Any]:
    """The same two questions to a tree; also how long it took to make it."""
    image, point = folder / "tree.img", folder / "tree"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate((count * 600) + (1 << 28))
    run("mkfs.ext4", "-q", "-F", "-m", "0", "-N", str(count + 100_000), str(image))
    mount = ("mount", "-o", "loop,noatime", str(image), str(point))
    run(*mount)
    try:
        made = timed(lambda: make_tree(point, count))

        def again() -> None:
            run("umount", str(point))
            drop_caches()
            run(*mount)

        def timeline(camera: int, day: int, _minute: int) -> None:
            walk_day(point, camera, day)

        def instant(camera: int, day: int, minute: int) -> None:
            walk_instant(point, camera, day, minute)

        return {
            "tree_made": made,
            "tree_first": {
                "timeline": cold(timeline, places(count, COLD, 2), again),
                "instant": cold(instant, places(count, COLD, 3), again),
            },
            "tree_again": {
                "timeline": spread(timeline, places(count, DAYS)),
                "instant": spread(instant, places(count, INSTANTS)),
            },
        }
    finally:
        run("umount", str(point))


def walk_day(root: Path, camera: int, day: int) -> list[tuple[int, int]]:
    """What a program without an index does to draw a day: starts from names, ends from the inodes, in order."""
    spans = []
    with os.scandir(root / f"cam_{camera:02}" / f"{20240101 + day:08}") as files:
        for file in files:
            start = int(file.name.rpartition("_")[2].partition(".")[0])
            spans.append((start, file.stat().st_mtime_ns))
    return sorted(spans)


def walk_instant(root: Path, camera: int, day: int, minute: int) -> int:
    """And to find a moment: the newest name before it, and whether that file reaches so far."""
    folder = root / f"cam_{camera:02}" / f"{20240101 + day:08}"
    name = max(name for name in os.listdir(folder) if int(name.rpartition("_")[2].partition(".")[0]) <= minute)
    return (folder / name).stat().st_mtime_ns


# -- for people -----------------------------------------------------------------------------------------------


def text(found: dict[str, Any]) -> str:
    lines = [
        f"{found['count']:,} segments, index {found['index_bytes'] / 1e6:.0f} MB, made in {found['index_made']:.0f} s"
    ]
    for name in ("timeline", "instant"):
        index = found["again"][name]
        line = (
            f"{name:9} first {found['first'][name]:7.1f} ms, again p50 {index['p50']:.2f}, "
            f"p95 {index['p95']:.2f}, worst {index['worst']:.2f}, cpu p95 {index['cpu']:.2f}"
        )
        if "tree_again" in found:
            tree, first = found["tree_again"][name], found["tree_first"][name]
            line += (
                f";  tree first {first:7.1f} ms, again p50 {tree['p50']:.2f}, p95 {tree['p95']:.2f}, "
                f"cpu p95 {tree['cpu']:.2f};  "
                f"tree / index: first {first / found['first'][name]:.2f}, again {tree['p50'] / index['p50']:.2f}"
            )
        lines.append(line)
    lines.append(
        f"totals of volumes {found['totals']['volumes']:.1f} ms, of cameras {found['totals']['cameras']:.1f} ms"
    )
    lines.append("memory of the reader {:.1f} MB, {} questions later {:.1f} MB".format(*_memory(found)))
    for count, values in found.get("starts", {}).items():
        lines.append(
            f"start with {count:9,} segments: first frame of every camera after {values['seconds']:.2f} s, "
            f"keeper {values['keeper_mb']:.1f} MB"
        )
    return "\n".join(lines)


def _memory(found: dict[str, Any]) -> tuple[float, int, float]:
    before, after = found["reader_mb"]
    return before, DAYS, after


if __name__ == "__main__":
    sys.exit(main())
