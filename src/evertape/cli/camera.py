"""``evertape camera …``: adding cameras, changing them, looking at them."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.camera_login import EnvOption, FileOption, StdinOption, UserOption, login_fields
from evertape.cli.config_verbs import report_change, warn
from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, complain, emit, verb
from evertape.errors import EvertapeError, NotRunningError, UsageError

if TYPE_CHECKING:
    from evertape.cli.camera_served import Served
    from evertape.config.schema import Camera
    from evertape.ipc.messages import CameraInfo


class Transport(enum.StrEnum):
    """How RTP travels."""

    TCP = "tcp"
    UDP = "udp"


CameraId = Annotated[str, typer.Argument(metavar="ID", help="The camera's id.")]
NewName = Annotated[str | None, typer.Option("--name", help="The name for people.")]
SubUrl = Annotated[str | None, typer.Option("--sub", metavar="URL", help="A smaller stream, for viewing only.")]
TransportOption = Annotated[
    Transport | None, typer.Option("--transport", metavar="tcp|udp", help="How the stream travels.")
]


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    group = typer.Typer(no_args_is_help=True, help="Add cameras, change them, look at them.")
    app.add_typer(group, name="camera", rich_help_panel="Set up")
    verb(group, "add")(add)
    verb(group, "list")(list_)
    verb(group, "edit")(edit)
    verb(group, "remove")(remove)
    verb(group, "probe")(probe)
    verb(group, "restart")(restart)
    verb(group, "restart-writer")(restart_writer)
    verb(group, "split")(split)
    verb(group, "move")(move)


def add(
    place: Place,
    camera: CameraId,
    url: Annotated[str, typer.Argument(metavar="URL", help="The stream to record, rtsp:// or rtsps://.")],
    sub: SubUrl = None,
    name: NewName = None,
    user: UserOption = None,
    password_stdin: StdinOption = False,
    password_env: EnvOption = None,
    password_file: FileOption = None,
    transport: TransportOption = None,
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="Whether its sound is recorded too.")] = True,
    record: Annotated[bool, typer.Option("--record/--no-record", help="Record it from the beginning.")] = True,
    no_probe: Annotated[bool, typer.Option("--no-probe", help="Do not look at the camera first.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Look at a camera and add it to the configuration.

    One that is away is added all the same, with a warning. A running service begins to record it.
    """
    from evertape.config.edit import add_camera

    fields: dict[str, Any] = {"url": url, "sub_url": sub, "name": name}
    fields |= login_fields(user, password_stdin, password_env, password_file)
    fields["transport"] = None if transport is None else transport.value
    fields |= {} if audio else {"audio": False}
    fields |= {} if record else {"record": False}
    checked = add_camera(place.config, camera, fields, save=False)
    from evertape.types import CameraId as Id

    found = None if no_probe else _look(place, checked.config.cameras[Id(camera)], as_json)
    add_camera(place.config, camera, fields)
    report_change(place, as_json, f"camera {camera} added", camera=camera, probe=found)


def _look(place: Place, camera: Camera, quiet: bool) -> dict[str, Any]:
    """Probe a camera that is about to be added; a failure is a warning."""
    from evertape.cli.camera_probe import failure_text, probe_camera, probe_json, probe_text

    try:
        report = probe_camera(camera)
    except EvertapeError as error:
        _remember(place, camera, error)
        warn(f"the camera cannot be looked at now: {failure_text(error)}; it is added all the same")
        if error.hint and not quiet:
            print(f"  → {error.hint}")
        return {"ok": False, "error": failure_text(error), "hint": error.hint}
    if not quiet:
        print(probe_text(report))
    return probe_json(report)


def _remember(place: Place, camera: Camera, error: EvertapeError, *, sub: bool = False) -> None:
    """The service is not to try a login again that the camera has just refused: cameras lock accounts."""
    from evertape.domain.failure import FailureKind

    url = camera.sub_stream() if sub else camera.main_stream()
    if getattr(error, "kind", None) is FailureKind.AUTH_FAILED and url is not None:
        from evertape.cli.service import boot_id
        from evertape.clock import SystemClock
        from evertape.engine.refused_logins import remember

        remember(place.data.root, url, SystemClock(), boot_id())


def list_(place: Place, as_json: JsonFlag = False) -> None:
    """List the cameras of the configuration, with what a running service says of each."""
    from evertape.config.show import shown

    config = place.load().config
    cameras, live = shown(config)["cameras"], _live(place)
    if as_json:
        from evertape.cli.status_view import whole

        rows = [{"id": i, **camera, "live": whole(live[i]) if i in live else None} for i, camera in cameras.items()]
        return emit({"cameras": rows})
    from rich.table import Table

    from evertape.cli.screen import screen
    from evertape.cli.status_view import main_stream

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "name", "state", "recording", "url"):
        table.add_column(title, overflow="fold")
    for name, camera in cameras.items():
        info = live.get(name)
        stream = main_stream(info) if info else None
        state = stream.state if stream else "" if camera["enabled"] else "not enabled"
        table.add_row(name, camera["name"], state, info.recording.state if info else "", camera["url"])
    if cameras:
        screen().print(table)
    else:
        print("no cameras; evertape camera add ID URL adds one")
    return None


def _live(place: Place) -> dict[str, CameraInfo]:
    from evertape.cli.status import fetch

    try:
        return {camera.id: camera for camera in fetch(place).cameras}
    except NotRunningError:
        return {}


def edit(
    place: Place,
    camera: CameraId,
    url: Annotated[str | None, typer.Option("--url", help="The stream to record.")] = None,
    sub: SubUrl = None,
    name: NewName = None,
    user: UserOption = None,
    password_stdin: StdinOption = False,
    password_env: EnvOption = None,
    password_file: FileOption = None,
    transport: TransportOption = None,
    audio: Annotated[bool | None, typer.Option("--audio/--no-audio", help="Whether its sound is recorded.")] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it is used at all.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other key, such as latency=1s.")
    ] = None,
    unset: Annotated[list[str] | None, typer.Option("--unset", metavar="KEY", help="Take a key out.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Change a camera. A running service takes it up; no other camera notices."""
    from evertape.config.edit import edit_camera

    login = login_fields(user, password_stdin, password_env, password_file)
    given = {
        "url": url, "sub_url": sub, "name": name, "transport": None if transport is None else transport.value,
        "audio": audio, "enabled": enabled,
    }  # fmt: skip
    fields: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    passwords = {"password", "password_env", "password_file"}
    if new := passwords & login.keys():
        fields |= dict.fromkeys(_written(place, camera) & passwords - new)
    fields |= login | dict(_pair(text) for text in set_ or ()) | dict.fromkeys(unset or ())
    if not fields:
        raise UsageError("nothing is to be changed", hint="evertape camera edit --help lists what can be")
    edit_camera(place.config, camera, fields)
    report_change(place, as_json, f"camera {camera} changed", camera=camera)


def _written(place: Place, camera: str) -> set[str]:
    """The keys that the file gives this camera."""
    from evertape.types import CameraId as Id

    found = place.load().config.cameras.get(Id(camera))
    return set(found.model_fields_set) if found is not None else set()


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError("--set takes KEY=VALUE", hint="such as --set latency=1s")
    return key.strip(), value.strip()


def remove(place: Place, camera: CameraId, as_json: JsonFlag = False) -> None:
    """Take a camera out of the configuration. Its footage stays."""
    from evertape.config.edit import remove_camera

    remove_camera(place.config, camera)
    report_change(place, as_json, f"camera {camera} removed; its footage stays", camera=camera)


def probe(
    place: Place,
    camera: Annotated[str | None, typer.Argument(metavar="ID|URL", help="Default: all configured cameras.")] = None,
    sub: Annotated[bool, typer.Option("--sub", help="Look at the sub stream.")] = False,
    user: UserOption = None,
    password_stdin: StdinOption = False,
    password_env: EnvOption = None,
    transport: TransportOption = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Open a session even if the service has one.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Say what a camera sends: codec, size, frame rate, keyframes, audio, clock. Nothing is saved.

    Of a configured camera that the running service receives, the service is asked, because cameras allow few sessions.
    Exit code 1: a camera could not be looked at.
    """
    from evertape.cli.camera_served import Served

    login = login_fields(user, password_stdin, password_env)
    targets = _targets(place, camera, login, None if transport is None else transport.value)
    served = None if anyway or (camera is not None and "://" in camera) else Served(place)
    answers = []
    for name, target in targets.items():
        if not as_json:
            print(f"{name}  {target.sub_url if sub else target.url}")
        answers.append(_probed(name, target, sub, as_json, served))
    if as_json:
        emit(answers[0] if camera is not None else {"cameras": answers})
    return int(not all(answer["ok"] for answer in answers))


def _targets(place: Place, camera: str | None, login: dict[str, Any], transport: str | None) -> dict[str, Camera]:
    """What to look at: a URL, a configured camera, or all of them."""
    from evertape.config.edit import camera_of
    from evertape.types import CameraId as Id

    fields = login | ({} if transport is None else {"transport": transport})
    if camera is not None and "://" in camera:
        return {"camera": camera_of({"url": camera, **fields})}
    cameras = place.load().config.cameras
    if camera is None:
        return {str(name): one for name, one in cameras.items()}
    if Id(camera) not in cameras:
        known = ", ".join(cameras) or "none"
        raise UsageError(f"there is no camera {camera!r}", hint=f"the cameras are: {known}; or give a URL")
    if fields:
        raise UsageError("these options are for a URL", hint="a configured camera is looked at as it is configured")
    return {camera: cameras[Id(camera)]}


def _probed(name: str, camera: Camera, sub: bool, as_json: bool, served: Served | None) -> dict[str, Any]:
    from evertape.cli.camera_probe import failure_text, probe_camera, probe_json, probe_text
    from evertape.cli.camera_served import served_json, served_text

    shown = {"id": name, "url": str(camera.sub_url if sub else camera.url)}
    try:
        if served is not None and (stream := served.stream(name, sub)) is not None:
            if not as_json:
                print(served_text(stream))
            return {**shown, **served_json(stream)}
        report = probe_camera(camera, sub=sub)
    except EvertapeError as error:
        failure = EvertapeError(f"{name} cannot be looked at: {failure_text(error)}", hint=error.hint)
        complain(failure, False)
        return {**shown, "ok": False, "error": failure_text(error), "hint": error.hint}
    if not as_json:
        print(probe_text(report))
    return {**shown, **probe_json(report)}


def restart(place: Place, camera: CameraId, as_json: JsonFlag = False) -> None:
    """Connect to a camera anew. A camera that was given up is tried again."""
    _command(place, camera, "restart", as_json)


def restart_writer(place: Place, camera: CameraId, as_json: JsonFlag = False) -> None:
    """Throw the camera's writer away and begin a new file. No frame is lost, and viewers notice nothing."""
    _command(place, camera, "restart-writer", as_json)


def split(place: Place, camera: CameraId, as_json: JsonFlag = False) -> None:
    """Begin a new file, with the last keyframe; a file that began with it goes on until the next one."""
    _command(place, camera, "split", as_json)


def move(
    place: Place,
    camera: CameraId,
    volume: Annotated[
        str, typer.Argument(metavar="[VOLUME]", help="Its name; default: where it would be written by itself.")
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Write a camera to another volume from now on, until that one fails or another is asked for."""
    _command(place, camera, "move", as_json, volume=volume)


def _command(place: Place, camera: str, command: str, as_json: bool, **more: str) -> None:
    answer = place.ask("camera", camera=camera, command=command, **more)
    if as_json:
        return emit(answer)
    print(f"{camera}: {answer.get('text') or command}")
    return None
