"""The desktop's grid: sixteen streams of 640x360 at 25 pictures a second in a window of 1280x720, on this machine.

    python bench/desktop.py --seconds 60 --minutes 5

First the pictures that were decoded and never painted, the GUI's ticks that came later than planned by more than a
picture, and what the process takes; then a loop of layout changes, zooms and pages for ``--minutes``, with the memory
before and after. ``--source service``: a real service records the same cameras on the same processors, and the views
take its feed. ``--source loop``: the window alone, its views are fed from memory at the same pace.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "tests" / "desktop")]

from proctree import read, window  # noqa: E402

from evertape.config.desktop import Grid, Layout  # noqa: E402
from evertape.media.view.terms import Picture, Pictures, SourceCaps, SourceEvent, SourceState  # noqa: E402
from evertape.types import NS_PER_S, Codec, Epoch, VideoCaps  # noqa: E402
from evertape_lab.fleet import LabCameras  # noqa: E402
from evertape_lab.loop import LoopParams, VideoLoop  # noqa: E402

FPS = 25
SIZE = (640, 360)
BITRATE = 1000
TICK = os.sysconf("SC_CLK_TCK")


class LoopSource:
    """A ``ViewSource`` that gives a loop of the lab's in real time, in batches as a feed does."""

    def __init__(self, loop: VideoLoop, phase_ns: int) -> None:
        self._loop = loop
        self._phase_ns = phase_ns
        self._begun = 0
        self._sent = 0
        self._epoch = Epoch(os.urandom(16).hex())

    def poll(self, now_ns: int) -> Sequence[SourceEvent]:
        """See ``ViewSource``."""
        if not self._begun:
            self._begun = now_ns + self._phase_ns
            config = bytes.fromhex(self._loop.caps.partition("codec_data=(buffer)")[2][: self._config_size()])
            params = self._loop.params
            return [SourceCaps(VideoCaps(Codec.H264, config, params.width, params.height)), SourceState(True)]
        due = (now_ns - self._begun) * FPS // NS_PER_S
        pictures = []
        while self._sent < due:
            frame = self._loop.frames[self._sent % len(self._loop.frames)]
            pts = self._sent * NS_PER_S // FPS
            pictures.append(Picture(self._epoch, pts, frame.key, frame.head + frame.tail))
            self._sent += 1
        return [Pictures(pictures)] if pictures else []

    def _config_size(self) -> int:
        text = self._loop.caps.partition("codec_data=(buffer)")[2]
        return next((at for at, char in enumerate(text) if char not in "0123456789abcdef"), len(text))

    def fileno(self) -> int | None:
        """See ``ViewSource``."""
        return None

    def close(self) -> None:
        """See ``ViewSource``."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of the grid standing still")
    parser.add_argument("--minutes", type=float, default=5.0, help="of layout changes")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--source", choices=["service", "loop"], default="service")
    parser.add_argument("--platform", choices=["offscreen", "xvfb"], default="xvfb")
    parser.add_argument("--output", choices=["auto", "frames", "overlay"], default="auto")
    parser.add_argument("--profile", help="write cProfile's figures of the GUI's thread to this file")
    parser.add_argument("--picture", help="save what the window shows to this file")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[str, Any] = {"load_before": round(os.getloadavg()[0], 1)}
    with screen(options.platform), recorder(options) as link:
        found.update(measure(options, link))
    found["load_after"] = round(os.getloadavg()[0], 1)
    print(json.dumps(found, indent=1))
    return 0


@contextlib.contextmanager
def screen(platform: str) -> Iterator[None]:
    """Where the window appears."""
    if platform == "offscreen":
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        yield
        return
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        os.environ.update(DISPLAY=f":{number}", QT_QPA_PLATFORM="xcb")
        yield
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def recorder(options: argparse.Namespace) -> Iterator[Any]:
    """The line to what has the cameras."""
    names = [f"cam_{n:02}" for n in range(1, options.count + 1)]
    if options.source == "loop":
        from canned_link import CannedLink, camera

        from evertape_lab.encode import encode_video

        loop = encode_video(LoopParams(width=SIZE[0], height=SIZE[1], fps=FPS, bitrate=BITRATE))
        link = CannedLink()
        link.state["cameras"] = [camera(name) for name in names]
        link.sources = lambda name, _: LoopSource(loop, names.index(name) * 7_300_000)
        yield link
        return
    from evertape_desktop.backend.http_link import LocalLink
    from hub.served_hub import ServedHub, until

    folder = Path(tempfile.mkdtemp(prefix="evertape-bench-", dir="/var/tmp"))
    try:
        with LabCameras(count=options.count, size=f"{SIZE[0]}x{SIZE[1]}", bitrate=BITRATE) as cameras:
            pairs = zip(names, cameras.urls, strict=True)
            served = ServedHub(folder / "data", "".join(f'[cameras.{name}]\nurl = "{url}"\n' for name, url in pairs))
            served.start()
            try:
                served.log_in()
                until(lambda: all(served.frames(name) > FPS for name in names), "every camera is recorded", 60)
                yield LocalLink(served.data)
            finally:
                served.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(options: argparse.Namespace, link: Any) -> dict[str, Any]:
    """The figures."""
    from PySide6.QtWidgets import QApplication, QWidget

    from evertape_desktop.actions import Actions
    from evertape_desktop.backend.backend import Backend
    from evertape_desktop.context import Context
    from evertape_desktop.grid.grid import VideoGrid
    from evertape_desktop.store import SettingsStore

    app = QApplication(["bench"])
    settings = SettingsStore(None)
    settings.replace(settings.now.model_copy(update={"layout": Layout(grid=Grid.FOUR)}))
    settings.set("streaming", output=options.output)
    backend, keys = Backend(link), QWidget()
    grid = VideoGrid(Context(backend, settings, Actions(keys)))
    grid.resize(1280, 720)
    grid.show()
    backend.start()

    def spin(seconds: float) -> None:
        until = time.monotonic() + seconds
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(max(1, int((until - time.monotonic()) * 1000)), loop.quit)
        loop.exec()

    def wait(ready: Any) -> None:
        deadline = time.monotonic() + 60
        while not ready():
            assert time.monotonic() < deadline, "no pictures"
            spin(0.05)

    wait(lambda: len(grid.shown) == options.count and all(grid.cell(name).has_picture for name in grid.shown))
    spin(3)
    found = {"still": still(options, grid, spin)}
    if options.picture:
        # Of the screen, because what GStreamer draws by itself Qt does not know.
        shown = grid.screen().grabWindow(0) if options.platform == "xvfb" else grid.grab()
        shown.save(options.picture)
    if options.minutes:
        found["layouts"] = changing(options, grid, spin, wait)
    grid.close_views()
    backend.close()
    app.processEvents()
    return found


def counters(grid: Any) -> dict[str, int]:
    """Of all surfaces and slots together."""
    cells = [grid.cell(name) for name in grid.shown]
    slots = [cell.view.slot for cell in cells if cell.view is not None]
    stats = grid.pool.ticker.stats
    return {
        "decoded": sum(slot.decoded for slot in slots),
        "replaced_waiting": sum(slot.replaced for slot in slots),
        "painted": sum(cell.stats.painted for cell in cells),
        "replaced_unpainted": sum(cell.stats.replaced for cell in cells),
        "ticks": stats.ticks,
        "late_ticks": stats.late,
    }


def still(options: argparse.Namespace, grid: Any, spin: Any) -> dict[str, Any]:
    """The grid as it is, for so long."""
    before, usage, threads, began = counters(grid), read([os.getpid()]), by_thread(), time.monotonic()
    grid.pool.ticker.stats.worst_s = 0.0
    by_gst = sum(view.view.stats.shown for view in grid.pool.views.values())
    if options.profile:
        import cProfile

        with cProfile.Profile() as profile:
            spin(options.seconds)
        profile.dump_stats(options.profile)
    else:
        spin(options.seconds)
    took = time.monotonic() - began
    used = window(usage, read([os.getpid()]), took)
    now = counters(grid)
    found: dict[str, Any] = {name: now[name] - before[name] for name in now}
    dropped = found["replaced_waiting"] + found["replaced_unpainted"]
    found["shown_by_gstreamer"] = sum(view.view.stats.shown for view in grid.pool.views.values()) - by_gst
    found["pictures_per_s"] = round(found["decoded"] / took, 1)
    found["dropped_percent"] = round(100 * dropped / max(1, found["decoded"]), 3)
    found["late_percent"] = round(100 * found["late_ticks"] / max(1, found["ticks"]), 3)
    found["worst_late_ms"] = round(grid.pool.ticker.stats.worst_s * 1000, 1)
    found["cpu_percent_of_a_core"] = round(100 * (used.user + used.system) / took, 1)
    found["pss_mb"] = round(used.pss / 1e6, 1)
    after = by_thread()
    shares = {name: round(100 * (after[name] - threads.get(name, 0)) / TICK / took, 1) for name in after}
    found["by_thread"] = {k: v for k, v in sorted(shares.items(), key=lambda one: -one[1]) if v >= 0.5}
    return found


def by_thread() -> dict[str, int]:
    """Clock ticks used by this process's threads, by their names without numbers."""
    found: dict[str, int] = {}
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            text = (task / "stat").read_text()
            name = text[text.index("(") + 1 : text.rindex(")")].rstrip("0123456789:-")
            fields = text.rpartition(")")[2].split()
            found[name] = found.get(name, 0) + int(fields[11]) + int(fields[12])
    return found


def changing(options: argparse.Namespace, grid: Any, spin: Any, wait: Any) -> dict[str, Any]:
    """Layouts, zooms and pages, one after the other; memory after the first minute and at the end."""
    import threading

    began, changes, first = time.monotonic(), 0, None
    series: list[list[float]] = []
    while (passed := time.monotonic() - began) < options.minutes * 60:
        grid.set_grid(list(Grid)[changes % len(Grid)])
        spin(0.5)
        grid.turn(1)
        spin(0.3)
        grid.zoom_to(grid.shown[0])
        spin(0.7)
        grid.zoom_to("")
        changes += 4
        if len(series) < passed / 30:
            gc.collect()
            used = read([os.getpid()])[os.getpid()]
            series.append([round(passed), round(used.pss / 1e6, 1), used.threads])
        if first is None and passed > min(60, options.minutes * 20):
            gc.collect()
            first = read([os.getpid()])[os.getpid()]
    grid.set_grid(Grid.FOUR)
    wait(lambda: all(grid.cell(name).has_picture for name in grid.shown))
    spin(2)
    gc.collect()
    last = read([os.getpid()])[os.getpid()]
    assert first is not None
    return {
        "changes": changes,
        "pss_mb_after_warming": round(first.pss / 1e6, 1),
        "pss_mb_at_the_end": round(last.pss / 1e6, 1),
        "python_threads": len(threading.enumerate()),
        "series_s_mb_threads": series,
    }


if __name__ == "__main__":
    raise SystemExit(main())
