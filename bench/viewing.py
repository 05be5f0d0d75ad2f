"""What the three strategies of viewing do and cost, before the same camera, one after the other.

    python bench/viewing.py --outages 3

Each view runs in a process of its own, with the sink that shows nothing at the pace of a screen, and has its camera
killed and brought back as often as asked. CPU is of the steady part before the first kill, in % of one core; memory is
PSS then.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from evertape_lab import LabCameras  # noqa: E402 - after the path to it

TICK = os.sysconf("SC_CLK_TCK")
S = 1_000_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--outages", type=int, default=3)
    parser.add_argument("--steady", type=float, default=20.0, help="seconds before the first outage")
    parser.add_argument("--away", type=float, default=5.0, help="seconds of each outage")
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--timeout", type=float, default=2.0)
    parser.add_argument("--strategies", default="restart,input-selector,fallbacksrc")
    options = parser.parse_args()
    with LabCameras(1, size=options.size, gop=25, bitrate=4000) as camera:
        rows = [measure(name, camera, options) for name in options.strategies.split(",")]
    for key in rows[0]:
        print(f"{key:34}" + "".join(f"{row[key]:>18}" for row in rows))
    return 0


def measure(strategy: str, camera: LabCameras, options: argparse.Namespace) -> dict[str, str]:
    length = options.steady + options.outages * (options.away + 9) + 6
    command = [sys.executable, "-m", "evertape.cli.main", "view", camera.urls[0], "--sink", "fake", "--json"]
    command += ["--fallback", strategy, "--timeout", f"{options.timeout:g}s", "--seconds", f"{length:g}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as view:
        time.sleep(4)
        before, began = cpu(view.pid), time.monotonic()
        time.sleep(options.steady)
        used = (cpu(view.pid) - before) / (time.monotonic() - began)
        memory, threads = pss(view.pid), len(os.listdir(f"/proc/{view.pid}/task"))
        killed, back = [], []
        for _ in range(options.outages):
            killed.append(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
            camera.kill()
            time.sleep(options.away)
            camera.start()
            back.append(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
            time.sleep(7)
        said = json.loads(view.communicate()[0])
    return row(strategy, said, killed, back, used, memory, threads)


def row(
    strategy: str, said: dict, killed: list[int], back: list[int], used: float, memory: int, threads: int
) -> dict[str, str]:
    def at(name: str) -> list[int]:
        return [event["boot_ns"] for event in said["events"] if event["event"] == name]

    source = [e["boot_ns"] for e in said["events"] if e["event"] == "source_changed" and e["flowing"]][1:]
    recovered = at("primary_recovered")
    first = next(event["after_ns"] for event in said["events"] if event["event"] == "first_picture")
    lost = said["received"] - (said["shown"] - said["shown_fallback"])
    return {
        "strategy": strategy,
        "first picture, s": f"{first / S:.2f}",
        "kill to fallback, s": spread(at("fallback_activated"), killed),
        "camera back to picture, s": spread(recovered, back),
        "stream back to picture, s": spread(recovered, source),
        "pictures received": str(said["received"]),
        "of these not shown": str(lost),
        "largest gap on the screen, s": f"{said['largest_gap_ns'] / S:.2f}",
        "ends, time backwards": f"{said['ends']}, {said['backward']}",
        "CPU, % of a core": f"{100 * used:.1f}",
        "memory (PSS), MB": f"{memory / 1e6:.0f}",
        "threads": str(threads),
    }


def spread(ends: list[int], begins: list[int]) -> str:
    waits = [(end - begin) / S for end, begin in zip(ends, begins, strict=False)]
    return f"{statistics.median(waits):.2f} (≤ {max(waits):.2f})" if waits else "never"


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def pss(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1000 for line in rollup.splitlines() if line.startswith("Pss:"))


if __name__ == "__main__":
    sys.exit(main())
