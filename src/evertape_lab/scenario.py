"""Plays a scenario with the real service and judges it: ``evertape lab run A9``.

The result is one JSON object: what was measured, what was promised, and every way in which they differ.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evertape.errors import EvertapeError
from evertape_lab.disks import why_no_loop_mounts
from evertape_lab.fuse_volume import why_no_fuse
from evertape_lab.judge import Result, judge
from evertape_lab.netns import why_no_namespaces
from evertape_lab.powercut import QUICK_TIMES, ROW, TIMES, play_cuts, why_no_power_cuts
from evertape_lab.powers import call_without_override
from evertape_lab.script import NAMES, Script, load_script, repeated, scripts
from evertape_lab.stage import Stage

__all__ = ["Result", "main", "play", "why_not"]


def why_not(script: Script) -> str:
    """Why a scenario cannot be played here; empty if it can."""
    kinds = {volume.kind for volume in script.volumes}
    if "fuse" in kinds or "dying" in kinds:
        reason = why_no_fuse()
    elif kinds:
        reason = why_no_loop_mounts("mkfs.xfs" if "xfs" in kinds else "mkfs.ext4")
    else:
        reason = ""
    return reason or (why_no_namespaces() if script.needs_root else "")


def play(
    script: Script,
    folder: Path,
    *,
    is_quick: bool,
    margin_s: float = 0.0,
    follow: Callable[[str], None] | None = None,
    look: Callable[[Stage], None] | None = None,
) -> Result:
    """Play it in an empty folder.

    Args:
        script: what.
        folder: where the service lives while it lasts.
        is_quick: with the short values.
        margin_s: added to each promised time, for a machine that is busy with other things.
        follow: called with each line of the time line of a scenario with disks.
        look: called at the end, while the disks can be read.
    """
    result = Result(script.row, script.title, is_quick)
    stage, began = Stage(script, folder, is_quick=is_quick, follow=follow), time.monotonic()
    try:
        try:
            call = call_without_override if script.unprivileged else _call
            call(lambda: asyncio.run(_play(stage)))
        except (AssertionError, OSError) as error:
            result.problems.append(str(error))
        if hasattr(stage, "rig"):
            stage.make_disks_readable()
            judge(result, stage, margin_s)
            if look is not None:
                look(stage)
    finally:
        stage.put_disks_away()
    result.figures["took_s"] = time.monotonic() - began
    result.ok = not result.problems
    return result


def _call(work: Callable[[], None]) -> None:
    work()


async def _play(stage: Stage) -> None:
    async with stage:
        await stage.play()


def main(argv: Sequence[str] | None = None) -> int:
    """Play scenarios by row or by file, printing a line each; 0 if all hold, 1 if one does not, 4 if one cannot run."""
    parser = argparse.ArgumentParser(prog="evertape lab run", description="Break something for real and measure.")
    rows = ", ".join([*scripts(), ROW, *map(str.lower, NAMES)])
    parser.add_argument("scenario", nargs="*", help=f"a row ({rows}), or a file; none: every row")
    parser.add_argument("--quick", action="store_true", help="as short as in the test suite")
    parser.add_argument("--margin", type=float, default=0.0, metavar="S", help="be so lenient with each time")
    parser.add_argument("--times", type=int, metavar="N", help=f"how often to do it: B2 or {ROW} (default {TIMES})")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help=f"of the moments in {ROW}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, - for standard output")
    parser.add_argument("--folder", type=Path, help="keep what was recorded there; it must be empty")
    options = parser.parse_args(argv)
    try:
        wanted = options.scenario or [*scripts(), ROW]
        chosen = [(name, load_script(name)) for name in wanted if name.upper() != ROW]
    except EvertapeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    results, skipped = [], 0
    for name, script in chosen:
        if reason := why_not(script):
            print(f"{script.row:4} skipped: {reason}", file=sys.stderr)
            skipped += 1
            continue
        results.append(_play_somewhere(script, options, is_told=name.upper() in NAMES))
        print(results[-1].line(), file=sys.stderr if options.json == Path("-") else sys.stdout, flush=True)
    if len(chosen) < len(wanted):
        if reason := why_no_power_cuts():
            print(f"{ROW:4} skipped: {reason}", file=sys.stderr)
            skipped += 1
        else:
            results.append(_cut_the_power(options))
            print(results[-1].line(), file=sys.stderr if options.json == Path("-") else sys.stdout, flush=True)
    _write(options.json, [result.json() for result in results])
    if not all(result.ok for result in results):
        return 1
    return 4 if skipped else 0


def _play_somewhere(script: Script, options: argparse.Namespace, *, is_told: bool) -> Result:
    if options.times:
        script = repeated(script, options.times)
    terms: dict[str, Any] = {"is_quick": options.quick and not options.times, "margin_s": options.margin}
    if is_told:
        out = sys.stderr if options.json == Path("-") else sys.stdout
        print(f"{script.row}: {script.title}\n", file=out, flush=True)
        terms["follow"] = lambda line: print(line, file=out, flush=True)
    if options.folder is not None:
        folder = options.folder / script.row
        folder.mkdir(parents=True)
        result = play(script, folder, **terms)
    else:
        with tempfile.TemporaryDirectory(prefix="evertape-lab-") as made:
            result = play(script, Path(made), **terms)
    if is_told:
        verdict = "every promise was kept" if result.ok else f"{len(result.problems)} promises were broken"
        print(f"\nVerdict: {verdict}.", file=out, flush=True)
    return result


def _cut_the_power(options: argparse.Namespace) -> Result:
    times = options.times or (QUICK_TIMES if options.quick else TIMES)
    if options.folder is not None:
        return play_cuts(options.folder / ROW, times, seed=options.seed, is_quick=options.quick)
    # A place in memory would honour flushes that a disk takes its time for.
    with tempfile.TemporaryDirectory(prefix="evertape-lab-", dir="/var/tmp") as folder:
        return play_cuts(Path(folder), times, seed=options.seed, is_quick=options.quick)


def _write(path: Path | None, results: list[dict[str, Any]]) -> None:
    text = json.dumps(results, indent=2)
    if path == Path("-"):
        print(text)
    elif path is not None:
        path.write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
