from __future__ import annotations

from pathlib import Path

import pytest

from evertape.cli.demo_place import demo_place, prepare
from evertape.cli.place import Place
from evertape.config.load import load
from evertape.errors import UsageError


def cameras(path: Path) -> dict[str, int]:
    return {name: camera.url.port for name, camera in load(path).config.cameras.items()}


def test_a_config_is_written_where_there_is_none_and_used_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "evertape.toml"
    first = prepare(path, None, 21000)
    assert (first.count, first.port) == (4, 21000)
    assert str(path) in first.wrote
    assert cameras(path) == {f"cam_0{n}": 21000 for n in range(1, 5)}
    assert load(path).warnings == ()
    again = prepare(path, None, 22000)
    assert (again.count, again.port, again.wrote) == (4, 21000, "")


def test_more_cameras_are_added_to_an_earlier_demos_config(tmp_path: Path) -> None:
    path = tmp_path / "evertape.toml"
    prepare(path, 1, 21000)
    assert prepare(path, 3, 22000).count == 3
    assert cameras(path) == {"cam_01": 21000, "cam_02": 21000, "cam_03": 21000}


def test_settings_of_a_config_without_cameras_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "evertape.toml"
    path.write_text('[recording]\nrotation = "5s" # short\n')
    assert prepare(path, 2, 21000).count == 2
    assert path.read_text().startswith('[recording]\nrotation = "5s" # short\n')
    assert len(cameras(path)) == 2


@pytest.mark.parametrize("url", ["rtsp://192.0.2.1/cam_01", "rtsp://127.0.0.1:21000/stream"])
def test_a_persons_cameras_are_left_alone(tmp_path: Path, url: str) -> None:
    path = tmp_path / "evertape.toml"
    path.write_text(f'[cameras.door]\nurl = "{url}"\n')
    before = path.read_text()
    with pytest.raises(UsageError, match="door"):
        prepare(path, None, 21000)
    assert path.read_text() == before


@pytest.mark.parametrize("keep", [False, True])
def test_a_temporary_place_goes_unless_it_is_kept(keep: bool) -> None:
    with demo_place(Place.of(None, None), keep=keep) as where:
        root = where.place.data.root
        (root / "recordings").mkdir()
        assert where.place.config == root / "evertape.toml"
    assert root.exists() is keep
    if keep:
        (root / "recordings").rmdir()
        root.rmdir()


def test_a_chosen_place_is_made_and_stays(tmp_path: Path) -> None:
    with demo_place(Place.of(tmp_path / "a" / "b", None), keep=False) as where:
        assert where.kept
    assert (tmp_path / "a" / "b").is_dir()
