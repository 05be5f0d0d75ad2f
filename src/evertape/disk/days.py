"""The oldest files of a volume by the names of its folders, for when no index says what is there. Workers only.

Of each camera only the names of its day folders are read, and the files of as many days as it takes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from evertape.disk.fault import step
from evertape.disk.jobs import list_day
from evertape.disk.layout import is_camera, is_day, parse_name
from evertape.disk.paths import directory
from evertape.disk.volume import Session


def oldest_files(session: Session, most: int) -> list[tuple[str, int]]:
    """Path and size of at least ``most`` segments (or all there are), day by day, the oldest first."""
    with step("R1"):
        session.guard()
        found: list[tuple[str, int]] = []
        days = _days(session)
        for day in sorted(days):
            session.lanes.alive()
            files: list[tuple[str, int]] = []
            for camera in days[day]:
                with directory(session.handle.root, (camera,)) as folder:
                    files += list_day(folder, camera, day)
            found += sorted(files, key=lambda file: _time(file[0]))
            if len(found) >= most:
                break
        return found


def _days(session: Session) -> dict[str, list[str]]:
    """Which cameras have a folder of a day."""
    days: dict[str, list[str]] = {}
    root = session.handle.root
    for camera in sorted(name for name in os.listdir(root) if is_camera(name)):
        with contextlib.suppress(NotADirectoryError), directory(root, (camera,)) as folder:
            for day in os.listdir(folder):
                if is_day(day):
                    days.setdefault(day, []).append(camera)
    return days


def _time(path: str) -> tuple[str, str]:
    """By the time in its name; a file that somebody else named goes last."""
    name = parse_name(path.rpartition("/")[2])
    return (name.time if name is not None else "~", path)


def drop_empty_day(root: int, parts: Sequence[str]) -> bool:
    """Remove a day's folder if nothing is left in it. A writer that is about to create a file there makes it anew.

    Args:
        root: of the volume.
        parts: of the path of a file that was deleted.
    """
    if len(parts) != 3 or not is_day(parts[1]):
        return False
    try:
        with directory(root, parts[:1]) as camera:
            os.rmdir(parts[1], dir_fd=camera)
    except OSError:
        return False  # not empty, as a rule; an empty folder more does no harm
    return True
