"""Power cuts, many of them: three cameras record, and at a random moment the disks forget what was not synced.

``evertape lab run C6 --times 200``. Half of the cuts with the data folder on ext4, half with it on xfs; one volume on
each. What is lost is counted from the frames' own numbers and clocks, not from what the service thinks.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evertape.types import NS_PER_S
from evertape_lab.disks import why_no_loop_mounts
from evertape_lab.fleet import LabCameras
from evertape_lab.judge import Result
from evertape_lab.powercut_judge import Examiner, Left
from evertape_lab.powercut_rig import PowerCutError, PowerRig

ROW = "C6"
TITLE = "power cuts, under the volumes and under the data folder"
TIMES, QUICK_TIMES = 20, 3
MOST_LOST_S = 2.0
"""The promise: what came earlier than this before a cut is there."""
CAMERAS = 3
_OPTIONS: dict[str, str | int] = {"size": "320x184", "bitrate": 300, "audio": "aac"}
_BACK_S = 30.0
"""A service that does not record again after so long needs a person."""
_LONGEST_S = 6.0
"""Recording that a cut interrupts has lasted up to so long: two or three files of each camera."""
_EARLY = 0.15
"""The share of cuts that come while the service starts."""
_SETTLE_S = 7.0
"""The last run: what a cut left is mended within four."""

Say = Callable[[str], None]


def why_no_power_cuts() -> str:
    """Why this cannot be played here; empty if it can."""
    missing = [tool for tool in ("mkfs.xfs", "ffprobe", "unshare") if shutil.which(tool) is None]
    return why_no_loop_mounts() or (f"{', '.join(missing)} is not installed" if missing else "")


def play_cuts(folder: Path, times: int, *, seed: int = 1, is_quick: bool = False) -> Result:
    """Cut the power so often; a line to standard output for each.

    In a mount namespace of its own: anybody else's new one would get a copy of our mounts, and a file system that is
    mounted anywhere is never read from its disk again.

    Args:
        folder: an empty one, on a disk that honours flushes.
        times: how often, in all.
        seed: of the random moments.
        is_quick: for the result.
    """
    folder.mkdir(parents=True, exist_ok=True)
    answer = folder / "result.json"
    command = ["unshare", "--mount", sys.executable, "-m", "evertape_lab.powercut"]
    command += [str(folder), str(times), str(seed), str(answer)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=env, check=False)
    if done.returncode or not answer.exists():
        return Result(ROW, TITLE, is_quick, problems=[f"the lab itself failed, with {done.returncode}"])
    result = msgspec.json.decode(answer.read_bytes(), type=Result)
    result.quick = is_quick
    return result


def main(argv: Sequence[str]) -> int:
    """The part that runs in its own mount namespace: ``FOLDER TIMES SEED ANSWER``."""
    folder, times, seed, answer = argv
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended and unmounted
    result = _play(Path(folder), int(times), int(seed), lambda line: print(line, flush=True))
    Path(answer).write_bytes(msgspec.json.encode(result))
    return 0


def _play(folder: Path, times: int, seed: int, say: Say) -> Result:
    result, began = Result(ROW, TITLE, quick=False), time.monotonic()
    lost: list[float] = []
    resumed: list[float] = []
    counts = {"cuts": 0, "files_read": 0, "to_mend": 0, "manual_steps": 0}
    for number, fs in enumerate(("ext4", "xfs")):
        place = folder / fs
        play = _Installation(place, fs, random.Random(f"{seed} {fs}"), (times + 1 - number) // 2, say)
        result.problems += asyncio.run(play.run())
        lost += play.lost
        resumed += play.resumed
        for key, value in play.counts.items():
            counts[key] += value
    result.figures = {
        **counts,
        "lost_s": distribution(lost),
        "resumed_s": distribution(resumed),
        "load": list(os.getloadavg()),
        "seed": seed,
        "took_s": time.monotonic() - began,
    }
    if counts["cuts"] < times:
        result.problems.append(f"{counts['cuts']} cuts instead of {times}")
    if max(lost, default=0.0) > MOST_LOST_S:
        result.problems.append(f"{max(lost):.2f} s before a cut are gone, {MOST_LOST_S} s are promised")
    result.ok = not result.problems
    return result


def distribution(values: Sequence[float]) -> dict[str, Any]:
    """In words that a table has."""
    if not values:
        return {}
    ordered = sorted(values)
    return {
        "min": ordered[0],
        "median": statistics.median(ordered),
        "p95": ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))],
        "max": ordered[-1],
        "of": len(ordered),
    }


class _Installation:
    """One installation through its cuts.

    Attributes:
        lost: seconds per cut, the worst camera's.
        resumed: seconds from each start to the first frame of the slowest camera.
    """

    def __init__(self, folder: Path, data_fs: str, dice: random.Random, times: int, say: Say) -> None:
        self._folder = folder
        self._fs = data_fs
        self._dice = dice
        self._times = times
        self._say = say
        self.lost: list[float] = []
        self.resumed: list[float] = []
        self.counts = {"cuts": 0, "files_read": 0, "to_mend": 0, "manual_steps": 0}

    async def run(self) -> list[str]:
        """Play it; returns what is wrong."""
        self._cameras = LabCameras(CAMERAS, **_OPTIONS)  # type: ignore[arg-type]
        await asyncio.to_thread(self._cameras.start)
        try:
            urls = {url.rpartition("/")[2]: url for url in self._cameras.urls}
            rig = PowerRig(self._folder, urls, self._fs, self._dice)
            try:
                return await self._cuts(rig)
            finally:
                await rig.stop()
                rig.dismantle()
        finally:
            await asyncio.to_thread(self._cameras.stop)

    async def _cuts(self, rig: PowerRig) -> list[str]:
        examiner, problems = Examiner(rig), []
        try:
            for number in range(self._times):
                left = await self._cut(rig, examiner)
                problems += [f"cut {number + 1}, data on {self._fs}: {problem}" for problem in left.problems]
                self._note(number, left)
            problems += await self._last_run(rig, examiner)
        except (PowerCutError, AssertionError) as error:
            self.counts["manual_steps"] += 1
            problems.append(f"after cut {self.counts['cuts']}, data on {self._fs}, a person is needed: {error}")
        self.counts["files_read"] = examiner.files_read
        return problems

    async def _cut(self, rig: PowerRig, examiner: Examiner) -> Left:
        rig.forget()
        started = time.time_ns()
        rig.start()
        since: dict[str, int] = {}
        if self._dice.random() < _EARLY:
            await self._watch(rig, since, self._dice.uniform(0.2, 4.0))
        else:
            await rig.until(lambda: _recording(rig, since), _BACK_S, f"{CAMERAS} cameras record again")
            await asyncio.sleep(self._dice.uniform(0.0, _LONGEST_S))
        cut = await rig.cut(at_once=self._dice.random() < 0.5)
        lasted_s = (cut - started) / NS_PER_S
        left = await asyncio.to_thread(examiner.examine, cut, lasted_s, since, self._cameras.not_sent)
        if len(left.first_utc) == CAMERAS:
            self.resumed.append((max(left.first_utc.values()) - started) / NS_PER_S)
        return left

    async def _watch(self, rig: PowerRig, since: dict[str, int], seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            _recording(rig, since)
            await asyncio.sleep(0.02)

    def _note(self, number: int, left: Left) -> None:
        self.counts["cuts"] += 1
        self.counts["to_mend"] += left.to_mend
        if left.lost_s:
            self.lost.append(max(left.lost_s.values()))
        shown = " ".join(f"{seconds:.2f}" for seconds in left.lost_s.values())
        self._say(f"{self._fs} {number + 1}: lost {shown or '-'} s, {left.files} files, {left.to_mend} to mend"
                  + "".join(f"\n    {problem}" for problem in left.problems))  # fmt: skip

    async def _last_run(self, rig: PowerRig, examiner: Examiner) -> list[str]:
        rig.forget()
        rig.start()
        await rig.until(lambda: _recording(rig, {}), _BACK_S, f"{CAMERAS} cameras record again")
        await asyncio.sleep(_SETTLE_S)
        clean = await rig.stop()
        problems = [] if clean else ["the last run did not finish every file"]
        return problems + await asyncio.to_thread(examiner.conclude)


def _recording(rig: PowerRig, since: dict[str, int]) -> bool:
    """Whether all cameras have something durable; notes since when each has been seen to record."""
    infos = rig.infos()
    for name, info in infos.items():
        if info.recording.state == "recording":
            since.setdefault(name, time.time_ns())
    return len(infos) == CAMERAS and all(info.recording.recorded_s > 0 for info in infos.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
