"""``evertape status``: what the running service is doing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb

if TYPE_CHECKING:
    from rich.console import RenderableType

    from evertape.cli.day import DayAccounts
    from evertape.cli.status_view import ServiceStatus

REFRESH_S = 1.0


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "status", rich_help_panel="Look")(status)


def status(
    place: Place,
    as_json: JsonFlag = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh each second until Ctrl-C.")] = False,
) -> None:
    """Show cameras, recording and volumes of the running service."""
    if watch and as_json:
        return _watch_json(place)
    if as_json:
        return emit(_as_json(place))
    return _watch(place) if watch else _show(place)


def fetch(place: Place) -> ServiceStatus:
    """Ask the running service; raises ``NotRunningError`` if there is none."""
    from evertape.cli.status_view import ServiceStatus
    from evertape.cli.volume_usage import usage_by_volume

    return ServiceStatus.parse(place.ask("status"), usage_by_volume(place))


def _show(place: Place) -> None:
    from evertape.cli.day import DayAccounts
    from evertape.cli.screen import screen

    screen().print(_picture(fetch(place), DayAccounts(place)))


def _picture(now: ServiceStatus, days: DayAccounts) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from evertape.cli.day import day_lines
    from evertape.cli.status_view import status_table

    lines = day_lines(days.of(now), days.problem)
    return Group(status_table(now), Text(""), *map(Text, lines)) if lines else status_table(now)


def _as_json(place: Place) -> dict[str, Any]:
    from evertape.cli.day import DayAccounts, day_json

    now = fetch(place)
    return {**now.as_json(), "last_24_h": day_json(DayAccounts(place).of(now))}


def _watch(place: Place) -> None:
    from rich.live import Live

    from evertape.cli.day import DayAccounts

    days = DayAccounts(place)
    try:
        with Live(_picture(fetch(place), days), auto_refresh=False) as live:
            while True:
                time.sleep(REFRESH_S)
                live.update(_picture(fetch(place), days), refresh=True)
    except KeyboardInterrupt:
        return


def _watch_json(place: Place) -> None:
    """One compact JSON object per line and second."""
    import json

    try:
        while True:
            print(json.dumps(fetch(place).as_json(), ensure_ascii=False), flush=True)
            time.sleep(REFRESH_S)
    except KeyboardInterrupt:
        return
