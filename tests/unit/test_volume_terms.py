"""A folder on the system's own disk is never taken for the USB disk that is missing."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from evertape.config.sections import Volume
from evertape.disk.mounts import Mount
from evertape.engine.state_files import KnownVolume
from evertape.engine.volume_terms import containing, only_while_mounted

ROOT = Mount(1, 0, (8, 1), "/", "ext4", False)
USB = Mount(2, 1, (8, 17), "/media/usb", "ext4", False)
DATA = Mount(3, 1, (8, 33), "/data", "xfs", False)


def volume(path: str, mount: bool | None = None) -> Volume:
    return Volume(path=Path(path), mount=mount)


@pytest.mark.parametrize(
    ("path", "mount", "known", "expected"),
    [
        pytest.param("/media/usb", None, None, True, id="mounted-there-now"),
        pytest.param("/media/other", None, None, True, id="the-disk-is-missing"),
        pytest.param("/data/footage", None, None, False, id="a-folder-on-another-disk"),
        pytest.param("/media/other", False, None, False, id="allowed-by-hand"),
        pytest.param("/data/footage", True, None, True, id="declared-by-hand"),
        pytest.param("/media/other", None, False, False, id="a-folder-at-first-use"),
        pytest.param("/data/footage", None, True, True, id="a-mount-at-first-use"),
        pytest.param("/media/usb", False, True, False, id="the-configuration-counts-first"),
    ],
)
def test_terms(path: str, mount: bool | None, known: bool | None, expected: bool) -> None:
    learned = None if known is None else KnownVolume(path, "ab" * 16, known)
    assert only_while_mounted(volume(path, mount), learned, [ROOT, USB, DATA]) is expected


def test_a_system_without_a_mount_table_uses_folders() -> None:
    assert not only_while_mounted(volume("/media/usb"), None, [])


@pytest.mark.parametrize(
    ("path", "point"), [("/media/usb/a", "/media/usb"), ("/media/usb2", "/"), ("/data", "/data"), ("/", "/")]
)
def test_the_containing_mount_is_found_by_whole_names(path: str, point: str) -> None:
    assert containing([ROOT, USB, DATA], PurePath(path)).point == point


def test_of_two_mounts_at_one_point_the_later_is_on_top() -> None:
    over = Mount(4, 2, (8, 49), "/media/usb", "ext4", False)
    assert containing([ROOT, USB, over], PurePath("/media/usb")).id == 4
