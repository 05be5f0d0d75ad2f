"""``evertape camera …``: adding cameras, changing them, looking at them."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.camera_login import EnvOption, FileOption, StdinOption, UserOption, login_fields
from evertape.cli.config_verbs import report_change
from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import NotRunningError, UsageError

if TYPE_CHECKING:
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
    from evertape.cli.camera_probing import look_before
    from evertape.types import CameraId as Id

    found = None if no_probe else look_before(place, checked.config.cameras[Id(camera)], as_json)
    add_camera(place.config, camera, fields)
    report_change(place, as_json, f"camera {camera} added", camera=camera, probe=found)


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

    Of a stream that the running service receives, the service is asked, because cameras allow few sessions; who else of
    this installation has it is named.
    Exit code 1: a camera could not be looked at.
    """
    from evertape.cli.camera_probing import probe_targets, probed
    from evertape.cli.camera_served import Served

    login = login_fields(user, password_stdin, password_env)
    targets = probe_targets(place, camera, login, None if transport is None else transport.value)
    served = None if anyway else Served(place)
    answers = []
    for name, target in targets.items():
        if not as_json:
            print(f"{name}  {target.sub_url if sub else target.url}")
        answers.append(probed(place, name, target, sub, as_json, served))
    if as_json:
        emit(answers[0] if camera is not None else {"cameras": answers})
    return int(not all(answer["ok"] for answer in answers))


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
