"""Usage and retention planning from the index, beside a walk of a tree with as many files (rglob and stat).

    sudo .venv/bin/python bench/retention.py --count 1000000

Both sides have the same segments of a minute, from 64 cameras. The tree is real: as many empty files, in an ext4 of its
own on a loop device, walked once with nothing of it in memory (as after a start) and once with all of it there. Sizes
are those that stat finds, so the walk's sums are of nothing; its work is the same.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from evertape.domain.retention_terms import Rule, Terms  # noqa: E402
from evertape.engine.space import Question, evictions, rate_of  # noqa: E402
from evertape.store.index import Index  # noqa: E402
from evertape_lab.many import START, make_index  # noqa: E402

CAMERAS, SIZE = 64, 2_000_000
BATCH = 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="where the index and the image go")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="evertape-bench-", dir=options.folder))
    try:
        found = {"count": options.count} | by_index(folder, options.count) | by_walk(folder, options.count)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("usage", "plan", "batch"):
        walk = found["walk_usage" if name == "usage" else "walk_plan"]
        found[f"{name}_ratio_cold"] = walk["cold"] / found[name]["first"]
        found[f"{name}_ratio_warm"] = walk["warm"] / found[name]["again"]
    print(json.dumps(found, indent=1) if options.json else text(found))
    return 0


# -- the index ------------------------------------------------------------------------------------------------


def by_index(folder: Path, count: int) -> dict[str, Any]:
    """Seconds for usage of every volume, for planning half of everything, for the first batch, for a rate."""
    place = folder / "index"
    make_index(place, count, cameras=CAMERAS, size=SIZE)
    whole = Question(Terms(rule=Rule(max_age=0)), ("vol-1",), 2 * START, need={"vol-1": count * SIZE // 2})

    def plan(index: Index, most: int | None) -> int:
        found = 0
        with index.snapshot() as reader:
            for _ in evictions(reader, whole):
                found += 1
                if found == most:
                    break
        return found

    questions: dict[str, Callable[[Index], Any]] = {
        "usage": lambda index: index.totals_by_volume(),
        "plan": lambda index: plan(index, None),
        "batch": lambda index: plan(index, BATCH),
        "rate": lambda index: rate_of(index, "vol-1", START + count // CAMERAS * 60_000_000_000),
    }
    times: dict[str, Any] = {"index_bytes": place.stat().st_size}
    for name, question in questions.items():
        drop_caches()
        with Index.open_readonly(place) as index:
            times[name] = {"first": timed(lambda: question(index)), "again": timed(lambda: question(index))}  # noqa: B023
    return times


# -- the walk -------------------------------------------------------------------------------------------------


def by_walk(folder: Path, count: int) -> dict[str, Any]:
    """The same questions to a tree; also how long it took to make it."""
    image, point = folder / "tree.img", folder / "tree"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate((count * 600) + (1 << 28))
    run("mkfs.ext4", "-q", "-F", "-m", "0", "-N", str(count + 100_000), str(image))
    run("mount", "-o", "loop,noatime", str(image), str(point))
    try:
        made = timed(lambda: make_tree(point, count))
        times: dict[str, Any] = {"tree_made": made}
        for name, walk in (("walk_usage", walk_usage), ("walk_plan", walk_plan)):
            run("umount", str(point))
            drop_caches()
            run("mount", "-o", "loop,noatime", str(image), str(point))
            times[name] = {"cold": timed(lambda: walk(point)), "warm": timed(lambda: walk(point))}  # noqa: B023
        return times
    finally:
        run("umount", str(point))


def make_tree(root: Path, count: int) -> None:
    """Day folders of 1440 files each, as a recorder with a rotation of a minute makes them."""
    per_camera = count // CAMERAS
    for camera in range(CAMERAS):
        for day in range(-(-per_camera // 1440)):
            folder = root / f"cam_{camera:02}" / f"{20240101 + day:08}"
            folder.mkdir(parents=True)
            at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            for n in range(min(1440, per_camera - day * 1440)):
                os.close(os.open(f"cam_{camera:02}_{day:08}_{n:06}.mp4", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=at))
            os.close(at)


def walk_usage(root: Path) -> int:
    """What a program without an index does to know how full it is."""
    return sum(path.stat().st_size for path in root.rglob("*.mp4"))


def walk_plan(root: Path) -> int:
    """And to know what is the oldest half."""
    files = []
    for path in root.rglob("*.mp4"):
        info = path.stat()
        files.append((info.st_mtime_ns, info.st_size, path))
    files.sort()
    return len(files[: len(files) // 2])


# -- tools ----------------------------------------------------------------------------------------------------


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def drop_caches() -> None:
    """Forget what the kernel holds of files, if we may."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError as error:
        print(f"caches stay warm: {error}", file=sys.stderr)


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def text(found: dict[str, Any]) -> str:
    """For people."""
    size, made = found["index_bytes"] / 1e6, found["tree_made"]
    lines = [f"{found['count']:,} segments; index {size:.0f} MB; tree made in {made:.0f} s"]
    for name, title in (("usage", "usage"), ("plan", "plan of half"), ("batch", f"first {BATCH} of it")):
        walk = found["walk_usage" if name == "usage" else "walk_plan"]
        lines.append(
            f"{title:14} index {found[name]['first'] * 1e3:9.1f} ms, again {found[name]['again'] * 1e3:9.1f} ms;"
            f"  walk {walk['cold']:6.1f} s, again {walk['warm']:6.1f} s;"
            f"  {found[name + '_ratio_cold']:10,.0f} times, again {found[name + '_ratio_warm']:10,.0f} times"
        )
    lines.append(
        f"{'rate':14} index {found['rate']['first'] * 1e3:9.1f} ms, again {found['rate']['again'] * 1e3:9.1f} ms"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
