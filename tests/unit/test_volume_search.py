"""Looking for a volume at another place than the declared one."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path

import pytest

from evertape.disk import search
from evertape.disk.mounts import Mount
from evertape.disk.search import Found, VolumeSearch, candidates, names_below

ID = "0a0c9b798d09424f85e11b4bae98f43e"
OTHER = "f" * 32


def mount(number: int, point: str, fs_type: str = "ext4", device: int | None = None) -> Mount:
    return Mount(number, 1, (8, number if device is None else device), point, fs_type, read_only=False)


def volume(at: Path, volume_id: str = ID) -> Path:
    (at / ".evertape").mkdir(parents=True)
    told = {"format": "evertape-volume", "version": 1, "id": volume_id, "name": "usb", "created_utc": 1}
    (at / ".evertape" / "volume.json").write_text(json.dumps(told))
    return at


def mounted(monkeypatch: pytest.MonkeyPatch, *mounts: Mount) -> None:
    monkeypatch.setattr(search, "read_mounts", lambda: mounts)


def find(declared: str, *, is_mount: bool = True, with_search: VolumeSearch | None = None) -> Found | None:
    async def look() -> Found | None:
        looking = with_search or VolumeSearch()
        try:
            return await looking.find(ID, declared, is_mount=is_mount)
        finally:
            looking.stop()

    return asyncio.run(look())


def test_only_what_may_be_a_disk_is_asked() -> None:
    table = [
        mount(1, "/"),
        mount(2, "/proc", "proc"),
        mount(3, "/misc", "autofs"),
        mount(4, "/mnt/covered"),
        mount(5, "/mnt/covered"),
        mount(6, "/mnt/usb"),
        mount(7, "/mnt/again", device=5),
        mount(8, "/media/usb1"),
    ]
    assert [m.id for m in candidates(table, "/mnt/usb")] == [5, 8]


def test_a_folder_is_looked_for_under_its_last_names() -> None:
    assert names_below("/media/usb/footage", is_mount=False) == ["footage", "usb/footage"]
    assert names_below("/media/usb", is_mount=True) == [""]
    assert names_below("/", is_mount=False) == []


def test_the_disk_with_our_marker_is_found_among_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume(tmp_path / "a", OTHER)
    (tmp_path / "b").mkdir()
    (volume(tmp_path / "c") / "footage").mkdir()
    mounted(monkeypatch, *(mount(n, str(tmp_path / name)) for n, name in enumerate("abc", 10)))
    assert find("/mnt/usb") == Found(str(tmp_path / "c"), is_mount=True)


def test_a_folder_on_a_disk_is_found_and_is_no_mount_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume(tmp_path / "disk" / "footage")
    mounted(monkeypatch, mount(10, str(tmp_path / "disk")))
    assert find("/mnt/usb/footage", is_mount=False) == Found(str(tmp_path / "disk" / "footage"), is_mount=False)
    assert find("/mnt/usb/footage", is_mount=True) is None


def test_a_damaged_marker_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (volume(tmp_path / "a") / ".evertape" / "volume.json").write_text("{")
    mounted(monkeypatch, mount(10, str(tmp_path / "a")))
    assert find("/mnt/usb") is None


def test_nothing_is_asked_twice_while_the_table_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    def counted(point: str, _id: str, _below: object) -> None:
        looks.append(point)

    monkeypatch.setattr(search, "_look_at", counted)
    mounted(monkeypatch, mount(10, "/mnt/a"))
    once = VolumeSearch()
    for _ in range(3):
        assert find("/mnt/usb", with_search=once) is None
    assert looks == ["/mnt/a"]
    mounted(monkeypatch, mount(10, "/mnt/a"), mount(11, "/mnt/b"))
    find("/mnt/usb", with_search=once)
    assert looks == ["/mnt/a", "/mnt/a", "/mnt/b"]


def test_a_mount_that_hangs_is_left_alone_and_the_search_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thawed = threading.Event()
    looks: list[str] = []
    plain = search._look_at

    def look(point: str, volume_id: str, below: list[str]) -> Found | None:
        looks.append(os.path.basename(point))
        if point.endswith("dead"):
            thawed.wait(30)
        return plain(point, volume_id, below)

    monkeypatch.setattr(search, "_look_at", look)
    monkeypatch.setattr(search, "DEADLINE_S", 0.05)
    volume(tmp_path / "usb")
    dead, usb = mount(10, "/mnt/dead", "nfs4"), mount(11, str(tmp_path / "usb"))
    try:
        mounted(monkeypatch, dead)
        again = VolumeSearch()
        assert find("/mnt/x", with_search=again) is None
        mounted(monkeypatch, dead, usb)
        assert find("/mnt/x", with_search=again) == Found(str(tmp_path / "usb"), is_mount=True)
        assert looks == ["dead", "usb"], "the dead one is not asked again while it is mounted"
    finally:
        thawed.set()
