"""Where a demo records, and which cameras it needs for the configuration that is there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evertape.cli.place import Place
from evertape.cli.service import making
from evertape.config.paths import DataDir
from evertape.errors import UsageError

if TYPE_CHECKING:
    from evertape.config.schema import Config

CAMERAS = 4
_HOST = "127.0.0.1"
_LAB_PATH = re.compile(r"/cam_(\d\d)")
_ID = "cam_{:02d}"

_CONFIG = """\
# Written by "evertape demo": simulated cameras on this machine, which exist only while the demo runs.
# "evertape init" writes a configuration with every key explained.

[installation]
name = "Evertape demo"

[hub]
# Any port that is free, so that the demo runs beside a recorder.
listen = "127.0.0.1:0"

[recording]
# Short, so that there is a finished file to look at soon.
rotation = "1min"
"""
_CAMERA = """
[cameras.{id}]
url = "{url}"
sub_url = "{url}/sub"
name = "Simulated camera {number}"
"""


@dataclass(frozen=True, slots=True)
class DemoPlace:
    """Where a demo records.

    Args:
        place: its directory and configuration.
        kept: the directory stays afterwards.
    """

    place: Place
    kept: bool


@contextlib.contextmanager
def demo_place(place: Place, *, keep: bool) -> Iterator[DemoPlace]:
    """The directory that was chosen, else a temporary one, which is removed at the end unless ``keep``."""
    if place.chosen:
        with making(place.data.root):
            place.data.root.mkdir(parents=True, exist_ok=True)
        yield DemoPlace(place, kept=True)
        return
    # Not /tmp where it can be helped: that is often memory, and a demo left running fills it.
    roomy = "/var/tmp" if os.access("/var/tmp", os.W_OK | os.X_OK) else None
    root = Path(tempfile.mkdtemp(prefix="evertape-demo-", dir=roomy))
    data = DataDir(root)
    config = place.config if place.config != place.data.config_file else data.config_file
    try:
        yield DemoPlace(Place(data, config), kept=keep)
    finally:
        if not keep:
            shutil.rmtree(root, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The cameras that a configuration wants.

    Args:
        count: how many.
        port: where they listen.
        wrote: what was written to the configuration, for people; empty if nothing was.
    """

    count: int
    port: int
    wrote: str = ""


def prepare(file: Path, count: int | None, free_port: int) -> Fleet:
    """Write the demo's configuration if there is none; otherwise use what is there, if it is the demo's to use.

    Args:
        file: the configuration.
        count: how many cameras were asked for; ``None``: as many as there are, or four.
        free_port: for new cameras.

    Raises:
        UsageError: the configuration has cameras that are not the demo's.
        ConfigError: it has mistakes, or cannot be written.
    """
    if not file.exists():
        from evertape.config.files import replace_file

        number = count or CAMERAS
        with making(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, _text(number, free_port).encode())
        return Fleet(number, free_port, f"wrote {file}")
    from evertape.config.load import load

    config = load(file).config
    if not config.cameras:
        return _add(file, range(1, (count or CAMERAS) + 1), free_port)
    number, port = _recognise(file, config)
    if count is not None and count > number:
        return _add(file, range(number + 1, count + 1), port)
    return Fleet(number, port)


def _text(count: int, port: int) -> str:
    return _CONFIG + "".join(_CAMERA.format(id=_ID.format(n), url=_url(n, port), number=n) for n in range(1, count + 1))


def _url(number: int, port: int) -> str:
    return f"rtsp://{_HOST}:{port}/{_ID.format(number)}"


def _add(file: Path, numbers: range, port: int) -> Fleet:
    from evertape.config.edit import add_camera

    for n in numbers:
        url = _url(n, port)
        add_camera(file, _ID.format(n), {"url": url, "sub_url": f"{url}/sub", "name": f"Simulated camera {n}"})
    return Fleet(numbers[-1], port, f"added {_ID.format(numbers[0])} to {_ID.format(numbers[-1])} to {file}")


def _recognise(file: Path, config: Config) -> tuple[int, int]:
    """The highest number and the port of the demo's cameras in ``config``."""
    numbers, ports, others = [], set(), []
    for name, camera in config.cameras.items():
        host, port, path = camera.url.target
        found = _LAB_PATH.fullmatch(path)
        if host == _HOST and found:
            numbers.append(int(found[1]))
            ports.add(port)
        else:
            others.append(name)
    if others or len(ports) != 1:
        what = f"has cameras that are no simulated ones ({', '.join(others)})" if others else "names several ports"
        raise UsageError(
            f"{file} {what}, so the demo leaves it alone",
            hint="evertape serve records them; for the demo, choose another directory with --data",
        )
    return max(numbers), ports.pop()
