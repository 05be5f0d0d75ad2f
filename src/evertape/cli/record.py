"""``evertape record start|stop``: what is wished to be recorded."""

from __future__ import annotations

from typing import Annotated

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import NotRunningError, UsageError

Cameras = Annotated[list[str] | None, typer.Argument(metavar="CAMERA", help="Ids of cameras.")]
All = Annotated[bool, typer.Option("--all", help="All cameras.")]
_BY = "the command line"


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    group = typer.Typer(no_args_is_help=True, help="Say which cameras are to be recorded; survives restarts.")
    app.add_typer(group, name="record", rich_help_panel="Run")
    verb(group, "start")(start)
    verb(group, "stop")(stop)


def start(place: Place, cameras: Cameras = None, all_: All = False, as_json: JsonFlag = False) -> None:
    """Record these cameras from now on."""
    _wish(place, cameras or [], all_, True, as_json)


def stop(place: Place, cameras: Cameras = None, all_: All = False, as_json: JsonFlag = False) -> None:
    """Record these cameras no longer. Their files end at the last frame and can be read at once; viewers go on."""
    _wish(place, cameras or [], all_, False, as_json)


def _wish(place: Place, cameras: list[str], all_: bool, wanted: bool, as_json: bool) -> None:
    if bool(cameras) == all_:
        raise UsageError("name cameras, or give --all", hint="evertape camera list shows the cameras")
    try:
        names = place.ask("record", cameras=cameras, all=all_, wanted=wanted, by=_BY)["cameras"]
        running = True
    except NotRunningError:
        names, running = _write_down(place, cameras, wanted), False
    if as_json:
        return emit({"cameras": list(names), "wanted": wanted, "running": running})
    said = "will be recorded" if wanted else "will not be recorded"
    print(f"{', '.join(names) or 'no camera'}: {said}" + ("" if running else " once the service runs"))
    return None


def _write_down(place: Place, cameras: list[str], wanted: bool) -> list[str]:
    """Leave the wish where the service finds it at its start; returns the cameras meant.

    Raises:
        UsageError: there is no such camera, or a service has started in the meantime.
    """
    from evertape.cli.service import making, only_one
    from evertape.clock import SystemClock
    from evertape.config.files import replace_file
    from evertape.domain.wish import said_now
    from evertape.engine.state_files import WISHES, read_wishes, wishes_text
    from evertape.engine.wish_book import terms_of
    from evertape.types import CameraId

    config, now = place.load().config, SystemClock().utc_ns()
    known = list(config.cameras)
    unknown = [name for name in cameras if name not in known]
    if unknown:
        raise UsageError(
            f"there is no camera {', '.join(map(repr, unknown))}", hint=f"the cameras are: {', '.join(known) or 'none'}"
        )
    names = cameras or [str(name) for name in known]
    said = {name: said_now(terms_of(config, CameraId(name)), wanted, now) for name in names}
    state = place.data.root / "state"
    with only_one(place.data), making(state):
        state.mkdir(parents=True, exist_ok=True)
        replace_file(state / WISHES, wishes_text({**read_wishes(state), **said}))
    return names
