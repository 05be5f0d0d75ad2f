"""What recording costs: Evertape's whole service beside ffmpeg, on the same cameras, alternating.

    python bench/cameras.py --counts 1,4,16,32,64 --seconds 30 --warm-up 95
    python bench/cameras.py --counts 16 --profile        # where the time goes
    python bench/cameras.py --soak 32:600                # ten minutes, every frame counted

The lab's cameras (1080p25, 4 Mbit/s, H.264) run in a process of their own, whose time is not counted. Evertape is
counted with all its processes, syncs included, which ffmpeg does not make. CPU is user and system time from
/proc/PID/stat after a warm-up; memory is PSS, with the rings (footage held for replay, as ``status`` reports it) apart.
Everything that either recorded is audited frame by frame.

For its first 90 s the keeper goes through how earlier runs ended, and for its first 60 s a ring grows: a short
warm-up measures that too.
"""

from __future__ import annotations

import argparse
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proctree import Window, window
from recorders import SERVE, Evertape, Ffmpeg, dump, machine

from evertape_lab.audit import FramesReport
from evertape_lab.fleet import LabCameras

MB = 1 << 20
FFMPEG_WARM_UP_S = 8.0
"""It does the same from the first second on."""


def main() -> int:
    options = parse()
    results: dict[str, Any] = {"machine": machine(), "options": {k: str(v) for k, v in vars(options).items()}}
    print(", ".join(f"{key} {value}" for key, value in results["machine"].items()))
    ok = True
    if options.soak:
        count, seconds = (int(part) for part in options.soak.split(":"))
        results["soak"] = soak(count, seconds, options)
        ok = results["soak"]["ok"]
    else:
        results["counts"] = [compare(int(count), options) for count in options.counts.split(",")]
        ok = all(row["ok"] for row in results["counts"])
        growth(results["counts"])
    if options.json:
        dump(options.json, results)
    return 0 if ok else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--counts", default="1,4,16,32,64", help="numbers of cameras (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measurement (default %(default)s)")
    parser.add_argument(
        "--warm-up", type=float, default=8.0, help="seconds before it, of Evertape (default %(default)s)"
    )
    parser.add_argument("--pairs", type=int, default=2, help="how often both are measured (default %(default)s)")
    parser.add_argument("--only", choices=["evertape", "ffmpeg"], help="measure one of them")
    parser.add_argument("--soak", metavar="N:SECONDS", help="N cameras for so long, Evertape alone")
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--bitrate", type=int, default=4000, help="kbit/s (default %(default)s)")
    parser.add_argument("--audio", default="none")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="where to record (default %(default)s)")
    parser.add_argument("--json", type=Path, help="write the results there too")
    parser.add_argument("--profile", action="store_true", help="profile every process (which makes it slower)")
    parser.add_argument("--service", default=SERVE, help="the command that starts Evertape on {data}")
    parser.add_argument("--settings", default="", help="further configuration, as TOML")
    return parser.parse_args()


def lab(count: int, options: argparse.Namespace) -> LabCameras:
    more = {"audio": options.audio} if options.audio != "none" else {}
    return LabCameras(count=count, size=options.size, fps=25, bitrate=options.bitrate, **more)


def evertape(urls: Sequence[str], options: argparse.Namespace, profile: Path | None = None) -> Evertape:
    return Evertape(urls, options.folder, options.service, options.settings, profile)


# -- side by side ---------------------------------------------------------------------------------


def compare(count: int, options: argparse.Namespace) -> dict[str, Any]:
    """Both recorders on ``count`` cameras, in turn."""
    names = [options.only] if options.only else ["evertape", "ffmpeg"]
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    print(f"\n{count} camera{'s' * (count > 1)} of {options.size}, 25 fps, {options.bitrate} kbit/s")
    heading()
    with lab(count, options) as cameras, tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) if options.profile else None
        for _ in range(options.pairs):
            for name in names:
                row = measure(name, cameras, options, profile)
                rows[name].append(row)
                show(name, row)
        fine = all(row["ok"] for measured in rows.values() for row in measured)
        result: dict[str, Any] = {"cameras": count, **rows, "ok": fine}
        processes(rows.get("evertape", []), count)
        if profile is not None:
            show_profile(profile)
    if not options.only:
        result["ratios"] = ratios(rows["evertape"], rows["ffmpeg"])
        print("evertape / ffmpeg: " + ", ".join(f"{key} {value:.2f}" for key, value in result["ratios"].items()))
    return result


def measure(name: str, cameras: LabCameras, options: argparse.Namespace, profile: Path | None) -> dict[str, Any]:
    urls = cameras.urls
    ours = name == "evertape"
    with evertape(urls, options, profile) if ours else Ffmpeg(urls, options.folder) as recorder:
        time.sleep(options.warm_up if ours else min(options.warm_up, FFMPEG_WARM_UP_S))
        before, began = recorder.usage(), time.monotonic()
        time.sleep(options.seconds)
        elapsed = time.monotonic() - began
        after = recorder.usage()
        rings = recorder.ring_bytes()
        recorder.stop()
        report = recorder.audit()
        files = len(recorder.files())
    return summary(window(before, after, elapsed), rings, cameras, report, files)


def summary(used: Window, rings: int, cameras: LabCameras, report: FramesReport, files: int) -> dict[str, Any]:
    count = cameras.count
    missing = missing_frames(report, cameras)
    doubled = sum(len(camera.doubled) for camera in report.cameras.values())
    return {
        "cpu": 100 * used.cpu / used.seconds / count,
        "user": 100 * used.user / used.seconds / count,
        "system": 100 * used.system / used.seconds / count,
        "switches": used.switches / used.seconds / count,
        "threads": used.threads,
        "pss_mb": used.pss / MB,
        "rings_mb": rings / MB,
        "memory_mb": (used.pss - rings) / MB / count,
        "processes": {
            name: {"cpu": 100 * (user + system) / used.seconds / count, "user": 100 * user / used.seconds / count,
                   "pss_mb": pss / MB}
            for name, (user, system, pss) in sorted(used.by_name.items())
        },
        "frames": sum(camera.count for camera in report.cameras.values()),
        "files": files,
        "missing": missing,
        "doubled": doubled,
        "changed": used.changed,
        "ok": not missing and not doubled and len(report.cameras) == count and not used.changed,
    }  # fmt: skip


def missing_frames(report: FramesReport, cameras: LabCameras) -> int:
    """Frames that are not there, less those that the cameras say they never sent."""
    missing = 0
    for name, camera in report.cameras.items():
        for hole in camera.missing:
            not_sent = [(first, last) for camera_, first, last in cameras.not_sent if camera_ == name]
            if not any(first <= hole.first and hole.last <= last for first, last in not_sent):
                missing += hole.count
    return missing


def ratios(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The median over the pairs."""
    return {
        label: statistics.median(a[key] / b[key] if b[key] else 0.0 for a, b in zip(ours, theirs, strict=True))
        for label, key in (("CPU", "cpu"), ("memory without rings", "memory_mb"), ("context switches", "switches"))
    }


# -- for a long time ------------------------------------------------------------------------------


def soak(count: int, seconds: int, options: argparse.Namespace) -> dict[str, Any]:
    """Evertape alone, with a line every half minute."""
    print(f"\n{count} cameras for {seconds} s")
    print(" second   CPU %   PSS MB   rings    rest  switches/s  threads  age s")
    line: list[dict[str, float]] = []
    with lab(count, options) as cameras, evertape(cameras.urls, options) as it:
        time.sleep(options.warm_up)
        first = before = it.usage()
        started = began = time.monotonic()
        while time.monotonic() - started < seconds:
            time.sleep(min(30.0, max(0.1, seconds - (time.monotonic() - started))))
            now, after, status = time.monotonic(), it.usage(), it.status()
            used = window(before, after, now - began)
            before, began = after, now
            age = max(camera["recording"]["durable_age_s"] or 0.0 for camera in status["cameras"])
            rings = status["ring"]["bytes"]
            line.append({
                "second": now - started, "cpu": 100 * used.cpu / used.seconds / count, "pss_mb": used.pss / MB,
                "rings_mb": rings / MB, "rest_mb": (used.pss - rings) / MB,
                "switches": used.switches / used.seconds / count, "threads": used.threads, "age_s": age,
            })  # fmt: skip
            print("{second:>7.0f} {cpu:>7.3f} {pss_mb:>8.1f} {rings_mb:>7.1f} {rest_mb:>7.1f} {switches:>11.1f} "
                  "{threads:>8.0f} {age_s:>6.2f}".format(**line[-1]))  # fmt: skip
        used = window(first, it.usage(), time.monotonic() - started)
        rings = it.ring_bytes()
        it.stop()
        report = it.audit()
        result = summary(used, rings, cameras, report, len(it.files()))
    processes([result], count)
    print("{frames} frames in {files} files, {missing} missing, {doubled} doubled".format(**result))
    if not result["ok"]:
        print(report.describe())
    return {"cameras": count, "seconds": seconds, "line": line, **result}


# -- for people -----------------------------------------------------------------------------------


def heading() -> None:
    print("            CPU %    user  system  switches/s  threads   PSS MB  rings MB  rest/cam   frames")


def show(name: str, row: dict[str, Any]) -> None:
    verdict = "every one once" if row["ok"] else f"{row['missing']} missing, {row['doubled']} doubled, {row['changed']}"
    print(f"{name:<9} {row['cpu']:>7.3f} {row['user']:>7.3f} {row['system']:>7.3f} {row['switches']:>11.1f} "
          f"{row['threads']:>8} {row['pss_mb']:>8.1f} {row['rings_mb']:>9.1f} {row['memory_mb']:>9.2f}   "
          f"{row['frames']} in {row['files']} files, {verdict}", flush=True)  # fmt: skip


def processes(rows: Sequence[dict[str, Any]], count: int) -> None:
    """Where the time and the memory are."""
    if not rows:
        return
    print("  of which       CPU % per camera   PSS MB")
    for name in rows[0]["processes"]:
        each = [row["processes"][name] for row in rows if name in row["processes"]]
        cpu, pss = (statistics.median(entry[key] for entry in each) for key in ("cpu", "pss_mb"))
        print(f"  {name:<16} {cpu:>14.3f} {pss:>8.1f}")


def show_profile(folder: Path) -> None:
    for path in sorted(folder.glob("*.pstats")):
        print(f"\n-- {path.stem}")
        pstats.Stats(str(path)).sort_stats("tottime").print_stats(25)


def growth(rows: Sequence[dict[str, Any]]) -> None:
    """How both grow with the number of cameras."""
    if len(rows) < 2:
        return
    names = [name for name in ("evertape", "ffmpeg") if name in rows[0]]
    columns = "".join(f"   {n} CPU %/cam   {n} MB/cam" for n in names)
    print(f"\nGrowth (medians)\ncameras{columns}   CPU ratio   memory ratio")
    for row in rows:
        print(f"{row['cameras']:>7}", end="")
        for name in names:
            cpu, memory = (statistics.median(r[key] for r in row[name]) for key in ("cpu", "memory_mb"))
            print(f"   {cpu:>{len(name) + 10}.3f}   {memory:>{len(name) + 7}.2f}", end="")
        if "ratios" in row:
            print(f"   {row['ratios']['CPU']:>9.2f}   {row['ratios']['memory without rings']:>12.2f}", end="")
        print()


if __name__ == "__main__":
    sys.exit(main())
