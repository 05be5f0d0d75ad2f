from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from evertape.config.paths import DataDir, data_dir


@pytest.mark.parametrize(
    "environ,platform,root,expected",
    [
        ({"HOME": "/home/a"}, "linux", True, "/var/lib/evertape"),
        ({"HOME": "/home/a"}, "linux", False, "/home/a/.local/share/evertape"),
        ({"HOME": "/home/a", "XDG_DATA_HOME": "/data/a"}, "linux", False, "/data/a/evertape"),
        ({"HOME": "/home/a", "XDG_DATA_HOME": "relative"}, "linux", False, "/home/a/.local/share/evertape"),
        ({"HOME": "/home/a", "EVERTAPE_DATA": "/srv/nvr"}, "linux", True, "/srv/nvr"),
        ({"HOME": "/home/a", "EVERTAPE_DATA": ""}, "linux", True, "/var/lib/evertape"),
        ({"HOME": "/Users/a"}, "darwin", False, "/Users/a/Library/Application Support/Evertape"),
        ({"HOME": "/Users/a"}, "darwin", True, "/Library/Application Support/Evertape"),
        ({"LOCALAPPDATA": "C:/Users/a/AppData/Local"}, "win32", False, "C:/Users/a/AppData/Local/Evertape"),
        ({"PROGRAMDATA": "C:/ProgramData", "LOCALAPPDATA": "C:/x"}, "win32", True, "C:/ProgramData/Evertape"),
        ({"USERPROFILE": "C:/Users/a"}, "win32", False, "C:/Users/a/AppData/Local/Evertape"),
    ],
)
def test_the_data_directory_is_the_platforms_unless_the_environment_names_one(
    environ: dict[str, str], platform: str, root: bool, expected: str
) -> None:
    assert PurePosixPath(data_dir(None, environ, platform=platform, root=root).root) == PurePosixPath(expected)


def test_the_command_line_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert data_dir(Path("here/../there"), {"EVERTAPE_DATA": "/srv"}).root == tmp_path / "there"


def test_everything_is_beneath_the_data_directory_and_apart() -> None:
    data = DataDir(Path("/srv/nvr"))
    places = [data.config_file, data.journal, data.index_file, data.recordings, data.run]
    assert all(place.parent == data.root for place in places)
    assert len(set(places)) == len(places)
    assert (data.config_file.name, data.recordings.name) == ("evertape.toml", "recordings")
