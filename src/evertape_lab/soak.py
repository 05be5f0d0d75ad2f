"""``evertape lab soak``: half an hour of random faults over eight cameras, and a reckoning at the end.

It holds if every camera comes back, every missing frame lies in a gap whose cause fits what was done to that camera, no
frame is doubled, no process died, and the service holds no thread, socket, descriptor or pipeline more than before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evertape.errors import EvertapeError
from evertape_lab.audit import audit_files
from evertape_lab.findings import rounded
from evertape_lab.netns import why_no_namespaces
from evertape_lab.soak_figures import by_fault, fit_memory, held, judge_holdings
from evertape_lab.soak_judge import Line, Verdict, judge_frames
from evertape_lab.soak_plan import Plan, plan
from evertape_lab.soak_play import Say, Soak, clock_text
from evertape_lab.stage import Stage

__all__ = ["SoakResult", "main", "soak", "why_not"]


@dataclass(slots=True)
class SoakResult:
    """What came of it; everything in ``figures`` is plain enough for JSON."""

    seed: int
    cameras: int
    seconds: float
    ok: bool = False
    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    memory_mb: list[tuple[float, float]] = field(default_factory=list)
    """Seconds since the soak began, and megabytes of all processes of the service."""

    def json(self) -> dict[str, Any]:
        """For a file."""
        plain: dict[str, Any] = rounded(asdict(self))
        return plain

    def text(self) -> str:
        """The time line with what came of each fault, the table by fault, and the figures; for people."""
        lines = [_line(line) for line in self.lines]
        table = [_row(name, row) for name, row in rounded(self.faults).items()]
        figures = [f"{name}: {value}" for name, value in rounded(self.figures).items()]
        return "\n".join([*lines, "", *table, "", *figures, *self.problems, "ok" if self.ok else "FAILED"])


def why_not(network: bool = True) -> str:
    """Why a soak cannot be played here; empty if it can."""
    return why_no_namespaces() if network else ""


def soak(made: Plan, folder: Path, *, margin_s: float = 0.0, say: Say = lambda _text: None) -> SoakResult:
    """Play a plan in an empty folder, and judge it.

    Args:
        made: what is to happen.
        folder: where the service lives while it lasts.
        margin_s: added to each promised time, for a machine that is busy with other things.
        say: is given a line now and then.
    """
    result = SoakResult(made.seed, len(made.script.cameras), made.warm_up_s + made.main_s)
    stage, began = Stage(made.script, folder, is_quick=False), time.monotonic()
    played = Soak(made, stage, say)
    try:
        asyncio.run(_play(stage, played))
    except* AssertionError as errors:
        result.problems += [str(error) for error in _leaves(errors)]
    if hasattr(stage, "rig"):
        _judge(result, stage, played, margin_s)
    result.figures["took_s"] = time.monotonic() - began
    result.ok = not result.problems
    return result


async def _play(stage: Stage, played: Soak) -> None:
    async with stage:
        await played.run()


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]


def _judge(result: SoakResult, stage: Stage, played: Soak, margin_s: float) -> None:
    not_sent = [entry for group in stage.groups for entry in group.lab.not_sent]
    hit = {picture for group in stage.groups if group.proxy for picture in group.proxy.damage.pictures_hit()}
    report = audit_files(stage.rig.ranges())
    verdict = judge_frames(played.played, stage.rig.events(), report, not_sent, hit, margin_s)
    result.problems += verdict.problems
    result.lines, result.faults = verdict.lines, by_fault(verdict.lines)
    result.memory_mb = [(look.at_s, look.memory / 1e6) for look in played.looks]
    result.figures |= _figures(stage, played, verdict)
    if played.before is None or played.after is None:
        result.problems.append("the end was not reached, so nothing is compared")
    else:
        memory = fit_memory(played.looks)
        result.problems += judge_holdings(played.before, played.after, memory, played.mistakes)
        result.figures |= {"before": held(played.before), "after": held(played.after)}
        result.figures["memory"] = None if memory is None else _megabytes(asdict(memory))
    if stage.rig.clean is False:
        result.problems.append("the service did not stop cleanly")


def _figures(stage: Stage, played: Soak, verdict: Verdict) -> dict[str, Any]:
    return {
        "faults": len(played.played),
        "at_once_max": _at_once(verdict.lines),
        "frames": asdict(verdict.frames),
        "gaps": dict(sorted(verdict.gaps.items())),
        "files": len(stage.rig.files()),
        "cores": played.cores,
        "lab_cores": played.lab_cores,
        "mistakes": played.mistakes,
    }


def _at_once(lines: Sequence[Line]) -> int:
    """The most cameras that were broken at the same time."""
    ends = [(line.at_s, 1) for line in lines] + [(line.at_s + line.lasted_s, -1) for line in lines]
    most = now = 0
    for _, by in sorted(ends):
        now += by
        most = max(most, now)
    return most


def _megabytes(memory: dict[str, Any]) -> dict[str, Any]:
    samples = memory.pop("samples")
    return {"samples": samples, **{f"{name}_mb": value / 1e6 for name, value in memory.items()}}


def _line(line: Line) -> str:
    figures = line.figures
    told = [
        f"noticed {figures.detected_after_s:.2f} s" if figures.detected_after_s is not None else "",
        f"back {figures.recovered_after_s:.2f} s" if figures.recovered_after_s is not None else "",
        f"missing {figures.frames_missing}" if figures.frames_missing else "",
        ", ".join(figures.gap),
        *figures.problems,
    ]
    about = f"{line.fault} ({line.about})" if line.about else line.fault
    head = f"{clock_text(line.at_s)}  {line.camera:10} {line.row:4} {about:44} {line.lasted_s:5.1f} s"
    return f"{head}  {'; '.join(filter(None, told))}".rstrip()


def _row(name: str, row: dict[str, Any]) -> str:
    return f"{name:18} " + ", ".join(f"{key} {value}" for key, value in row.items() if value not in (None, {}, 0))


# -- the verb ---------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Play a soak; 0 if it holds, 1 if not, 4 if it cannot run here."""
    parser = argparse.ArgumentParser(prog="evertape lab soak", description="Random faults, and a reckoning at the end.")
    parser.add_argument("--cameras", type=int, default=8, help="how many (default 8)")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--seed", type=int, help="the same seed, cameras and minutes give the same faults")
    parser.add_argument("--margin", type=float, default=0.0, metavar="S", help="be so lenient with each time")
    parser.add_argument("--no-network", action="store_true", help="without dropped packets, which need root")
    parser.add_argument("--plan", action="store_true", help="only say what would be done")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    parser.add_argument("--folder", type=Path, help="keep what was recorded there; it must be empty")
    options = parser.parse_args(argv)
    seed = random.randrange(1 << 31) if options.seed is None else options.seed
    made = plan(seed, options.cameras, options.minutes * 60.0, network=not options.no_network)
    if options.plan:
        print("\n".join(_planned(made)))
        return 0
    if reason := why_not(not options.no_network):
        print(f"{reason}; --no-network goes without", file=sys.stderr)
        return 4
    print(f"seed {seed}: {len(made.warm_up) + len(made.main)} faults over {options.cameras} cameras", flush=True)
    try:
        result = _somewhere(made, options)
    except EvertapeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(result.text(), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(result.json(), indent=1) + "\n")
    return 0 if result.ok else 1


def _somewhere(made: Plan, options: argparse.Namespace) -> SoakResult:
    def say(text: str) -> None:
        print(text, flush=True)

    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
        return soak(made, options.folder, margin_s=options.margin, say=say)
    with tempfile.TemporaryDirectory(prefix="evertape-soak-") as folder:
        return soak(made, Path(folder), margin_s=options.margin, say=say)


def _planned(made: Plan) -> list[str]:
    parts = (("warm-up", made.warm_up_s, made.warm_up), ("compared", made.main_s, made.main))
    return [
        text
        for name, seconds, faults in parts
        for text in (
            f"{name}, {seconds:.0f} s:",
            *(
                f"  {clock_text(one.at_s)}  {one.camera:10} {one.fault} {one.about} {one.lasts_s or ''}"
                for one in faults
            ),
        )
    ]


if __name__ == "__main__":
    sys.exit(main())
