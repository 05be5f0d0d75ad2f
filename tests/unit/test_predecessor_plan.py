"""What becomes of each thing in the old recorder's database; nothing that is configured here is overwritten."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.config.default import write_default
from evertape.config.desktop import DesktopSettings, load_desktop
from evertape.config.load import load
from evertape.config.schema import Config
from evertape.config.trial import trial
from evertape.engine.predecessor import (
    Fate,
    ImportPlan,
    Item,
    Predecessor,
    Seen,
    Table,
    apply,
    desktop_settings,
    merged,
    plan,
    read_predecessor,
)
from evertape.engine.predecessor.desktop import grid, key_sequence
from evertape.engine.predecessor.model import Folder
from evertape.engine.predecessor.planning import KNOWN
from evertape.engine.predecessor.reading import TABLES
from evertape.engine.predecessor.values import Unfit
from unit.predecessor_databases import FRONT, SECRETS, SETTINGS, YARD, write

GUIDE = Path(__file__).parents[2] / "docs/guide/coming-from.md"


def old(*cameras: Mapping[str, Any], **tables: Mapping[str, Any]) -> Predecessor:
    """A database that was read."""
    found = {name: Table(name, (dict(row),)) for name, row in tables.items()}
    return Predecessor(Path("/old/IT_RNVR.db"), {"cameras": Table("cameras", cameras), **found})


def planned(predecessor: Predecessor, config: Config | None = None, **more: Any) -> ImportPlan:
    return plan(predecessor, config or Config(), **more)


def about(found: ImportPlan, source: str) -> Item:
    (item,) = (item for item in found.items if item.source == source)
    return item


def with_cameras(**cameras: str) -> Config:
    return trial(Config(), cameras={name: {"url": url} for name, url in cameras.items()})


def test_cameras_come_in_the_order_of_the_grid_with_login_and_wish(tmp_path: Path) -> None:
    found = planned(read_predecessor(write(tmp_path / "IT_RNVR.db")))
    assert [(new.id, new.fields) for new in found.cameras] == [
        ("cam_02", {
            "url": "rtsp://192.0.2.2/main", "user": "root", "password": "Gir@ffe9", "name": "마당", "record": False,
            "latency": "100ms",
        }),
        ("cam_01", {
            "url": "rtsp://192.0.2.1:554/main", "user": "viewer", "password": "Zebra!7/x", "name": "Front door",
            "latency": "100ms",
        }),
    ]  # fmt: skip
    assert "evertape record start cam_02" in about(found, "cameras.cam_02.recording_enabled_start").reason


def test_rotation_retention_and_patience_become_keys(tmp_path: Path) -> None:
    found = planned(read_predecessor(write(tmp_path / "IT_RNVR.db")))
    assert found.values == {
        "recording.rotation": "2min",
        "retention.max_age": "14d",
        "retention.start_free": "1536MiB",
        "retention.start_percent": 10.0,
        "streaming.backoff.base": "3s",
        "streaming.backoff.max_retries": 7,
        "streaming.connect_timeout": "5s",
        "view.decoder": "software",
        "logging.level": "warning",
    }


def test_layout_keys_and_look_go_to_the_desktop(tmp_path: Path) -> None:
    found = planned(read_predecessor(write(tmp_path / "IT_RNVR.db")))
    wanted = {
        "layout": {"grid": "3x3", "order": ["cam_02", "cam_01"], "fullscreen": True},
        "appearance": {"theme": "dark", "clock": False},
        "keys": {
            "camera_restart": "F1", "grid_previous_page": "N", "grid_next_page": "M", "camera_record": "Ctrl+F7",
            "quit": "F12",
        },
    }  # fmt: skip
    assert desktop_settings(found) == wanted
    now = merged(DesktopSettings(), desktop_settings(found))
    assert (now.layout.grid, now.keys["quit"]) == ("3x3", "F12")


def test_ptz_is_named_as_not_supported(tmp_path: Path) -> None:
    found = planned(read_predecessor(write(tmp_path / "IT_RNVR.db")))
    for source in ("ptz_keys.zoom_in", "cameras.cam_02.ptz_type", "cameras.cam_02.ptz_port"):
        assert about(found, source).reason == "PTZ is not supported yet: not imported"


def test_everything_that_stands_in_it_is_accounted_for(tmp_path: Path) -> None:
    found = planned(read_predecessor(write(tmp_path / "IT_RNVR.db")), seen=Seen())
    told = {item.source for item in found.items}
    for table, values in SETTINGS.items():
        assert {f"{table}.{name}" for name in values} - told == set(), table
    assert [item for item in found.items if item.fate is Fate.UNKNOWN] == []


def test_no_password_is_in_what_is_shown(tmp_path: Path) -> None:
    odd = FRONT | {"camera_id": "odd", "rtsp_url": "rtsp://a:Zebra!7/x@192.0.2.7/m", "extra": "Zebra!7/x"}
    bad = FRONT | {"camera_id": "bad", "rtsp_url": "http://a:Zebra@192.0.2.7/m"}
    found = planned(read_predecessor(write(tmp_path / "IT_RNVR.db", [FRONT, YARD, odd, bad])))
    shown = repr(found) + str([asdict(item) for item in found.items])
    assert [secret for secret in SECRETS if secret in shown] == []


def test_unknown_columns_are_told_without_their_values() -> None:
    found = planned(old(FRONT | {"zone_map": "secret plan"}, storage={"retention_days": 3, "cloud_hint": "elsewhere"}))
    unknown = [(item.source, item.value) for item in found.items if item.fate is Fate.UNKNOWN]
    assert unknown == [("cameras.cam_01.zone_map", ""), ("storage.cloud_hint", "")]


def test_a_second_import_adds_nothing(tmp_path: Path) -> None:
    path, config, desktop = write(tmp_path / "IT_RNVR.db"), tmp_path / "evertape.toml", tmp_path / "desktop.toml"
    write_default(config)
    first = plan(read_predecessor(path), load(config).config)
    done = apply(first, config, desktop)
    assert (done.cameras, done.configured) == (("cam_02", "cam_01"), True)
    before = config.read_bytes(), desktop.read_bytes()
    again = plan(read_predecessor(path), load(config).config, desktop_now=load_desktop(desktop))
    assert (again.cameras, again.values, again.desktop) == ((), {}, {})
    assert not apply(again, config, desktop).configured
    assert (config.read_bytes(), desktop.read_bytes()) == before
    assert [item.source for item in again.items if item.fate is Fate.TAKEN] == []


def test_comments_stay_in_both_files(tmp_path: Path) -> None:
    path, config, desktop = write(tmp_path / "IT_RNVR.db"), tmp_path / "evertape.toml", tmp_path / "desktop.toml"
    write_default(config)
    comments = [line for line in config.read_text().splitlines() if line.startswith("# ")]
    desktop.write_text('# my own\n[appearance]\ntheme = "light"  # easy on the eyes\n')
    apply(plan(read_predecessor(path), load(config).config, desktop_now=load_desktop(desktop)), config, desktop)
    assert [line for line in config.read_text().splitlines() if line.startswith("# ")] == comments
    assert desktop.read_text().startswith('# my own\n[appearance]\ntheme = "light"  # easy on the eyes\n')
    assert load_desktop(desktop).layout.grid == "3x3"


def test_a_check_writes_nothing(tmp_path: Path) -> None:
    path, config, desktop = write(tmp_path / "IT_RNVR.db"), tmp_path / "evertape.toml", tmp_path / "desktop.toml"
    write_default(config)
    before = config.read_bytes()
    apply(plan(read_predecessor(path), load(config).config), config, desktop, save=False)
    assert (config.read_bytes(), desktop.exists()) == (before, False)


def test_a_camera_of_the_same_id_stays_as_it_is() -> None:
    found = planned(old(FRONT), with_cameras(cam_01="rtsp://192.0.2.77/other"))
    assert found.cameras == ()
    assert about(found, "cameras.cam_01").fate is Fate.KEPT


def test_a_stream_that_is_configured_under_another_id_is_that_camera() -> None:
    found = planned(old(FRONT), with_cameras(door="rtsp://me:pw@192.0.2.1/main"))
    assert (found.cameras, found.camera_ids) == ((), {"cam_01": "door"})
    assert found.desktop["layout"]["order"] == ["door"]


def test_what_was_set_here_is_kept() -> None:
    config = trial(Config(), values={"recording.rotation": "1h"})
    found = planned(old(recording={"rotation_minutes": 2}), config)
    item = about(found, "recording.rotation_minutes")
    assert (item.fate, found.values) == (Fate.KEPT, {})
    assert "1h" in item.reason


def test_two_cameras_with_one_stream_are_not_both_taken() -> None:
    found = planned(old(FRONT, FRONT | {"camera_id": "copy"}))
    assert [new.id for new in found.cameras] == ["cam_01"]
    (left,) = found.cameras_left_out
    assert "same stream" in left.reason


def test_a_copy_that_is_not_in_use_is_taken_as_one() -> None:
    found = planned(old(FRONT, FRONT | {"camera_id": "copy", "enabled": "false"}))
    assert [(new.id, new.fields.get("enabled")) for new in found.cameras] == [("cam_01", None), ("copy", False)]


@pytest.mark.parametrize(
    ("name", "becomes"), [("Cam 01", "cam-01"), ("현관", "camera"), ("CAM_01", "cam_01"), ("a.b", "a-b")]
)
def test_ids_that_cannot_be_are_changed_and_told(name: str, becomes: str) -> None:
    found = planned(old(FRONT | {"camera_id": name}))
    assert (found.cameras[0].id, found.camera_ids) == (becomes, {name: becomes})
    assert about(found, f"cameras.{name}").reason


def test_ids_that_become_the_same_stay_apart_at_every_import() -> None:
    rows = [
        FRONT | {"camera_id": name, "rtsp_url": f"rtsp://192.0.2.{n}/m"} for n, name in enumerate(("현관", "마당"), 1)
    ]
    found = planned(old(*rows))
    assert [new.id for new in found.cameras] == ["camera", "camera-2"]
    config = trial(Config(), cameras={new.id: new.fields for new in found.cameras})
    assert planned(old(*rows), config).cameras == ()


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"rtsp_url": "rtsp://u:p@h/x", "username": None, "password": None}, ("rtsp://h/x", "u", "p")),
        ({"rtsp_url": "rtsp://h/x", "username": "u", "password": "p@/:"}, ("rtsp://h/x", "u", "p@/:")),
        ({"rtsp_url": "rtsp://a:b@h/x", "username": "u", "password": "p"}, ("rtsp://h/x", "u", "p")),
        ({"rtsp_url": "rtsp://a:b@h/x", "username": "a", "password": ""}, ("rtsp://h/x", "a", "b")),
        ({"rtsp_url": "rtsp://a@h/x", "username": "", "password": "p"}, ("rtsp://h/x", "a", "p")),
        ({"rtsp_url": "rtsp://h/x", "username": "", "password": "p"}, ("rtsp://h/x", None, None)),
        ({"rtsp_url": " rtsp://h/x\n", "username": 1234, "password": 5678}, ("rtsp://h/x", "1234", "5678")),
    ],
)
def test_logins_come_from_where_they_were(row: dict[str, Any], wanted: tuple[str | None, ...]) -> None:
    (new,) = planned(old(FRONT | row)).cameras
    assert tuple(new.fields.get(name) for name in ("url", "user", "password")) == wanted


def test_a_sub_stream_has_the_same_login_or_its_own() -> None:
    same, other = (
        planned(old(FRONT | {"sub_url": url})).cameras[0].fields
        for url in ("rtsp://viewer:Zebra!7%2Fx@192.0.2.1/sub", "rtsp://sub:Other1@192.0.2.1/sub")
    )
    assert (same["sub_url"], same["user"]) == ("rtsp://192.0.2.1/sub", "viewer")
    assert other["sub_url"] == "rtsp://sub:Other1@192.0.2.1/sub"
    assert (other["url"], "user" in other) == ("rtsp://viewer:Zebra%217%2Fx@192.0.2.1:554/main", False)


@pytest.mark.parametrize("url", [None, "", "0", "http://h/x", "rtsp://", "rtsp://h:0/", "/dev/video0", 7])
def test_a_camera_without_a_stream_that_can_be_reached_is_left_out(url: Any) -> None:
    found = planned(old(FRONT | {"rtsp_url": url}, YARD))
    assert [new.id for new in found.cameras] == ["cam_02"]
    assert [item.source for item in found.cameras_left_out] == ["cameras.cam_01"]


@pytest.mark.parametrize(
    ("table", "row", "key", "becomes"),
    [
        ("recording", {"rotation_minutes": "2.5"}, "recording.rotation", "150s"),
        ("recording", {"rotation_minutes": 1440.0}, "recording.rotation", "1440min"),
        ("storage", {"retention_days": 9, "auto_cleanup_enabled": 0}, "retention.max_age", "none"),
        ("storage", {"cleanup_threshold_percent": 80}, "retention.start_percent", 20.0),
        ("storage", {"min_free_space_percent": 7}, "retention.start_percent", 7.0),
        ("streaming", {"connection_timeout": 8000}, "streaming.connect_timeout", "8s"),
        ("logging", {"file_level": "CRITICAL"}, "logging.level", "error"),
    ],
)
def test_values_are_read_with_patience(table: str, row: dict[str, Any], key: str, becomes: Any) -> None:
    assert planned(old(**{table: row})).values == {key: becomes}


@pytest.mark.parametrize(
    ("table", "row", "said"),
    [
        ("recording", {"rotation_minutes": 0}, "out of bounds"),
        ("recording", {"rotation_minutes": "soon"}, "no number"),
        ("storage", {"retention_days": -3}, "negative"),
        ("storage", {"min_free_space_percent": 90}, "50"),
        ("streaming", {"max_reconnect_attempts": 2.5}, "no whole number"),
        ("streaming", {"connection_timeout": 10}, "by itself"),
        ("streaming", {"default_layout": "5x5"}, "no such grid"),
        ("logging", {"file_level": "DEBUG"}, "by itself"),
        ("ui", {"theme": "solarized"}, "dark and light"),
    ],
)
def test_what_cannot_be_taken_over_says_why(table: str, row: dict[str, Any], said: str) -> None:
    found = planned(old(**{table: row}))
    item = about(found, f"{table}.{next(iter(row))}")
    assert (item.fate, found.values, found.desktop) == (Fate.LEFT, {}, {})
    assert said in item.reason


def test_what_contradicts_the_configuration_is_left_out() -> None:
    config = trial(Config(), values={"retention.min_age": "20d"})
    item = about(planned(old(storage={"retention_days": 14}), config), "storage.retention_days")
    assert (item.fate, "min_age" in item.reason) == (Fate.LEFT, True)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("F1", "F1"), ("f12", "F12"), ("n", "N"), ("Esc", "Esc"), ("escape", "Esc"), ("ctrl + s", "Ctrl+S"),
        ("Shift+Ctrl+Alt+F5", "Ctrl+Alt+Shift+F5"), ("Ctrl++", "Ctrl++"), ("+", "+"), ("PageUp", "PgUp"),
    ],
)  # fmt: skip
def test_keys_are_written_as_qt_writes_them(written: str, key: str) -> None:
    assert key_sequence(written) == key


@pytest.mark.parametrize("written", ["", "Ctrl", "Ctrl+", "F99", "Hyper+X", "Ctrl+Ctrl+A", "AB", "é", 3.5, None])
def test_what_is_no_key_is_refused(written: Any) -> None:
    with pytest.raises(Unfit):
        key_sequence(written)


def test_a_key_for_two_things_is_for_the_first() -> None:
    found = planned(old(menu_keys={"record_start": "F7", "prev_group": "F7", "program_exit": "5"}))
    assert found.desktop["keys"] == {"camera_record": "F7"}
    assert "camera_record" in about(found, "menu_keys.prev_group").reason
    assert "grid_camera_5" in about(found, "menu_keys.program_exit").reason


@pytest.mark.parametrize(("written", "wanted"), [("1x1", "1x1"), ("1x2", "2x2"), ("2X3", "3x3"), ("4 x 4", "4x4")])
def test_a_grid_is_as_large_as_it_was(written: str, wanted: str) -> None:
    assert grid(written) == wanted


def disk(folder: Path, *, system: bool = False) -> Seen:
    return Seen(
        folder, (Folder("cam_01", {".mp4": 3, ".avi": 2, ".mkv": 1}, 10), Folder("Gone", {".mp4": 1}, 1)), True, system
    )


def test_the_old_disk_becomes_a_volume_of_its_own_folder() -> None:
    found = planned(old(storage={"recording_path": "/media/usb/Recordings/"}), seen=disk(Path("/media/usb/Recordings")))
    assert found.volume is not None
    assert (str(found.volume.path), found.volume.needs_consent) == ("/media/usb/Recordings/evertape", False)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("./recordings", "beside the program"),
        ("D:/Recordings", "Windows"),
        ("/media/away", "not there now"),
    ],
)
def test_a_place_that_cannot_be_used_says_why(path: str, said: str) -> None:
    found = planned(old(storage={"recording_path": path}), seen=Seen())
    assert found.volume is None
    assert said in about(found, "storage.recording_path").reason


def test_volumes_that_are_declared_here_are_enough() -> None:
    config = trial(Config(), volumes={"usb": {"path": "/media/usb"}})
    found = planned(old(storage={"recording_path": "/media/old"}), config, seen=disk(Path("/media/old")))
    assert found.volume is None
    assert "evertape volume add NAME /media/old/evertape" in about(found, "storage.recording_path").reason


def test_a_place_on_the_systems_disk_needs_a_word(tmp_path: Path) -> None:
    config, desktop, place = tmp_path / "evertape.toml", tmp_path / "desktop.toml", tmp_path / "rec"
    write_default(config)
    place.mkdir()
    found = planned(old(storage={"recording_path": str(place)}), seen=disk(place, system=True))
    assert apply(found, config, desktop).volume == ""
    assert (load(config).config.volumes, list(place.iterdir())) == ({}, [])
    assert apply(found, config, desktop, system_disk=True).volume == "old_disk"
    assert load(config).config.volumes["old_disk"].mount is False
    assert (place / "evertape").is_dir()


def test_recordings_are_named_by_camera_with_what_adopt_cannot_take() -> None:
    found = planned(old(FRONT | {"camera_id": "cam_01"}), seen=disk(Path("/media/old")))
    assert [(str(one.folder), one.camera, one.files, one.left_out) for one in found.adoptions] == [
        ("/media/old/cam_01", "cam_01", 4, {".avi": 2}),
        ("/media/old/Gone", "gone", 1, {}),
    ]


def test_every_column_is_in_the_guide() -> None:
    page = GUIDE.read_text(encoding="utf-8")
    for table in TABLES:
        section = re.split(r"^### ", page.split(f"### `{table}`")[1], maxsplit=1, flags=re.MULTILINE)[0]
        assert [name for name in sorted(KNOWN[table]) if f"`{name}`" not in section] == [], table


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
    | st.sampled_from(["true", "0", "rtsp://u:p@h/x", "rtsp://[::1", "{}", '{"a": {"b": 1}}', "2x2", "F1", "Ctrl+"])
)  # fmt: skip
NAMES = st.sampled_from(sorted({name for names in KNOWN.values() for name in names} | {"id", "mystery", "config"}))
ROWS = st.dictionaries(NAMES, VALUES, max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(ROWS, max_size=4), st.dictionaries(st.sampled_from(TABLES), ROWS, max_size=11))
def test_whatever_stands_in_it_makes_a_plan_that_can_be_carried_out(
    cameras: list[dict[str, Any]], tables: dict[str, dict[str, Any]]
) -> None:
    tables.pop("cameras", None)
    predecessor = old(*cameras, **tables)
    found = planned(predecessor)
    with tempfile.TemporaryDirectory() as folder:
        config, desktop = Path(folder) / "evertape.toml", Path(folder) / "desktop.toml"
        write_default(config)
        apply(found, config, desktop)
        again = plan(predecessor, load(config).config, desktop_now=load_desktop(desktop))
    assert (again.cameras, again.values, again.desktop) == ((), {}, {})


SECRET = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12).map(
    lambda t: f"Qz9{t}"
)


@settings(max_examples=100, deadline=None)
@given(
    SECRET, st.sampled_from(["", "u", "admin"]), st.sampled_from(["rtsp://h/x", "rtsp://u:{}@h/x", "{}@h", "x://{}"])
)
def test_no_password_is_ever_shown(secret: str, user: str, url: str) -> None:
    row = {"camera_id": "c", "rtsp_url": url.replace("{}", secret), "username": user, "password": secret, "pwd": secret}
    found = planned(old(row))
    shown = repr(found) + str([asdict(item) for item in found.items])
    assert "Qz9" not in shown
