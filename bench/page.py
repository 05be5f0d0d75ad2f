"""From a click on the timeline to the picture, in a real browser, with an index of very many segments.

    python bench/page.py --count 5000000

Two cameras are recorded by a real service into an index that already has as many made-up segments of 64 cameras. Each
click is on the row of the camera that is not shown, at an instant of which nothing is loaded: the page looks it up,
fetches the file's head and one group of pictures, and the browser decodes it. Measured in the page, from the pointer's
release to the first picture that the browser says it shows. Everything shares the machine.
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
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from live import CONFIG, browser, opened  # noqa: E402

from evertape.config.paths import DataDir  # noqa: E402
from evertape_lab.fleet import LabCameras  # noqa: E402
from evertape_lab.many import make_index  # noqa: E402
from hub.served_hub import ServedHub, until  # noqa: E402

CAMERAS = ("cam_00", "cam_01")
RULER, ROW = 30, 36
# From the pointer's release to the first picture of the camera that was clicked.
CLICK = """([camera, at, y]) => new Promise((done) => {
  const view = document.querySelector('et-timeline-view'), { group } = document.querySelector('et-timeline');
  const box = view.slider.getBoundingClientRect();
  const [clientX, clientY] = [box.left + view.xOf(at * 1000), box.top + y];
  const where = { clientX, clientY, button: 0, pointerId: 1, bubbles: true };
  view.slider.setPointerCapture = () => null;
  view.slider.dispatchEvent(new PointerEvent('pointerdown', where));
  const began = performance.now();
  view.slider.dispatchEvent(new PointerEvent('pointerup', where));
  group.tracks.get(camera).video.requestVideoFrameCallback(() => done(performance.now() - began));
})"""
ZOOM = """(seconds) => new Promise((done) => {
  const view = document.querySelector('et-timeline-view');
  performance.clearResourceTimings();
  const began = performance.now();
  view.show(Date.now() - seconds * 1000, Date.now());
  const look = () => {
    const asked = performance.getEntriesByType('resource')
      .filter((one) => one.name.includes('/timeline?') && one.startTime >= began);
    if (asked.length && performance.now() - Math.max(...asked.map((one) => one.responseEnd)) > 700) {
      done(Math.max(...asked.map((one) => one.responseEnd)) - began);
    } else if (performance.now() - began > 30000) done(-1);
    else setTimeout(look, 50);
  };
  setTimeout(look, 300);
})"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=5_000_000, help="made-up segments")
    parser.add_argument("--clicks", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="evertape-bench-", dir="/var/tmp"))
    try:
        with LabCameras(count=2, size="1920x1080", bitrate=4000) as lab:
            hub = ServedHub(folder / "data", "")
            text = "".join(f'[cameras.{name}]\nurl = "{url}"\n' for name, url in zip(CAMERAS, lab.urls, strict=True))
            (hub.data / "evertape.toml").write_text(CONFIG + text)
            make_index(DataDir(hub.data).index_file, options.count)
            hub.start()
            try:
                found = measured(hub, options.clicks)
            finally:
                hub.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found |= {"count": options.count, "load": os.getloadavg()[0]}
    print(json.dumps(found, indent=1) if options.json else text_of(found))
    return 0


def measured(hub: ServedHub, clicks: int) -> dict[str, Any]:
    """Milliseconds of each click, and of showing a year, a month, a day."""
    hub.log_in()
    until(lambda: all(hub.frames(name) > 30 for name in CAMERAS), "both are recorded", 120)
    began = time.time()
    until(lambda: time.time() > began + 40, "there is something to click on", 60)
    with browser() as started:
        page = opened(started, hub, f"#/timeline?camera={CAMERAS[0]}&w=60")
        page.locator(".tl-name").first.wait_for()
        page.evaluate(
            "(t) => document.querySelector('et-timeline-view').show(t * 1000 - 5000, t * 1000 + 45000)", began
        )
        took = []
        for n in range(clicks):
            row = (n + 1) % 2
            at = began + random.Random(n).uniform(1, 36)
            took.append(page.evaluate(CLICK, [CAMERAS[row], at, RULER + ROW * row + 12]))
            page.wait_for_timeout(150)
        zooms = {
            name: page.evaluate(ZOOM, seconds)
            for name, seconds in (("day", 86400), ("month", 31 * 86400), ("year", 365 * 86400))
        }
    took.sort()
    return {
        "p50": round(statistics.median(took)),
        "p95": round(took[len(took) * 95 // 100]),
        "worst": round(took[-1]),
        "clicks": clicks,
        "zoom_ms": {name: round(value) for name, value in zooms.items()},
    }


def text_of(found: dict[str, Any]) -> str:
    zooms = ", ".join(f"a {name} {value} ms" for name, value in found["zoom_ms"].items())
    return (
        f"{found['count']:,} segments, {found['clicks']} clicks: from click to picture "
        f"p50 {found['p50']} ms, p95 {found['p95']} ms, worst {found['worst']} ms; "
        f"shown after: {zooms}; load {found['load']:.1f}"
    )


if __name__ == "__main__":
    sys.exit(main())
