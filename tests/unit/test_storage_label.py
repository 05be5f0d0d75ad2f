"""What people read of a volume: the whole table, and the page that shows it."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from evertape.domain.storage_label import (
    HEADLINES,
    REASONS,
    StorageTrouble,
    VolumeFacts,
    label_of,
    trouble_of,
    usage_text,
)
from evertape.domain.volume_state import VolumeState

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "storage.md"
FREE = 51_200_000_000
GOOD = "Disk Usage: 812.4 MB (37 files) | Free: 51.2 GB"


def facts(state: str, **more: object) -> VolumeFacts:
    return VolumeFacts(state, **{"free": FREE, "used": 812_400_000, "files": 37, **more})  # type: ignore[arg-type]


TABLE = [
    (facts("online"), GOOD),
    (facts("slow"), GOOD),
    (facts("low", free=850_000_000), "Disk Usage: 812.4 MB (37 files) | Free: 850.0 MB | ⚠ Low Space: 0.85 GB"),
    (facts("full", free=850_000_000), "Disk Usage: 812.4 MB (37 files) | Free: 850.0 MB | ⚠ Low Space: 0.85 GB"),
    (facts("missing", is_mount=True, was_usable=True), "⚠ Storage: USB Disconnected"),
    (facts("not_mounted", is_mount=True, was_usable=True), "⚠ Storage: USB Disconnected"),
    # A desktop removes the mount point together with the disk.
    (facts("missing", is_mount=True, was_usable=True, errno=errno.ENOENT), "⚠ Storage: USB Disconnected"),
    (facts("missing", is_mount=True, was_usable=True, errno=errno.ENODEV), "⚠ Storage: USB Disconnected"),
    # A folder on a disk that somebody unmounted.
    (facts("missing", was_usable=True), "⚠ Storage: USB Disconnected"),
    (facts("missing", is_mount=True), "⚠ Storage: Not Mounted"),
    (facts("not_mounted", is_mount=True), "⚠ Storage: Not Mounted"),
    (facts("missing", is_mount=True, errno=errno.ENOENT), "⚠ Storage: Not Mounted"),
    (facts("denied"), "⚠ Storage: Permission Denied"),
    (facts("missing", errno=errno.ENOENT), "⚠ Storage: Directory Not Found"),
    (facts("missing", errno=errno.ENOTDIR, was_usable=True), "⚠ Storage: Directory Not Found"),
    (facts("missing", errno=errno.ESTALE, was_usable=True), "⚠ Storage: Not Available"),
    (facts("missing"), "⚠ Storage: Not Available"),
    (facts("unknown"), "⚠ Storage: Not Available"),
    (facts("read_only"), "⚠ Storage: Read-Only"),
    (facts("io_error"), "⚠ Storage: I/O Error"),
    (facts("hung"), "⚠ Storage: Not Responding"),
    (facts("wrong_volume"), "⚠ Storage: Wrong Volume"),
    (facts("a state of a newer version"), "⚠ Storage: Error"),
]


@pytest.mark.parametrize(("seen", "text"), TABLE, ids=[f"{f.state}-{n}" for n, (f, _) in enumerate(TABLE)])
def test_each_state_has_its_label(seen: VolumeFacts, text: str) -> None:
    assert label_of(seen).text == text


def test_the_table_here_has_every_state_and_every_trouble() -> None:
    assert {seen.state for seen, _ in TABLE} >= set(VolumeState)
    assert {trouble_of(seen) for seen, _ in TABLE} == {None, *StorageTrouble}


@pytest.mark.parametrize(("seen", "text"), TABLE, ids=[f"{f.state}-{n}" for n, (f, _) in enumerate(TABLE)])
def test_whatever_is_wrong_has_a_reason_and_a_line_for_the_log(seen: VolumeFacts, text: str) -> None:
    trouble = trouble_of(seen)
    if trouble is None:
        assert label_of(seen).reason == ""
    else:
        assert label_of(seen).reason == REASONS[trouble]
        assert HEADLINES[trouble]


def test_the_disk_process_knows_the_reason_best() -> None:
    assert label_of(facts("denied", reason="/mnt/usb may not be written")).reason == "/mnt/usb may not be written"
    assert label_of(facts("slow", reason="syncs take long")).reason == "syncs take long"


@pytest.mark.parametrize(
    ("used", "files", "free", "text"),
    [
        (0, 0, 0, "Disk Usage: 0.0 MB (0 files) | Free: 0.0 MB"),
        (1_000_000, 1, 999_949_999, "Disk Usage: 1.0 MB (1 file) | Free: 999.9 MB"),
        (999_950_000, 2, 2_500_000_000_000, "Disk Usage: 1.0 GB (2 files) | Free: 2.5 TB"),
        (None, 0, FREE, "Free: 51.2 GB"),
    ],
)
def test_sizes_are_decimal_with_one_digit(used: int | None, files: int, free: int, text: str) -> None:
    assert usage_text(VolumeFacts("online", free=free, used=used, files=files)) == text


def test_the_page_shows_every_state_and_every_label() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [re.sub(r"`", "", line) for line in page.splitlines() if line.startswith("|")]
    for state in VolumeState:
        assert any(re.search(rf"\b{state}\b", row) for row in rows), f"{state} is not in the table"
    for trouble in StorageTrouble:
        assert any(str(trouble) in row and REASONS[trouble] in row for row in rows), f"{trouble} is not in the table"
    assert GOOD in page.replace("\\|", "|")
