"""Live pictures in a real browser: how old they are when they are shown, and what sixteen of them cost.

    python bench/live.py --seconds 30

The lab's cameras burn a clock into every picture, which is UTC modulo the length of their loop. In the page each
picture that is shown is drawn to a canvas, the frame number is read from it by its glyphs, and compared with the same
machine's clock at the moment at which the browser says it is on the screen. The service, the cameras, the browser and
this program share the machine. The peer is ``ffmpeg -c copy`` into fragmented MP4, one for each of the
same sub streams.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from proctree import Window, read, window  # noqa: E402

from evertape_lab.burned_in import ARGUMENTS, SCRIPT  # noqa: E402
from evertape_lab.fleet import LabCameras  # noqa: E402
from evertape_lab.pacing import MAX_SLOTS  # noqa: E402
from hub.served_hub import ServedHub, until  # noqa: E402

FPS = 25
LOOP_MS = 4000.0
"""Of a loop of whole seconds with a GOP of a second (``evertape_lab.loop``)."""
CHROMIUM = "/usr/bin/chromium"
ARGS = ("--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-gpu", "--disable-dev-shm-usage")
CONFIG = '[hub]\nlisten = "127.0.0.1:0"\n'

# Reads the frame number of each picture as it is shown, and says how old it is then, in milliseconds.
WATCH = """([fps, loop]) => {
  window.seen = {};
  window.watching = [...document.querySelectorAll('et-live')].map((player) => {
    const { video } = player, name = player.getAttribute('camera');
    const found = window.seen[name] = { ages: [], said: [], behind: [], unread: 0, shown: 0 };
    const shown = (now, about) => {
      const wall = Date.now() + Math.max(0, about.expectedDisplayTime - performance.now());
      const number = window.burnedIn(video, about.width, about.height);
      found.shown += 1;
      if (number === null) found.unread += 1;
      else {
        found.ages.push((((wall - number * 1000 / fps) % loop) + loop) % loop);
        found.said.push(player.latencyMs);
        const { buffered } = video;
        if (buffered.length) found.behind.push(1000 * (buffered.end(buffered.length - 1) - about.mediaTime));
      }
      video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback(shown);
    return name;
  });
  return window.watching;
}"""
COUNT = """() => {
  const tasks = window.longTasks = [];
  const seen = (list) => tasks.push(...list.getEntries().map((one) => one.duration));
  new PerformanceObserver(seen).observe({ type: 'longtask' });
}"""
PICTURES = """() => [...document.querySelectorAll('et-live')].map((player) => {
  const { totalVideoFrames: total, droppedVideoFrames: dropped } = player.video.getVideoPlaybackQuality();
  return [player.getAttribute('camera'), player.getAttribute('stream'), total, dropped, player.latencyMs];
})"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measurement")
    parser.add_argument("--grid", type=int, default=4, help="cameras of the grid whose pictures are read")
    parser.add_argument("--many", type=int, default=16, help="cameras of the grid that is weighed")
    parser.add_argument("--only", choices=["single", "grid", "many"], help="one of the three")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[str, Any] = {"load_before": os.getloadavg()[0]}
    if options.only in (None, "single"):
        with service(1, size="1920x1080", bitrate=4000) as (hub, _), browser() as started:
            found["single"] = ages(opened(started, hub, "#/live?camera=cam_01"), 1, 1, options.seconds)
    if options.only in (None, "grid"):
        with service(options.grid, size="1920x1080", bitrate=4000) as (hub, _), browser() as started:
            found["grid"] = ages(opened(started, hub, "#/live"), options.grid, options.grid, options.seconds)
    if options.only in (None, "many"):
        with service(options.many) as (hub, cameras), browser() as started:
            found["many"] = weigh(started, hub, cameras, options.many, options.seconds)
    found["load_after"] = os.getloadavg()[0]
    print(json.dumps(found, indent=1) if options.json else text(found))
    return 0


# -- the service and the browser ------------------------------------------------------------------------------


@contextlib.contextmanager
def service(count: int, **camera: Any) -> Iterator[tuple[ServedHub, LabCameras]]:
    """A service with so many cameras, all of them recording, and somebody logged in."""
    folder = Path(tempfile.mkdtemp(prefix="evertape-bench-", dir="/var/tmp"))
    try:
        with LabCameras(count=count, **camera) as cameras:
            hub = ServedHub(folder / "data", "")
            pairs = enumerate(zip(cameras.urls, cameras.sub_urls, strict=True), 1)
            text = CONFIG + "".join(
                f'[cameras.cam_{n:02}]\nurl = "{url}"\nsub_url = "{sub}"\n' for n, (url, sub) in pairs
            )
            (hub.data / "evertape.toml").write_text(text)
            hub.start()
            try:
                hub.log_in()
                names = [f"cam_{n:02}" for n in range(1, count + 1)]
                until(lambda: all(hub.frames(name) > FPS for name in names), "every camera is recorded", 60)
                yield hub, cameras
            finally:
                hub.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium, without a screen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        try:
            yield started
        finally:
            started.close()


def opened(started: Any, hub: ServedHub, place: str, width: int = 1600, height: int = 1000) -> Any:
    """The page, logged in, at a place."""
    url = hub.url()
    page = started.new_context(viewport={"width": width, "height": height}, locale="en").new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("et-safe")
    page.goto(f"{url}/{place}")
    return page


def playing(page: Any, count: int) -> None:
    # Not wait_for_function, which the page's own security policy forbids.
    until(lambda: page.locator("et-live[data-state=playing]").count() == count, "every picture is live", 60)


# -- how old pictures are -------------------------------------------------------------------------------------


def ages(page: Any, count: int, cameras: int, seconds: float) -> dict[str, Any]:
    """Milliseconds from the instant that is burned in to the screen, of every picture shown in so many seconds."""
    playing(page, count)
    page.wait_for_timeout(5000)
    page.evaluate(COUNT)
    page.evaluate(SCRIPT, ARGUMENTS)
    page.evaluate(WATCH, [FPS, LOOP_MS])
    page.wait_for_timeout(1000 * seconds)
    seen, longest = page.evaluate("() => [window.seen, window.longTasks]")
    found = {name: one_camera(index, cameras, one, seconds) for index, (name, one) in enumerate(sorted(seen.items()))}
    every = sorted(age for one in found.values() for age in one.pop("ages"))
    return {
        "p50": statistics.median(every),
        "p95": every[len(every) * 95 // 100],
        "worst": every[-1],
        "longest_task_ms": max(longest, default=0.0),
        "cameras": found,
    }


def one_camera(index: int, cameras: int, seen: dict[str, Any], seconds: float) -> dict[str, Any]:
    slots = min(MAX_SLOTS, cameras)
    late = 1000 / FPS * (index % slots) / slots  # a picture is of that much later than its burned-in clock says
    mine = sorted(age - late for age in seen["ages"])
    return {
        "ages": mine,
        "p50": statistics.median(mine),
        "p95": mine[len(mine) * 95 // 100],
        "per_second": seen["shown"] / seconds,
        "unread": seen["unread"],
        "page_says": statistics.median(age for age in seen["said"] if age is not None),
        "in_buffer": statistics.median(seen["behind"]),
    }


# -- what many cost -------------------------------------------------------------------------------------------


def weigh(started: Any, hub: ServedHub, cameras: LabCameras, count: int, seconds: float) -> dict[str, Any]:
    """A page with so many sub streams; beside it ffmpeg with the same ones, in the same seconds."""
    pid = hub.pid("hub")
    service = [hub.pid(name) for name in processes(hub)]
    idle, all_idle = used([pid], seconds / 2, service)
    page = opened(started, hub, "#/live", 1920, 1400)
    playing(page, count)
    page.wait_for_timeout(8000)
    page.evaluate(COUNT)
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(peer(url)) for url in cameras.sub_urls]
        time.sleep(3)
        before = page.evaluate(PICTURES)
        mine, beside = used([pid], seconds, [*service, *peers])
        after = page.evaluate(PICTURES)
    tasks = page.evaluate("() => window.longTasks")
    rates = {new[0]: (new[2] - old[2] - new[3] + old[3]) / seconds for old, new in zip(before, after, strict=True)}
    assert beside is not None and all_idle is not None
    theirs = beside.by_name["ffmpeg"]
    peer_cpu = 100 * (theirs[0] + theirs[1]) / beside.seconds
    more = share(beside) - peer_cpu - share(all_idle)
    return {
        "streams": sorted({one[1] for one in after}),
        "per_second": rates,
        "dropped": sum(new[3] - old[3] for old, new in zip(before, after, strict=True)),
        "latency_said": statistics.median(one[4] for one in after if one[4] is not None),
        "longest_task_ms": max(tasks, default=0.0),
        "long_tasks": len(tasks),
        "hub_cpu": share(mine),
        "hub_cpu_idle": share(idle),
        "per_viewer": (share(mine) - share(idle)) / count,
        "hub_mb": mine.pss / 1e6,
        "hub_mb_idle": idle.pss / 1e6,
        "all_per_viewer": more / count,
        "ffmpeg_cpu": peer_cpu / count,
        "ffmpeg_mb": theirs[2] / 1e6,
        "ratio": (share(mine) - share(idle)) / peer_cpu,
        "all_ratio": more / peer_cpu,
    }


def processes(hub: ServedHub) -> list[str]:
    """All of the service's but the supervisor, by name."""
    return [one["name"] for one in hub.get("/status")["processes"] if one["pid"] and hub.pid(one["name"])]


def used(pids: list[int], seconds: float, others: list[int] | None = None) -> tuple[Window, Window | None]:
    """What these processes take in so many seconds, and those beside them."""
    began = time.monotonic()
    before, beside = read(pids), read(others or [])
    time.sleep(seconds)
    after, behind = read(pids), read(others or [])
    took = time.monotonic() - began
    return window(before, after, took), window(beside, behind, took) if others else None


def share(used: Window) -> float:
    """% of a core."""
    return 100 * used.cpu / used.seconds


@contextlib.contextmanager
def peer(url: str) -> Iterator[int]:
    """ffmpeg that makes of a stream what the hub makes of it: a fragment for each picture."""
    command = ["ffmpeg", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url, "-c", "copy", "-f", "mp4"]
    command += ["-movflags", "empty_moov+default_base_moof+frag_every_frame", "-y", "/dev/null"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


# -- for people -----------------------------------------------------------------------------------------------


def text(found: dict[str, Any]) -> str:
    lines = [f"load {found['load_before']:.1f} before, {found['load_after']:.1f} after"]
    for name in ("single", "grid"):
        if name in found:
            one = found[name]
            lines.append(
                f"{name:7} p50 {one['p50']:.0f} ms, p95 {one['p95']:.0f} ms, worst {one['worst']:.0f} ms; "
                f"longest task {one['longest_task_ms']:.0f} ms"
            )
            for camera, said in one["cameras"].items():
                lines.append(
                    f"  {camera} p50 {said['p50']:.0f}, p95 {said['p95']:.0f}; {said['per_second']:.1f} pictures/s, "
                    f"{said['unread']} unread; in the buffer {said['in_buffer']:.0f}; "
                    f"the page says {said['page_says']:.0f}"
                )
    if "many" in found:
        one = found["many"]
        rates = sorted(one["per_second"].values())
        lines += [
            f"{len(rates)} streams ({', '.join(one['streams'])}): {rates[0]:.1f} to {rates[-1]:.1f} pictures/s shown, "
            f"{one['dropped']} dropped, {one['latency_said']:.0f} ms old; longest task "
            f"{one['longest_task_ms']:.0f} ms of {one['long_tasks']} over 50 ms",
            f"hub {one['hub_cpu']:.1f} % of a core (nobody watching: {one['hub_cpu_idle']:.1f}), {one['hub_mb']:.0f} "
            f"MB ({one['hub_mb_idle']:.0f}); per viewer {one['per_viewer']:.2f} %, "
            f"ffmpeg {one['ffmpeg_cpu']:.2f} % and {one['ffmpeg_mb'] / len(rates):.0f} MB each: "
            f"ratio {one['ratio']:.2f}; all processes {one['all_per_viewer']:.2f} % more per viewer, "
            f"ratio {one['all_ratio']:.2f}",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
