"""Where the old recorder's recordings lie, and what of them can be taken in. Blocking; reads only.

It wrote ``RECORDINGS/CAMERA/YYYYMMDD/CAMERA_YYYYMMDD_HHMMSS.mkv`` (or ``.mp4``, ``.avi``).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from evertape.domain.file_names import SUFFIXES
from evertape.engine.predecessor.model import Adoption, Folder, Predecessor, Seen
from evertape.engine.predecessor.values import text
from evertape.engine.system_disk import on_system_disk
from evertape.errors import UsageError

OTHERS = frozenset((".avi", ".ts"))
"""What else it may have written, which ``evertape adopt`` does not take."""
PATHS = ("recording_path", "base_path", "recordings_path", "storage_path", "path")
"""Columns of ``storage`` (once of ``recording``) that may say where."""
OWN = "evertape"
"""The folder of ours in it: never among the old recordings, which ``adopt`` has to tell from footage of ours."""


def recording_path(predecessor: Predecessor) -> tuple[str, str]:
    """The column that says where recordings are, and what it says; empty if none does."""
    for table in ("storage", "recording"):
        row = predecessor.settings(table)
        for name in PATHS:
            if found := text(row.get(name)):
                return f"{table}.{name}", found
    return "", ""


def look_at(predecessor: Predecessor, recordings: Path | None = None) -> Seen:
    """Look for the recordings, and count them.

    Args:
        predecessor: the database.
        recordings: where they are, if a person says so; a path of the database is taken from the folder it is in.

    Raises:
        UsageError: ``recordings`` is no folder.
        OSError: it cannot be looked through.
    """
    _, said = recording_path(predecessor)
    # The database's own may be relative: to where the old recorder was started, which is where its database is.
    place = predecessor.path.parent / said if said and "\0" not in said else None
    there = place is not None and os.path.isdir(place)
    system_disk = place is not None and there and on_system_disk(place)
    if recordings is not None and not os.path.isdir(recordings):
        raise UsageError(f"{recordings} is no folder", hint="name the folder with the old recorder's recordings")
    where = recordings if recordings is not None else place if there else None
    if where is None:
        return Seen(None, (), there, system_disk)
    where = Path(os.path.abspath(where))
    return Seen(where, tuple(_folders(where)), there, system_disk)


def _folders(where: Path) -> list[Folder]:
    with os.scandir(where) as entries:
        names = sorted(one.name for one in entries if one.is_dir(follow_symlinks=False) and one.name != OWN)
    found = [_folder(where / name) for name in names if not name.startswith(".")]
    return [folder for folder in found if folder.files]


def _folder(path: Path) -> Folder:
    files: dict[str, int] = {}
    size = 0
    for top, _, names in os.walk(path):
        for name in names:
            suffix = os.path.splitext(name)[1].lower()
            if suffix in SUFFIXES or suffix in OTHERS:
                files[suffix] = files.get(suffix, 0) + 1
                # The old recorder may delete one meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    size += os.stat(os.path.join(top, name), follow_symlinks=False).st_size
    return Folder(path.name, files, size)


def adoptions(seen: Seen, ids: dict[str, str], id_of: dict[str, str]) -> tuple[Adoption, ...]:
    """What ``evertape adopt`` can take of each folder.

    Args:
        seen: the folders.
        ids: ids here by ids there.
        id_of: an id for a folder whose camera is not configured any more, by its name.
    """
    if seen.recordings is None:
        return ()
    return tuple(
        Adoption(
            seen.recordings / folder.name,
            ids.get(folder.name) or id_of[folder.name],
            sum(count for suffix, count in folder.files.items() if suffix in SUFFIXES),
            {suffix: count for suffix, count in sorted(folder.files.items()) if suffix not in SUFFIXES},
        )
        for folder in seen.folders
    )
