from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evertape.config import edit
from evertape.config.default import write_default
from evertape.config.files import locked
from evertape.config.load import load, load_text
from evertape.config.problems import InvalidConfig
from evertape.config.schema import Config
from evertape.errors import ConfigError
from evertape.types import CameraId

TEXT = """\
# My house.

[recording]   # files
rotation = "10min"   # ten minutes
  sync="1s"

# At the door.
[cameras.door]
url = "rtsp://192.0.2.1/s"   # the big stream
audio = false

[cameras.door.backoff]
base = "2s"

# In the yard,
# since May.
[cameras.yard]
url = 'rtsp://192.0.2.2/s'
# a last word

[ring]
time = "30s"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "evertape.toml"
    path.write_text(TEXT)
    return path


def changed(file: Path, before: str = TEXT) -> list[str]:
    """The lines that went and came, in the manner of diff; empty lines are one above each table, whatever was done."""
    after = file.read_text()
    lines = after.splitlines()
    assert "\n\n\n" not in after
    assert not after.endswith("\n\n")
    assert all(lines[n - 1][:1] in ("", "#") for n, line in enumerate(lines) if line.startswith("["))
    return [line for line in difflib.ndiff(before.splitlines(), lines) if line[0] in "+-" and line[2:]]


def test_a_value_is_set_in_its_place_and_its_comment_stays(file: Path) -> None:
    loaded = edit.set_value(file, "recording.rotation", "10s")
    assert loaded.config.recording.rotation == 10_000_000_000
    assert changed(file) == ['- rotation = "10min"   # ten minutes', '+ rotation = "10s"   # ten minutes']


@pytest.mark.parametrize(
    "key,value,lines",
    [
        ("recording.align", "off", ["+ align = false"]),
        ("streaming.backoff.max_retries", "7", ["+ [streaming.backoff]", "+ max_retries = 7"]),
        ("cameras.yard.rotation", "1h", ['+ rotation = "1h"']),
        ("cameras.yard.backoff.base", "1s", ["+ [cameras.yard.backoff]", '+ base = "1s"']),
        ("cameras.door.backoff.factor", "1.5", ["+ factor = 1.5"]),
        ("recording.rotation_size", "none", ['+ rotation_size = "none"']),
        ("installation.name", 'The "Old" House', ["+ [installation]", '+ name = "The \\"Old\\" House"']),
    ],
)
def test_a_key_that_is_not_there_yet_joins_its_table(file: Path, key: str, value: str, lines: list[str]) -> None:
    edit.set_value(file, key, value)
    assert changed(file) == lines


def test_a_key_is_set_beside_its_example_in_the_default_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "evertape.toml"
    write_default(file)
    edit.set_value(file, "installation.timezone", "Europe/Paris")
    lines = file.read_text().splitlines()
    assert lines[lines.index('timezone = "Europe/Paris"') - 1] == '#timezone = "Europe/Berlin"'


def test_cameras_and_volumes_join_their_examples_in_the_default_file(tmp_path: Path) -> None:
    file = tmp_path / "evertape.toml"
    write_default(file)
    before = file.read_text()
    edit.add_camera(file, "one", {"url": "rtsp://192.0.2.1/1"})
    edit.add_camera(file, "two", {"url": "rtsp://192.0.2.1/2"})
    edit.add_volume(file, "disk", {"path": tmp_path, "role": "primary"})
    text = file.read_text()
    places = [text.index(t) for t in ("#[cameras.garage]", "[cameras.one]", "[cameras.two]", "# Volumes:", "[volumes.disk]", "\n[recording]")]  # fmt: skip  # noqa: E501
    assert places == sorted(places)
    for remove, name in ((edit.remove_volume, "disk"), (edit.remove_camera, "one"), (edit.remove_camera, "two")):
        remove(file, name)
    assert file.read_text() == before


def test_a_camera_is_added_behind_the_others_with_what_it_was_given(file: Path) -> None:
    fields: dict[str, Any] = {
        "url": "rtsp://u:p@192.0.2.3/s",
        "sub_url": None,
        "audio": False,
        "backoff": {"base": "1s"},
    }
    loaded = edit.add_camera(file, "gate", fields)
    assert loaded.config.cameras[CameraId("gate")].backoff.base == 1_000_000_000
    assert changed(file) == [
        "+ [cameras.gate]", '+ url = "rtsp://u:p@192.0.2.3/s"', "+ audio = false",
        "+ [cameras.gate.backoff]", '+ base = "1s"',
    ]  # fmt: skip
    assert list(loaded.config.cameras) == ["door", "yard", "gate"]


def test_a_camera_is_edited_key_by_key(file: Path) -> None:
    edit.edit_camera(file, "door", {"audio": None, "name": "Door", "backoff.base": "4s", "url": "rtsp://192.0.2.9/s"})
    assert changed(file) == [
        '- url = "rtsp://192.0.2.1/s"   # the big stream',
        '+ url = "rtsp://192.0.2.9/s"   # the big stream',
        "- audio = false",
        '+ name = "Door"',
        '- base = "2s"',
        '+ base = "4s"',
    ]


def test_a_camera_goes_with_its_tables_and_the_comment_above_it_and_the_others_stay(file: Path) -> None:
    edit.remove_camera(file, "door")
    assert file.read_text() == TEXT.replace(TEXT[TEXT.index("# At the door.") : TEXT.index("# In the yard")], "")


def test_what_is_unset_counts_as_the_default_again(file: Path) -> None:
    loaded = edit.unset_value(file, "recording.rotation")
    assert loaded.config.recording == Config().recording.model_copy(update={"sync": 1_000_000_000})
    assert changed(file) == ['- rotation = "10min"   # ten minutes']


def test_a_value_is_read_as_a_person_writes_it_and_secrets_are_masked(file: Path) -> None:
    edit.add_camera(file, "gate", {"url": "rtsp://u:geheim@h/s"})
    assert edit.get_value(file, "ring.time") == "30s"
    assert edit.get_value(file, "streaming.backoff.cap") == "1min"
    assert edit.get_value(file, "cameras.gate.url") == "rtsp://u:***@h/s"
    assert edit.get_value(file, "storage.layers")["probe"] is True


@pytest.mark.parametrize(
    "action,said",
    [
        (lambda f: edit.set_value(f, "recording.rotaton", "1s"), "did you mean 'recording.rotation'?"),
        (lambda f: edit.set_value(f, "recrding.rotation", "1s"), "did you mean 'recording.rotation'?"),
        (lambda f: edit.set_value(f, "cameras.dor.audio", "no"), "no camera 'dor'; did you mean 'cameras.door.audio'?"),
        (lambda f: edit.set_value(f, "volumes.usb.role", "spill"), "there is no volume 'usb'"),
        (lambda f: edit.set_value(f, "recording", "1s"), "is a table; name a key in it, like recording.schedule"),
        (lambda f: edit.set_value(f, "cameras.door", "1s"), "is a table; name a key in it, like cameras.door.url"),
        (lambda f: edit.set_value(f, "recording.rotation.x", "1s"), "there is no key 'recording.rotation.x'"),
        (lambda f: edit.set_value(f, "", "1s"), "there is no key ''"),
        (lambda f: edit.set_value(f, "recording.rotation", "10"), "rotation, line 4: '10' has no unit"),
        (lambda f: edit.set_value(f, "recording.align", "perhaps"), "must be true or false"),
        (lambda f: edit.set_value(f, "streaming.backoff.max_retries", "many"), "must be a whole number"),
        (lambda f: edit.unset_value(f, "cameras.door.url"), "cameras.door.url, line 8: is missing"),
        (lambda f: edit.add_camera(f, "door", {"url": "rtsp://h"}), "there is a camera 'door' already"),
        (lambda f: edit.add_camera(f, "Gate", {"url": "rtsp://h"}), "'Gate' cannot be an id"),
        (lambda f: edit.add_camera(f, "gate", {"name": "x"}), "cameras.gate.url, line 21: is missing"),
        (lambda f: edit.add_camera(f, "gate", {"url": "rtsp://h", "nme": "x"}), "did you mean 'cameras.gate.name'?"),
        (lambda f: edit.edit_camera(f, "yrd", {"name": "x"}), "no camera 'yrd'"),
        (lambda f: edit.remove_camera(f, "yrd"), "no camera 'yrd'; did you mean 'cameras.yard'?"),
        (lambda f: edit.add_volume(f, "usb", {"path": "media"}), "is not absolute"),
        (lambda f: edit.get_value(f, "ring.tme"), "did you mean 'ring.time'?"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_nothing_is_changed(
    file: Path, action: Callable[[Path], object], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        action(file)
    assert said in str(caught.value)
    assert file.read_text() == TEXT
    assert sorted(p.name for p in file.parent.iterdir()) in (
        [".evertape.toml.lock", "evertape.toml"],
        ["evertape.toml"],
    )


def test_a_mistake_in_the_file_can_be_repaired_by_setting_that_key(file: Path) -> None:
    file.write_text(TEXT.replace('"10min"', "10"))
    edit.set_value(file, "recording.rotation", "10min")
    assert file.read_text() == TEXT


def test_a_file_that_is_not_toml_is_left_to_an_editor(file: Path) -> None:
    file.write_text(TEXT + "rubbish\n")
    with pytest.raises(InvalidConfig, match=r"line 23: a line is either \[table\] or key = value"):
        edit.set_value(file, "recording.rotation", "10s")


def test_line_ends_and_byte_order_mark_of_windows_stay(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    edit.set_value(file, "recording.align", False)
    edit.add_camera(file, "gate", {"url": "rtsp://h"})
    raw = file.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf# My house.\r\n\r\n")
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert load(file).config.recording.align is False
    edit.remove_camera(file, "gate")
    edit.unset_value(file, "recording.align")
    assert file.read_bytes() == b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()


def test_what_somebody_saves_meanwhile_is_not_overwritten(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = load_text

    def load_text_while_somebody_saves(text: str, origin: Path) -> object:
        file.write_text(TEXT + "# saved\n")
        return real(text, origin)

    monkeypatch.setattr("evertape.config.edit.load_text", load_text_while_somebody_saves)
    with pytest.raises(ConfigError, match="changed by somebody else just now"):
        edit.set_value(file, "recording.rotation", "10s")
    assert file.read_text() == TEXT + "# saved\n"


def test_a_second_editor_waits_its_turn_and_then_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit, "locked", lambda path: locked(path, wait_s=0.0))
    with locked(file), pytest.raises(ConfigError, match="another program is editing"):
        edit.set_value(file, "recording.rotation", "10s")
    edit.set_value(file, "recording.rotation", "10s")
    assert edit.get_value(file, "recording.rotation") == "10s"


def test_without_a_file_there_is_nothing_to_edit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="evertape init writes one"):
        edit.set_value(tmp_path / "none.toml", "recording.rotation", "10s")
    assert list(tmp_path.iterdir()) == []
