"""What receiving costs: the direct receiver beside ffmpeg and rtspsrc, on the same cameras, one after the other.

    python bench/receive.py --cameras 16 --seconds 60

Modes: ``direct:MS`` drains every MS milliseconds, ``watched`` is the same receiver woken for every packet, ``ffmpeg``
is a process per camera, ``rtspsrc`` one pipeline with all of them.

CPU is user and system time of the receiving processes alone, read from /proc, in % of one core per camera.
The cameras run in a process of their own. Nothing is written and nothing decoded.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
WARM_UP_S = 6.0  # past the seconds in which the direct receiver reads packet by packet


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--bitrate", type=int, default=4000, help="kbit/s")
    parser.add_argument("--port", type=int, default=8890)
    parser.add_argument("--modes", default="direct:100,direct:200,direct:40,ffmpeg,rtspsrc")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--profile", action="store_true", help="profile the direct receiver")
    options = parser.parse_args()
    if options.child:
        return child(options.child, options.profile)
    cameras = start_cameras(options)
    try:
        urls = json.loads(cameras.stdout.readline())["urls"] if cameras.stdout is not None else []
        rows = [measure(mode, urls, options) for mode in options.modes.split(",")]
    finally:
        cameras.terminate()
        cameras.wait(10)
    report(rows, options)
    return 0


def start_cameras(options: argparse.Namespace) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "evertape_lab.camera", "--count", str(options.cameras)]
    command += ["--port", str(options.port), "--size", options.size, "--fps", "25", "--bitrate", str(options.bitrate)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment)


def start(mode: str, urls: Sequence[str], profile: bool) -> list[subprocess.Popen[bytes]]:
    name, _, argument = mode.partition(":")
    if name in ("direct", "watched"):
        argument = "0" if name == "watched" else argument
        command = [sys.executable, __file__, "--child", f"{argument or 100}:{','.join(urls)}"]
        return [
            subprocess.Popen(command + ["--profile"] * profile, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
        ]
    if name == "ffmpeg":
        base = ["ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp"]
        return [subprocess.Popen([*base, "-i", url, "-c", "copy", "-f", "null", "-"]) for url in urls]
    if name == "rtspsrc":
        command = ["gst-launch-1.0", "-q"]
        for url in urls:
            command += f"rtspsrc location={url} protocols=tcp latency=200 ! rtph264depay ! h264parse ! fakesink".split()
        return [subprocess.Popen(command)]
    raise SystemExit(f"no mode {name!r}")


def measure(mode: str, urls: Sequence[str], options: argparse.Namespace) -> dict[str, float | str]:
    processes = start(mode, urls, options.profile)
    try:
        time.sleep(WARM_UP_S)
        before, began = [sum(values) for values in zip(*map(usage, processes), strict=True)], time.monotonic()
        switches = sum(map(context_switches, processes))
        time.sleep(options.seconds)
        elapsed = time.monotonic() - began
        user, system = (sum(v) - b for v, b in zip(zip(*map(usage, processes), strict=True), before, strict=True))
        switches = sum(map(context_switches, processes)) - switches
        alive = sum(process.poll() is None for process in processes)
        memory = sum(map(pss_mb, processes)) if alive == len(processes) else float("nan")
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(10)
    count = len(urls)
    return {
        "mode": mode,
        "cpu": 100 * (user + system) / elapsed / count,
        "user": 100 * user / elapsed / count,
        "switches": switches / elapsed / count,
        "memory": memory / count,
        "alive": f"{alive}/{len(processes)}",
    }


def usage(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """CPU seconds of a process and all its threads, user and system."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / TICK, int(fields[12]) / TICK


def context_switches(process: subprocess.Popen[bytes]) -> int:
    total = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if "ctxt_switches" in line:
                total += int(line.split()[1])
    return total


def pss_mb(process: subprocess.Popen[bytes]) -> float:
    for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def report(rows: Sequence[dict[str, float | str]], options: argparse.Namespace) -> None:
    print(f"{options.cameras} cameras, {options.size}, 25 fps, {options.bitrate} kbit/s, {options.seconds:.0f} s each")
    print("per camera:   % of a core  of it user  of ffmpeg  switches/s  PSS MB   alive")
    ffmpeg = next((row["cpu"] for row in rows if row["mode"] == "ffmpeg"), None)
    for row in rows:
        ratio = f"{float(row['cpu']) / float(ffmpeg):.2f}" if ffmpeg else "-"
        print(f"{row['mode']:<12} {row['cpu']:>12.3f} {row['user']:>11.3f} {ratio:>10}", end="")
        print(f" {row['switches']:>11.1f} {row['memory']:>7.1f} {row['alive']:>7}")


# -- the direct receiver, in a process of its own -------------------------------------------------


def child(argument: str, profile: bool) -> int:
    interval, _, urls = argument.partition(":")
    run: Callable[[], None] = lambda: receive(urls.split(","), int(interval) / 1000)  # noqa: E731
    if not profile:
        run()
        return 0
    import cProfile

    profiler = cProfile.Profile()
    try:
        profiler.runcall(run)
    finally:
        profiler.print_stats("tottime")
    return 0


def receive(urls: Sequence[str], interval: float) -> None:
    import signal

    from evertape.clock import SystemClock
    from evertape.media.capture import Backend, CaptureRequest, SessionFailed, StreamNotice, open_session
    from evertape.types import Epoch

    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    clock = SystemClock()
    sessions = []
    for url in urls:
        request = CaptureRequest(url=url, epoch=Epoch(uuid.uuid4().hex), backend=Backend.DIRECT)
        sessions.append(open_session(request, clock))
        sessions[-1].start()
    units, notices = 0, 0
    began = time.monotonic()
    poller = select.epoll()
    sockets = {}
    while not stop:
        ready = sessions
        if not interval and len(sockets) == len(sessions):  # what it would cost to be woken for every packet
            ready = [sockets[fd] for fd, _ in poller.poll(0.1)]
        elif watched := [fd for fd in (session.fileno() for session in sessions) if fd is not None]:
            select.select(watched, [], [], 0.005)
            if not interval and len(watched) == len(sessions):
                sockets = dict(zip(watched, sessions, strict=True))
                for fd in watched:
                    poller.register(fd, select.EPOLLIN)
        else:
            time.sleep(interval)
        for session in ready:
            units += len(session.drain())
            for event in session.events():
                notices += isinstance(event, StreamNotice)
                if isinstance(event, SessionFailed):
                    print("failed:", event, file=sys.stderr)
                    return
    for session in sessions:
        session.close()
    rate = units / len(sessions) / (time.monotonic() - began)
    print(f"direct: {units} units, {rate:.1f} per camera and second, {notices} notices of loss", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
