"""From configuration to assignments: nothing moves that need not, and no secret shows."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evertape.config.load import load_text
from evertape.domain.wish import Said
from evertape.engine.assign import CAMERAS_PER_RECORDER, camera_settings, place_cameras, ring_share
from evertape.engine.control import changed_keys
from evertape.engine.state_files import KnownVolume, read_volumes, read_wishes, volumes_text, wishes_text
from evertape.types import CameraId, UtcNs

CONFIG = """
[recording]
rotation = "2min"
[cameras.gate]
url = "rtsp://user:p%40ss@192.0.2.1/main"
sub_url = "rtsp://192.0.2.1/sub"
stall_timeout = "7s"
[cameras.yard]
url = "rtsp://192.0.2.2/main"
rotation = "30s"
[cameras.yard.backoff]
base = "1s"
"""


def test_settings_hold_what_a_recorder_needs_and_hide_the_password() -> None:
    config = load_text(CONFIG, Path("evertape.toml")).config
    gate = camera_settings(config, CameraId("gate"))
    assert (gate.url, gate.user, gate.password) == ("rtsp://192.0.2.1/main", "user", "p@ss")
    assert gate.sub_url == "rtsp://user:p%40ss@192.0.2.1/sub", "the same host takes the same login"
    assert gate.stall_timeout_ns == 7_000_000_000
    assert "p@ss" not in repr(gate)
    yard = camera_settings(config, CameraId("yard"))
    assert (yard.rotation_ns, gate.rotation_ns) == (30_000_000_000, 120_000_000_000)
    assert yard.backoff_base_ns == 1_000_000_000


def test_rotations_are_shifted_by_the_camera_alone() -> None:
    one = load_text(CONFIG, Path("evertape.toml")).config
    more = load_text(CONFIG + '[cameras.attic]\nurl = "rtsp://192.0.2.3/"\n', Path("evertape.toml")).config
    for name in ("gate", "yard"):
        assert camera_settings(one, CameraId(name)) == camera_settings(more, CameraId(name))


@given(st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True, max_size=60), st.data())
def test_a_placed_camera_stays_where_it_is(cameras: list[str], data: st.DataObject) -> None:
    placed = place_cameras(cameras, {})
    kept = data.draw(st.lists(st.sampled_from(cameras), unique=True)) if cameras else []
    again = place_cameras([*kept, "new1", "new2"], placed)
    assert all(again[name] == placed[name] for name in kept)
    for recorder in set(again.values()):
        assert sum(place == recorder for place in again.values()) <= CAMERAS_PER_RECORDER


def test_recorders_share_the_budget_by_their_cameras() -> None:
    assert ring_share(1000, 16, 20) + ring_share(1000, 4, 20) == 1000
    assert ring_share(1000, 0, 0) == 0


def test_wishes_and_volumes_are_read_back(tmp_path: Path) -> None:
    said = {"gate": Said(True), "yard": Said(False), "shed": Said(True, UtcNs(5))}
    (tmp_path / "wishes.json").write_bytes(wishes_text(said))
    known = {"usb": KnownVolume("/media/usb", "ab" * 16, True)}
    (tmp_path / "volumes.json").write_bytes(volumes_text(known))
    assert read_wishes(tmp_path) == said
    assert read_volumes(tmp_path) == known


def test_damaged_state_files_count_as_empty(tmp_path: Path) -> None:
    (tmp_path / "wishes.json").write_text("{")
    (tmp_path / "volumes.json").write_text('{"usb": {"path": 3}, "other": 7}')
    assert read_wishes(tmp_path) == {}
    assert read_volumes(tmp_path) == {}
    assert read_wishes(tmp_path / "absent") == {}


def test_a_reload_names_keys_and_no_values() -> None:
    from evertape.config.diff import diff

    old = load_text(CONFIG, Path("evertape.toml")).config
    new = load_text(CONFIG.replace("p%40ss", "secret2").replace("2min", "3min"), Path("evertape.toml")).config
    assert changed_keys(diff(old, new)) == ("cameras.gate", "recording")
