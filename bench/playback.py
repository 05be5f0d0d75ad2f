"""Playback with five million segments in the index: from a click to the first picture, and a year on one screen.

    python bench/playback.py --count 5000000

The index is made up (``evertape_lab.many``: 64 cameras, files of ten minutes, 542 days, a gap every hundredth); then
the real service runs on it and records one real camera, ``cam_00``, of 1080p25 at 4 Mbit/s, in files of 20 s. Over HTTP
each question of a player is asked by itself; in the page (Debian's Chromium) the mouse clicks at a moment of that
footage, and the first picture that the browser says is on the screen ends it. *Fresh* is a page that knows nothing of
the place yet.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from live import browser, opened  # noqa: E402

from evertape.config.paths import DataDir  # noqa: E402
from evertape_lab.fleet import LabCameras  # noqa: E402
from evertape_lab.many import LENGTH, START, make_index  # noqa: E402
from hub.served_hub import ServedHub, until  # noqa: E402

CAMERAS, SHOWN = 64, 16
MINUTES = 10
CAMERA = "cam_00"
S = 1_000_000_000
YEAR = 365 * 86400 * S
PIECE = 1_500_000
"""Bytes that the player asks for at once (``timeline/track.js``)."""
COARSE_S = 32768
"""The resolution at which a page of a usual width shows a year (``timeline/data.js``)."""
CONFIG = """
[hub]
listen = "127.0.0.1:0"
[recording]
rotation = "20s"
align = false
"""
# Time from the mouse being up to the first picture on the screen.
CLICK = """() => {
  window.first = null;
  const video = document.querySelector('et-timeline video');
  document.addEventListener('pointerup', () => {
    const began = performance.now();
    const shown = (now, about) => { window.first ??= Math.max(now, about.expectedDisplayTime) - began; };
    video.requestVideoFrameCallback(shown);
  }, { capture: true, once: true });
}"""
SHOW = """([start, end]) => {
  performance.clearResourceTimings();
  performance.setResourceTimingBufferSize(5000);
  document.querySelector('et-timeline').view.show(start, end);
}"""
TILES = """() => performance.getEntriesByType('resource').filter((one) => one.name.includes('/timeline'))
  .map((one) => [one.startTime, one.responseEnd])"""
TASKS = """() => {
  const tasks = window.longTasks = [];
  const seen = (list) => tasks.push(...list.getEntries().map((one) => one.duration));
  new PerformanceObserver(seen).observe({ type: 'longtask' });
}"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=5_000_000)
    parser.add_argument("--index", type=Path, help="one that is there already; it is copied")
    parser.add_argument("--asked", type=int, default=100, help="how often each question over HTTP")
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--record", type=float, default=90.0, help="seconds of real footage, over 40")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[str, Any] = {"count": options.count, "load_before": os.getloadavg()[0]}
    folder = Path(tempfile.mkdtemp(prefix="evertape-bench-", dir="/var/tmp"))
    try:
        with LabCameras(count=1, size="1920x1080", bitrate=4000) as cameras:
            hub = installed(folder / "data", cameras.urls[0], options)
            hub.start()
            try:
                hub.log_in()
                found |= measured(hub, options)
            finally:
                hub.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found["load_after"] = os.getloadavg()[0]
    print(json.dumps(found, indent=1) if options.json else text(found))
    return 0


def installed(data: Path, url: str, options: argparse.Namespace) -> ServedHub:
    """A service on that index; of its sixteen cameras one is real."""
    hub = ServedHub(data, "")
    more = "".join(f'[cameras.cam_{n:02}]\nurl = "rtsp://192.0.2.{n}/main"\nenabled = false\n' for n in range(1, SHOWN))
    (data / "evertape.toml").write_text(f'{CONFIG}[cameras.{CAMERA}]\nurl = "{url}"\n{more}')
    place = DataDir(data).index_file
    place.parent.mkdir(parents=True, exist_ok=True)
    if options.index:
        shutil.copyfile(options.index, place)
    else:
        make_index(place, options.count, length=MINUTES * LENGTH)
    return hub


def measured(hub: ServedHub, options: argparse.Namespace) -> dict[str, Any]:
    until(lambda: hub.frames(CAMERA) > 25 * options.record, "there is footage", options.record + 60)
    here = (time.time() - options.record + 5, time.time() - 25)
    until(lambda: parts(hub, *here)[-1]["segment"]["state"] == "closed", "it is on the disk and in the index", 30)
    found: dict[str, Any] = {"http": over_http(hub, here, options)}
    found["year_http"] = [1000 * timed(lambda: year(hub, options.count)) for _ in range(5)]
    with browser() as started:
        found["clicks"] = in_page(started, hub, here, options)
        found["year_page"] = year_in_page(started, hub, options.count)
    return found


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def parts(hub: ServedHub, start: float, end: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hub.get(f"/cameras/{CAMERA}/segments", start=iso(start), end=iso(end))["parts"]
    return found


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def spread(seconds: list[float]) -> dict[str, float]:
    """Milliseconds."""
    values = sorted(1000 * one for one in seconds)
    return {"p50": statistics.median(values), "p95": values[len(values) * 95 // 100], "worst": values[-1]}


# -- over HTTP ------------------------------------------------------------------------------------------------


def over_http(hub: ServedHub, here: tuple[float, float], options: argparse.Namespace) -> dict[str, Any]:
    """The questions between a click and the bytes of its picture, in their order; and two of them all over the year."""
    chance = random.Random(1)
    taken: dict[str, list[float]] = {}

    def ask(name: str, work: Callable[..., Any], *about: Any, **query: Any) -> Any:
        began = time.perf_counter()
        answer = work(*about, **query)
        taken.setdefault(name, []).append(time.perf_counter() - began)
        return answer

    for _ in range(options.asked):
        at = chance.uniform(*here)
        ask("at", hub.get, f"/cameras/{CAMERA}/at", t=iso(at))
        ask("together", one_click, hub, at, ask)
        anywhere = (START + chance.randrange(span(options.count))) / S
        camera = f"/cameras/cam_{chance.randrange(1, CAMERAS):02}"
        ask("at, of a year", hub.get, f"{camera}/at", t=iso(anywhere))
        ask("segments, of a year", hub.get, f"{camera}/segments", start=iso(anywhere - 60), end=iso(anywhere + 900))
    return {name: spread(values) for name, values in taken.items()}


def one_click(hub: ServedHub, at: float, ask: Callable[..., Any]) -> None:
    """What a player that knows nothing asks until it has the bytes of a picture."""
    some = ask("segments", parts, hub, at - 60, at + 900)
    part = next(one["segment"]["id"] for one in reversed(some) if one["start"] <= iso(at))
    fragments = ask("fragments", hub.get, f"/segments/{part}/fragments")
    keys = [one["offset"] for one in fragments["fragments"] if one["key"] and one["start"] <= iso(at)]
    first = keys[-1] if keys else fragments["head"]
    ask("head", ranged, hub, part, 0, fragments["head"] - 1)
    ask("bytes", ranged, hub, part, first, min(first + PIECE, fragments["size"]) - 1)


def ranged(hub: ServedHub, segment: str, start: int, end: int) -> bytes:
    answer = hub.http.get(f"/segments/{segment}/file", headers={"Range": f"bytes={start}-{end}"})
    assert answer.status_code == 206, answer.text
    assert len(answer.content) == end - start + 1
    return bytes(answer.content)


def span(count: int) -> int:
    """Nanoseconds of the made-up time."""
    return count // CAMERAS * MINUTES * LENGTH


def year(hub: ServedHub, count: int) -> Any:
    """A year of sixteen cameras in one question."""
    end = START + span(count)
    cameras = [f"cam_{n:02}" for n in range(SHOWN)]
    return hub.get("/timeline", camera=cameras, start=iso((end - YEAR) / S), end=iso(end / S), resolution=COARSE_S)


# -- in the page ----------------------------------------------------------------------------------------------


def in_page(started: Any, hub: ServedHub, here: tuple[float, float], options: argparse.Namespace) -> dict[str, Any]:
    """Clicks on the time line; each other one in a page that is fresh."""
    chance = random.Random(2)
    page = opened(started, hub, "#/safe")
    fresh, again = [], []
    for _ in range(options.clicks):
        # Where nothing is recorded, an hour wide, so that the footage is in view and nothing of it known.
        page.goto("about:blank")
        page.goto(f"{hub.url()}/#/timeline?camera={CAMERA}&t={iso(here[0] - 1500)}&w=3600")
        until(lambda: page.locator(".tile[data-state=gap]").count(), "the card of a gap", 60)
        page.wait_for_timeout(500)
        fresh.append(click(page, chance.uniform(*here)))
        page.wait_for_timeout(1500)
        page.keyboard.press("Space")
        again.append(click(page, chance.uniform(*here)))
    page.context.close()
    return {"fresh": spread(fresh), "again": spread(again)}


def click(page: Any, at: float) -> float:
    """Seconds from the click at an instant to its first picture."""
    x = page.evaluate("(at) => document.querySelector('et-timeline').view.xOf(at)", 1000 * at)
    box = page.locator(".tl-canvas").bounding_box()
    page.evaluate(CLICK)
    page.mouse.click(box["x"] + x, box["y"] + 45)
    return float(until(lambda: page.evaluate("() => window.first"), "a picture", 20)) / 1000


def year_in_page(started: Any, hub: ServedHub, count: int) -> dict[str, Any]:
    """All sixteen cameras a year wide: from the first tile that is asked for to the last that has come."""
    page = opened(started, hub, f"#/timeline?camera={CAMERA}&t={iso((START + span(count)) / S - 86400)}&w=3600")
    until(lambda: page.locator(".tl-name").count() == SHOWN, "sixteen cameras", 60)
    page.wait_for_timeout(3000)
    page.evaluate(TASKS)
    end = (START + span(count)) / 1e6
    page.evaluate(SHOW, [end - YEAR / 1e6, end])
    tiles: list[list[float]] = []

    def all_there() -> bool:
        tiles[:] = page.evaluate(TILES)
        page.wait_for_timeout(700)
        return bool(tiles) and len(page.evaluate(TILES)) == len(tiles)

    until(all_there, "every tile", 60)
    tasks = page.evaluate("() => window.longTasks")
    page.context.close()
    first, last = min(one[0] for one in tiles), max(one[1] for one in tiles)
    return {"tiles": len(tiles), "ms": last - first, "longest_task_ms": max(tasks, default=0.0)}


# -- for people -----------------------------------------------------------------------------------------------


def text(found: dict[str, Any]) -> str:
    lines = [f"{found['count']:,} segments; load {found['load_before']:.1f} before, {found['load_after']:.1f} after"]
    for name, one in {**found["http"], **{f"click, {k}": v for k, v in found["clicks"].items()}}.items():
        lines.append(f"{name:20} p50 {one['p50']:6.1f} ms, p95 {one['p95']:6.1f}, worst {one['worst']:6.1f}")
    page = found["year_page"]
    lines.append(f"a year of {SHOWN} cameras over HTTP: {', '.join(f'{one:.0f}' for one in found['year_http'])} ms")
    lines.append(
        f"in the page: {page['tiles']} tiles in {page['ms']:.0f} ms, longest task {page['longest_task_ms']:.0f} ms"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
