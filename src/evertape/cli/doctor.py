"""``evertape doctor``: is this machine fit to record, and if not, what mends it?

The checks live beside this file: ``doctor_media`` (system, Python, GStreamer), ``doctor_host`` (clock, mounts,
limits, memory), ``doctor_volume`` (disks). Each splits reading from judging, so that what is said about a sick
machine can be tested on a healthy one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from evertape.cli.doctor_check import Check, Level
from evertape.cli.doctor_host import host_checks
from evertape.cli.doctor_media import software_checks
from evertape.cli.doctor_volume import check_volume

_MARKS = {Level.OK: ("✓", "green"), Level.WARN: ("!", "yellow"), Level.FAIL: ("✗", "bold red")}


def run_checks(volumes: Sequence[tuple[str, Path]]) -> Iterator[Check]:
    """Run every check, one after the other; some take seconds, so each is yielded as soon as it is known.

    Args:
        volumes: names and paths of the places to write.
    """
    yield from software_checks()
    yield from host_checks()
    for name, path in volumes:
        yield check_volume(name, path)


def run_doctor(volumes: Sequence[tuple[str, Path]], as_json: bool = False) -> int:
    """Check the machine and print what was found.

    Args:
        volumes: names and paths of the places to write.
        as_json: print one JSON object (``ok``, ``checks``) instead of lines for a person.

    Returns:
        The exit status: 1 if a check failed, 0 if there were warnings at most.
    """
    checks = run_checks(volumes)
    return print_json(checks) if as_json else print_lines(checks, Console())


def print_json(checks: Iterable[Check]) -> int:
    """Print the checks as one JSON object to standard output; returns the exit status."""
    found = list(checks)
    status = exit_status(found)
    rows = [{"name": c.name, "status": c.level, "detail": c.detail, "fix": c.fix} for c in found]
    json.dump({"ok": status == 0, "checks": rows}, sys.stdout, indent=2, ensure_ascii=False)
    print()
    return status


def print_lines(checks: Iterable[Check], console: Console) -> int:
    """Print the checks as they come, and a last line that sums them up; returns the exit status."""
    found = []
    for check in checks:
        found.append(check)
        mark, style = _MARKS[check.level]
        console.print(Text.assemble((mark, style), " ", (check.name, "bold"), f": {check.detail}"), soft_wrap=True)
        if check.fix:
            console.print(Text.assemble("    → ", (check.fix, "cyan")), soft_wrap=True)
    failed = sum(c.level is Level.FAIL for c in found)
    warned = sum(c.level is Level.WARN for c in found)
    if failed:
        console.print(Text(f"{failed} of {len(found)} checks failed; Evertape cannot record like this.", "bold red"))
    elif warned:
        console.print(Text(f"Fit to record, with {warned} {'warning' if warned == 1 else 'warnings'}."))
    else:
        console.print(Text("Fit to record.", "green"))
    return exit_status(found)


def exit_status(checks: Iterable[Check]) -> int:
    """1 if any check failed, else 0."""
    return int(any(check.level is Level.FAIL for check in checks))
