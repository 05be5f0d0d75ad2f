"""``evertape schedule``: when cameras are recorded: what holds now, who says so, until when; the coming week."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import NotRunningError, UsageError
from evertape.types import NS_PER_S, UtcNs

if TYPE_CHECKING:
    from evertape.config.schema import Config
    from evertape.engine.schedule_plan import Plan


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "schedule", rich_help_panel="Look")(schedule)


def schedule(
    place: Place,
    cameras: Annotated[list[str] | None, typer.Argument(metavar="[CAMERA…]", help="Default: all cameras.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show when cameras are recorded: what holds now, who says so, until when; and the coming week.

    Set a schedule with: evertape camera edit CAMERA --set 'schedule=mon-fri 07:30-19:00'. Overrule it until its next
    change with: evertape record start|stop CAMERA.
    """
    from evertape.clock import SystemClock
    from evertape.engine.schedule_plan import plan

    config = place.load().config
    known = [str(name) for name, camera in config.cameras.items() if camera.enabled]
    for name in cameras or ():
        if name not in known:
            raise UsageError(f"no camera {name!r} is in use", hint=f"they are: {', '.join(known) or 'none'}")
    now = SystemClock().utc_ns()
    held = _held(place, config, now)
    plans = [plan(config, name, held.get(name), now) for name in cameras or known]
    if as_json:
        return emit({"cameras": [plan_json(each) for each in plans]})
    print("\n".join(line for each in plans for line in plan_lines(each)) or "no cameras")
    return None


def _held(place: Place, config: Config, now: UtcNs) -> Mapping[str, Mapping[str, Any]]:
    """What holds now, from the running service, or as it would be if one were started."""
    from evertape.domain.wish import wish
    from evertape.engine.state_files import read_wishes
    from evertape.engine.wish_book import terms_of, until_shown

    try:
        answer: Mapping[str, Mapping[str, Any]] = place.ask("status")["wishes"]
        return answer
    except NotRunningError:
        said = read_wishes(place.data.root / "state")
        wishes = {str(name): wish(terms_of(config, name), said.get(name), now) for name in config.cameras}
        return {n: {"wanted": w.wanted, "by": w.by, "until": until_shown(w.until)} for n, w in wishes.items()}


def plan_json(found: Plan) -> dict[str, Any]:
    """For a program; instants in UTC nanoseconds, and readable beside them."""
    from evertape.mp4.model import iso_utc

    spans = [
        {"start_utc": start, "end_utc": end, "start": iso_utc(start), "end": iso_utc(end)}
        for start, end in found.spans or ()
    ]
    return {
        "camera": found.camera,
        "wanted": found.wanted,
        "by": found.by,
        "until_utc": found.until,
        "until": None if found.until is None else iso_utc(found.until),
        "schedule": found.schedule,
        "timezone": found.zone,
        "week": None if found.spans is None else spans,
    }


_BY = {"schedule": "by schedule", "person": "by hand", "configuration": "by configuration", "": "not known yet"}


def plan_lines(found: Plan) -> list[str]:
    """For people; times are the schedule's own local ones."""
    until = "" if found.until is None else f", until {_local(found.until, found.zone)}"
    now = "recorded" if found.wanted else "not recorded"
    lines = [f"{found.camera}: {now}, {_BY.get(found.by, found.by)}{until}"]
    if found.spans is not None:
        lines.append(f"  {found.schedule} ({found.zone or 'local time'})")
        lines += [f"  {_local(start, found.zone)} to {_local(end, found.zone)}" for start, end in found.spans]
    return lines


def _local(utc: int, zone: str | None) -> str:
    from zoneinfo import ZoneInfo

    there = datetime.fromtimestamp(utc // NS_PER_S, UTC).astimezone(ZoneInfo(zone) if zone else None)
    return f"{there:%a %d %b %H:%M}"
