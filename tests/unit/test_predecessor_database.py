"""The old recorder's database is read whatever shape it has, and left exactly as it was."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from evertape.engine.predecessor import PredecessorError, read_predecessor
from unit.predecessor_databases import FRONT, SETTINGS, pairs, write


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Everything in a folder: names, contents, times."""
    return {
        one.name: (hashlib.sha256(one.read_bytes()).hexdigest(), one.stat().st_mtime_ns) for one in folder.iterdir()
    }


def test_tables_with_one_row_are_read(tmp_path: Path) -> None:
    old = read_predecessor(write(tmp_path / "IT_RNVR.db"))
    assert old.settings("storage") == SETTINGS["storage"]
    assert [row["camera_id"] for row in old.tables["cameras"].rows] == ["cam_01", "cam_02"]
    assert old.version == "IT_RNVR 1.0.0"
    assert (old.missing, old.unknown) == ((), ())


@pytest.mark.parametrize("names", [("key", "value"), ("setting", "value"), ("action", "key"), ("Name", "Value")])
def test_tables_with_a_row_for_each_setting_are_read(tmp_path: Path, names: tuple[str, str]) -> None:
    old = read_predecessor(pairs(tmp_path / "IT_RNVR.db", names=names))
    assert old.settings("storage")["retention_days"] == "14"
    assert old.settings("menu_keys")["record_start"] == "Ctrl+F7"


def test_settings_kept_as_json_are_read(tmp_path: Path) -> None:
    camera = {
        "camera_id": "cam_09",
        "config": '{"rtsp_url": "rtsp://192.0.2.9/a", "video_transform": {"flip": "both"}}',
    }
    ui = {"theme": "light", "dock_state": '{"camera_visible": true}'}
    old = read_predecessor(write(tmp_path / "IT_RNVR.db", [camera], {"ui": ui}))
    (row,) = old.tables["cameras"].rows
    assert (row["rtsp_url"], row["video_transform_flip"]) == ("rtsp://192.0.2.9/a", "both")
    assert old.settings("ui") == {"theme": "light", "dock_state_camera_visible": True}


def test_what_is_missing_and_what_nobody_knows_is_told(tmp_path: Path) -> None:
    old = read_predecessor(write(tmp_path / "IT_RNVR.db", [FRONT], {"app": SETTINGS["app"], "plugins": {"a": 1}}))
    assert "storage" in old.missing
    assert old.unknown == ("plugins",)


def test_only_the_first_row_of_settings_counts_as_it_did_there(tmp_path: Path) -> None:
    path = write(tmp_path / "IT_RNVR.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO recording(rotation_minutes) VALUES (55)")
        db.commit()
    old = read_predecessor(path)
    assert (old.settings("recording")["rotation_minutes"], old.tables["recording"].more) == (2, 1)


@pytest.mark.parametrize("wal", [False, True])
def test_reading_leaves_no_trace(tmp_path: Path, wal: bool) -> None:
    path = write(tmp_path / "IT_RNVR.db", wal=wal)
    before = state(tmp_path)
    read_predecessor(path)
    assert state(tmp_path) == before


def test_what_is_only_in_the_wal_is_read_while_the_old_recorder_runs(tmp_path: Path) -> None:
    path = write(tmp_path / "IT_RNVR.db", wal=True)
    with closing(sqlite3.connect(path)) as running:
        running.execute("UPDATE recording SET rotation_minutes = 7")
        running.commit()
        assert (tmp_path / "IT_RNVR.db-wal").stat().st_size > 0
        before = state(tmp_path)
        assert read_predecessor(path).settings("recording")["rotation_minutes"] == 7
        assert state(tmp_path) == before


def test_a_wal_that_a_crash_left_behind_is_read(tmp_path: Path) -> None:
    path, crashed = write(tmp_path / "IT_RNVR.db", wal=True), tmp_path / "crashed"
    crashed.mkdir()
    with closing(sqlite3.connect(path)) as running:
        running.execute("UPDATE storage SET retention_days = 99")
        running.commit()
        for name in ("IT_RNVR.db", "IT_RNVR.db-wal"):
            (crashed / name).write_bytes((tmp_path / name).read_bytes())
    assert read_predecessor(crashed / "IT_RNVR.db").settings("storage")["retention_days"] == 99


def test_copies_do_not_stay_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, scratch = write(tmp_path / "IT_RNVR.db", wal=True), tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with closing(sqlite3.connect(path)) as running:
        running.execute("UPDATE storage SET retention_days = 99")
        running.commit()
        read_predecessor(path)
    assert list(scratch.iterdir()) == []


def test_text_in_another_encoding_does_not_stop_it(tmp_path: Path) -> None:
    path = write(tmp_path / "IT_RNVR.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE cameras SET name = CAST(x'c1a4b9ae' AS TEXT) WHERE camera_id = 'cam_01'")
        db.commit()
    assert "\ufffd" in str(read_predecessor(path).tables["cameras"].rows[0]["name"])


def _nothing(path: Path) -> None:
    """No such file."""


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _folder(path: Path) -> None:
    path.mkdir()


def _noise(path: Path) -> None:
    path.write_bytes(os.urandom(8192))


def _encrypted(path: Path) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[:16] + os.urandom(path.stat().st_size - 16))


def _damaged(path: Path) -> None:
    write(path)
    data = bytearray(path.read_bytes())
    data[5000 : len(data) - 5000] = bytes(len(data) - 10_000)
    path.write_bytes(data)


def _cut(path: Path) -> None:
    write(path)
    os.truncate(path, path.stat().st_size // 3)


def _other(path: Path) -> None:
    write(path, [], {"notes": {"a": 1}})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_nothing, "there is no file"),
        (_empty, "is empty"),
        (_folder, "is no file"),
        (_noise, "no SQLite database, or it is encrypted"),
        (_encrypted, "damaged"),
        (_damaged, "is damaged"),
        (_cut, "is damaged"),
        (_other, "not that of the recorder"),
    ],
)
def test_what_cannot_be_read_is_told_in_plain_words(tmp_path: Path, make: object, said: str) -> None:
    path = tmp_path / "IT_RNVR.db"
    make(path)  # type: ignore[operator]
    with pytest.raises(PredecessorError, match=said) as caught:
        read_predecessor(path)
    assert str(path) in str(caught.value)
