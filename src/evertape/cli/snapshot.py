"""``evertape snapshot``: a camera's picture as a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.cli.view import DecoderOption, StreamOption
from evertape.errors import UsageError, VolumeError
from evertape.types import NS_PER_S, Stream

_KINDS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "snapshot", rich_help_panel="Look")(snapshot)


def snapshot(
    place: Place,
    what: Annotated[str, typer.Argument(metavar="CAMERA|URL", help="A camera's id or URL.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The .jpg or .png to write.")],
    stream: StreamOption = Stream.MAIN,
    decoder: DecoderOption = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="N", help="Seconds to wait for a picture.")] = 20.0,
    as_json: JsonFlag = False,
) -> None:
    """Write what a camera sees right now to a picture file, which is replaced if it is there.

    Of a configured camera the running service's own stream is used; without a service, and for a URL, a session with
    the camera is opened. While the camera is away no picture is written.
    """
    from evertape.cli.view_source import configured, find_target, open_source, served_as
    from evertape.media.view.snapshot import take_snapshot

    kind = _KINDS.get(output.suffix.lower())
    if kind is None:
        raise UsageError(f"{output.name} is neither a .jpg nor a .png")
    if not output.parent.is_dir():
        raise UsageError(f"there is no folder {output.parent}")
    config = configured(place)
    target = served_as(place, find_target(what, config, stream))
    if target.file:
        raise UsageError(f"{what} is no camera", hint="evertape view plays files")
    source = open_source(place, target, config.view)
    picture = take_snapshot(source, kind, decoder=decoder or config.view.decoder, timeout_ns=int(timeout * NS_PER_S))
    _write(output, picture)
    if as_json:
        emit({"path": str(output), "bytes": len(picture)})
    else:
        print(f"{output}: {len(picture) / 1000:.0f} kB")


def _write(file: Path, data: bytes) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, file)
    except OSError as error:
        raise VolumeError(f"the picture cannot be written: {error.filename or file}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
