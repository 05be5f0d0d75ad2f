"""What was found in the old recorder's database, and what becomes of it. Data only.

Passwords are in ``Table.rows`` and ``NewCamera.fields``, which therefore do not print themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from evertape.errors import EvertapeError

Value = str | int | float | bool | None
Row = Mapping[str, Value]


class PredecessorError(EvertapeError):
    """The file is not the old recorder's database, or cannot be read. Tell the person; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table, whatever its shape was.

    Args:
        name: its name.
        rows: one for a table of settings; one for each camera. Names in lower case with ``_``.
        more: rows that were there beyond the first of a table of settings, which the old recorder did not read either.
    """

    name: str
    rows: tuple[Row, ...] = field(repr=False)
    more: int = 0

    @property
    def row(self) -> Row:
        """The settings; empty if there are none."""
        return self.rows[0] if self.rows else {}


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The old recorder's database, read.

    Args:
        path: the file, absolute.
        tables: those that are known, by name.
        missing: known tables that are not in it.
        unknown: tables in it that nobody knows.
    """

    path: Path
    tables: Mapping[str, Table]
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def settings(self, table: str) -> Row:
        """The one row of a table of settings; empty if it is not there."""
        found = self.tables.get(table)
        return found.row if found is not None else {}

    @property
    def version(self) -> str:
        """What it says it is, like ``IT_RNVR 1.0.0``; empty if it does not say."""
        app = self.settings("app")
        return " ".join(str(app[name]) for name in ("app_name", "version") if app.get(name))


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in one camera's folder of recordings.

    Args:
        name: of the folder: the camera's id there.
        files: recordings by suffix, like ``.mp4``.
        bytes: of all of them.
    """

    name: str
    files: Mapping[str, int]
    bytes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found on the machine, see ``look_at``.

    Args:
        recordings: the folder of recordings, if it is there.
        folders: what is in it.
        place_there: the folder that the database names by an absolute path is there now.
        system_disk: that folder lies on the disk of the system itself.
    """

    recordings: Path | None = None
    folders: tuple[Folder, ...] = ()
    place_there: bool = False
    system_disk: bool = False


class Fate(StrEnum):
    """What becomes of one thing that stands in the database."""

    TAKEN = "taken"
    """It is taken over."""
    SAME = "same"
    """It is so already."""
    KEPT = "kept"
    """It was set to something else here, and stays."""
    LEFT = "left"
    """It is not taken over; the reason says why."""
    NEEDLESS = "needless"
    """There is no need for it: what it was for happens by itself."""
    UNKNOWN = "unknown"
    """Nobody knows what it means."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that stands in the database, and what becomes of it; fit for a screen.

    Args:
        source: where, like ``storage.retention_days`` or ``cameras.cam_01.rtsp_url``.
        value: what stands there, masked; empty if it is not shown.
        fate: what becomes of it.
        target: the key of the configuration, or of ``desktop.toml`` with ``desktop:`` before it.
        becomes: the value there.
        reason: why not, or what is to be known about it.
    """

    source: str
    value: str
    fate: Fate
    target: str = ""
    becomes: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NewCamera:
    """A camera to be added.

    Args:
        id: here.
        old_id: there.
        fields: keys of ``[cameras.ID]``, the password among them in clear.
    """

    id: str
    old_id: str
    fields: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewVolume:
    """A place to record to, on the disk that the old recorder used.

    Args:
        name: of the volume.
        path: a folder of its own beside the old recordings.
        needs_consent: it is on the disk of the system itself, which footage will fill: a person has to say yes.
    """

    name: str
    path: Path
    needs_consent: bool


@dataclass(frozen=True, slots=True)
class Adoption:
    """Recordings of one camera, which ``evertape adopt`` can take in.

    Args:
        folder: where they are.
        camera: whose they are, here.
        files: how many it can take.
        left_out: how many it cannot, by suffix.
    """

    folder: Path
    camera: str
    files: int
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What would be done; nothing has been.

    Args:
        source: the database.
        version: what wrote it.
        items: everything in it, one by one.
        cameras: to be added.
        values: keys of the configuration to be set, as they are written there.
        volume: to be added; ``None``: none.
        desktop: what goes into ``desktop.toml``, by table.
        camera_ids: ids here by ids there, of cameras that are, or will be, configured.
        adoptions: recordings, by camera.
        cameras_left_out: cameras that cannot be taken over; they are among ``items`` too.
    """

    source: Path
    version: str
    items: tuple[Item, ...]
    cameras: tuple[NewCamera, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    volume: NewVolume | None = None
    desktop: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    camera_ids: Mapping[str, str] = field(default_factory=dict)
    adoptions: tuple[Adoption, ...] = ()
    cameras_left_out: tuple[Item, ...] = ()
