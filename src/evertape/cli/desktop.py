"""``evertape desktop``: the window."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evertape.cli.place import Place
from evertape.cli.verb import verb
from evertape.errors import SetupError, UsageError

if TYPE_CHECKING:
    from evertape_desktop.backend.link import Link

HubOption = Annotated[
    str, typer.Option("--hub", metavar="URL", help="A recorder elsewhere, such as https://nvr.lan:8480.")
]
TokenOption = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="For --hub: a file with an API token, instead of a login."),
]
CertificateOption = Annotated[
    Path | None,
    typer.Option("--certificate", metavar="FILE", help="For --hub: its certificate (PEM), if it signed it itself."),
]


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "desktop", rich_help_panel="Look")(desktop)


def desktop(
    place: Place,
    hub: HubOption = "",
    token_file: TokenOption = None,
    certificate: CertificateOption = None,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Start a service here if none answers.")] = True,
) -> int:
    """Show the window: live pictures, recording control, playback, settings.

    A service that it started goes on recording when the window is closed; --no-start never starts one.
    """
    if find_spec("PySide6") is None or find_spec("httpx") is None:
        raise SetupError(
            "the window needs Qt for Python, which is not installed", hint="pip install 'evertape[desktop]'"
        )
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        raise SetupError(
            "there is no screen here",
            hint="start it from a desktop; the page in a browser needs none (evertape hub url)",
        )
    link, settings = _elsewhere(hub, token_file, certificate) if hub else _here(place, start)
    from evertape_desktop.app import run

    return run(link, settings)


def _here(place: Place, start: bool) -> tuple[Link, Path]:
    from evertape.cli.desktop_service import answers, hub_answers, start_service
    from evertape.cli.init import make_place

    if not answers(place):
        if not start:
            place.ask("status")  # says that none runs, and what to do
        for path in make_place(place):
            print(f"made {path}", file=sys.stderr)
        log = start_service(place)
        print(f"started the service; it goes on when the window is closed ({log})", file=sys.stderr)
    file = place.data.root / "desktop.toml"
    if hub_answers(place):
        from evertape_desktop.backend.http_link import LocalLink

        return LocalLink(place.data.root), file
    from evertape_desktop.backend.in_process import InProcessLink

    return InProcessLink(place.data.root, lambda: place.load().config), file


def _elsewhere(url: str, token_file: Path | None, certificate: Path | None) -> tuple[Link, Path]:
    from evertape_desktop.backend.http_link import HttpLink

    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url!r} is no URL of a hub", hint="it is like https://nvr.lan:8480")
    token = ""
    if token_file is not None:
        try:
            token = token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{token_file} cannot be read: {error}") from None
    if certificate is not None and not certificate.is_file():
        raise UsageError(f"there is no {certificate}")
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "evertape"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    name = "".join(letter if letter.isalnum() else "-" for letter in url.partition("://")[2]).strip("-")
    kept = folder / f"desktop-{name}.token"
    if token_file is None:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            token = kept.read_text(encoding="ascii").strip()
    return HttpLink(url, token, certificate, kept), folder / f"desktop-{name}.toml"
