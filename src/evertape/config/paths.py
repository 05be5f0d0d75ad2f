"""Where Evertape keeps its own things on this machine. Nothing here touches the disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATA_VARIABLE = "EVERTAPE_DATA"


@dataclass(frozen=True, slots=True)
class DataDir:
    """The data directory of one installation, and what is where in it.

    Args:
        root: absolute.
    """

    root: Path

    @property
    def config_file(self) -> Path:
        """The configuration, unless ``--config`` names another."""
        return self.root / "evertape.toml"

    @property
    def journal(self) -> Path:
        """The folder of the append-only event files: with the footage, the truth."""
        return self.root / "journal"

    @property
    def index_file(self) -> Path:
        """The SQLite index, a cache of journal and files."""
        return self.root / "index.sqlite3"

    @property
    def recordings(self) -> Path:
        """The built-in volume, used while no other is declared."""
        return self.root / "recordings"

    @property
    def run(self) -> Path:
        """The folder of what lives only as long as the service: sockets, process ids."""
        return self.root / "run"


def data_dir(
    explicit: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    platform: str = sys.platform,
    root: bool | None = None,
) -> DataDir:
    """Choose the data directory: ``--data``, else ``EVERTAPE_DATA``, else the platform's place.

    Args:
        explicit: what ``--data`` said; relative to the working directory.
        environ: the environment.
        platform: as ``sys.platform``.
        root: whether this is the administrator; ``None`` finds out.
    """
    if explicit is not None:
        return DataDir(Path(os.path.abspath(explicit.expanduser())))
    if chosen := environ.get(DATA_VARIABLE):
        return DataDir(Path(os.path.abspath(Path(chosen).expanduser())))
    return DataDir(_platform_place(environ, platform, _is_root() if root is None else root))


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _platform_place(environ: Mapping[str, str], platform: str, root: bool) -> Path:
    if platform == "win32":
        home = environ.get("USERPROFILE", "~")
        # A service runs as LocalSystem, whose profile nobody looks into; ProgramData serves both.
        base = environ.get("PROGRAMDATA") if root else environ.get("LOCALAPPDATA")
        return Path(base or f"{home}/AppData/Local") / "Evertape"
    home = environ.get("HOME") or str(Path("~").expanduser())
    if platform == "darwin":
        return Path("/Library/Application Support/Evertape" if root else f"{home}/Library/Application Support/Evertape")
    if root:
        return Path("/var/lib/evertape")
    shared = environ.get("XDG_DATA_HOME", "")
    # The XDG base directory specification has relative paths ignored.
    return (Path(shared) if shared.startswith("/") else Path(home) / ".local/share") / "evertape"
