from __future__ import annotations

import traceback
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import ValidationError

from evertape.config.load import LoadedConfig, load, load_text
from evertape.config.problems import InvalidConfig, Problem
from evertape.config.schema import Camera, Config
from evertape.config.sections import Recording, Ring, Role
from evertape.config.show import reveal, shown, value_of
from evertape.config.url import CameraUrl
from evertape.errors import ConfigError
from evertape.types import CameraId

ORIGIN = Path("/etc/evertape/evertape.toml")
SECRET = "hunter2-geheim"


def read(text: str, **environ: str) -> LoadedConfig:
    return load_text(dedent(text), ORIGIN, environ)


def found(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidConfig) as caught:
        read(text)
    return caught.value.problems


def problems(text: str) -> list[str]:
    return [str(problem) for problem in found(text)]


def test_an_empty_file_is_a_configuration_of_defaults() -> None:
    loaded = read("")
    assert loaded.config == Config()
    assert loaded.warnings == ()
    assert loaded.source == ORIGIN


def test_values_become_typed_objects(tmp_path: Path) -> None:
    config = read(
        f"""
        [recording]
        rotation = "30s"
        rotation_size = "2GB"
        [cameras.front_door]
        url = "rtsp://192.0.2.1/s"
        backoff.base = "1s"
        [volumes.usb]
        path = {str(tmp_path)!r}
        role = "spill"
        """
    ).config
    camera = config.cameras[CameraId("front_door")]
    assert config.recording.rotation == 30_000_000_000
    assert config.recording.rotation_size == 2_000_000_000
    assert camera.url == CameraUrl("rtsp://192.0.2.1/s")
    assert camera.name == "front_door"
    assert camera.backoff.base == 1_000_000_000
    assert config.volumes["usb"].path == tmp_path
    assert config.volumes["usb"].role is Role.SPILL


def test_all_mistakes_of_all_kinds_are_reported_at_once() -> None:
    text = """\
        [recording]
        rotaton = "10min"
        align = "yes"
        fragment = 500ms

        [cameras.a]
        url = "rtsp://h/1"
        [cameras.a]
        url = "rtsp://h/2"
        [cameras.b]
        url = "rtsp://h/3"
        audio = True
        password = "x"

        [storage]
        min_record_free = "5GB"
        retry_max = -1
        """
    lines = [str(p).partition(", line ")[0] + " " + str(p.line) for p in found(text)]
    assert lines == [
        "unknown key 'rotaton' in [recording] 2",
        "recording.align 3",
        "recording.fragment 4",
        "[cameras.a] 8",
        "cameras.b.audio 12",
        "cameras.b.password 13",
        "storage.resume_free 16",
        "storage.retry_max 17",
    ]


def test_the_error_itself_reads_as_a_list_under_the_files_name() -> None:
    with pytest.raises(InvalidConfig) as caught:
        read("a = 1\nb = 2")
    assert str(caught.value) == (
        "/etc/evertape/evertape.toml has 2 problems:\n"
        "  unknown key 'a' in the top level, line 1\n"
        "  unknown key 'b' in the top level, line 2"
    )
    assert caught.value.exit_code == 2


def test_a_value_that_is_wrong_already_is_not_blamed_for_a_contradiction_as_well() -> None:
    assert [p.partition(",")[0] for p in problems("[storage]\nresume_free = 3\nmin_record_free = '5GB'")] == [
        "storage.resume_free"
    ]


def test_what_a_broken_line_took_away_is_not_reported_as_missing() -> None:
    assert [p.partition(",")[0] for p in problems("[cameras.a]\nurl = rtsp://h/1\nname = 'A'")] == ["cameras.a.url"]


def test_an_open_bracket_is_blamed_where_it_was_opened() -> None:
    mistakes = problems("[cameras.a]\nurl = 'rtsp://h'\nbackoff = { base = '1s'\n[ring]\ntime = '60s'\n")
    assert [p.partition(":")[0] for p in mistakes] == ["cameras.a.backoff, line 3"]


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 2000 + "]" * 2000, "[" * 80 + "]" * 80])
def test_a_value_beyond_all_measure_is_a_mistake_like_others(value: str) -> None:
    found_there = problems(f"[ring]\ntime = '10s'\nx = {value}\nbudget = 3\n")
    assert [text.partition(",")[0].partition(" in ")[0] for text in found_there][-1] == "ring.budget"
    assert [text for text in found_there if ", line 3" in text]
    assert len(found_there) == 2


def test_a_stray_carriage_return_is_a_mistake_like_others() -> None:
    assert [p.line for p in found("[ring]\r\n\r\r\nbudget = 3\r\n")] == [2, 3]


def test_volumes_are_not_looked_at_unless_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(_: object) -> bool:
        raise AssertionError("a folder on a disk that hangs would block here")

    monkeypatch.setattr("os.path.isdir", hang)
    assert read("[volumes.a]\npath = '/no/such'").warnings == ()


def test_lines_are_right_in_files_from_windows() -> None:
    assert problems("\ufeff[ring]\r\n\r\ntime = 3\r\n")[0].startswith("ring.time, line 3:")


def test_a_password_is_fetched_from_the_environment() -> None:
    loaded = read("[cameras.a]\nurl='rtsp://h/s'\nuser='u'\npassword_env='PW'", PW=SECRET)
    camera = loaded.config.cameras[CameraId("a")]
    assert camera.main_stream().reveal() == f"rtsp://u:{SECRET}@h/s"
    assert loaded.warnings == ()


@pytest.mark.parametrize("mode,warned", [(0o600, False), (0o644, True)])
def test_a_password_is_fetched_from_a_file_beside_the_configuration(tmp_path: Path, mode: int, warned: bool) -> None:
    (tmp_path / "pw").write_text(f"{SECRET}\nsecond line\n")
    (tmp_path / "pw").chmod(mode)
    file = tmp_path / "evertape.toml"
    file.write_text("[cameras.a]\nurl='rtsp://h/s'\nsub_url='rtsp://h/t'\nuser='u'\npassword_file='pw'")
    loaded = load(file)
    camera = loaded.config.cameras[CameraId("a")]
    sub = camera.sub_stream()
    assert sub is not None
    assert (camera.main_stream().password, sub.password) == (SECRET, SECRET)
    assert [SECRET in str(w) for w in loaded.warnings] == ([False] if warned else [])


def test_a_sub_stream_borrows_the_login_of_the_same_host_only() -> None:
    text = "[cameras.{0}]\nurl='rtsp://u:p@h/{0}'\nsub_url='{1}'\n"
    config = read(
        text.format("same", "rtsp://h:8554/t")
        + text.format("other", "rtsp://i/t")
        + text.format("own", "rtsp://me@h/t")
    ).config
    users = {name: camera.sub_stream().user for name, camera in config.cameras.items()}  # type: ignore[union-attr]
    assert users == {"same": "u", "other": None, "own": "me"}


def test_no_secret_is_in_anything_that_is_printed() -> None:
    config = read(
        f"[cameras.a]\nurl='rtsp://u:{SECRET}@h/s'\nsub_url='rtsp://u:{SECRET}@h/t?password={SECRET}'\n"
        f"[cameras.b]\nurl='rtsp://h/b'\nuser='u'\npassword='{SECRET}'"
    ).config
    assert SECRET not in repr(config) + str(config) + str(shown(config)) + str(value_of(config, "cameras"))
    assert str(reveal(config)).count(SECRET) == 4


@pytest.mark.parametrize(
    "text",
    [
        f"[cameras.a]\nurl = rtsp://u:{SECRET}@h/s",
        f"[cameras.a]\nurl = 'http://u:{SECRET}@h/s'",
        f"[cameras.a]\nurl = 'rtsp://u:{SECRET}/x@h/s'",
        f"[cameras.a]\nurl = ['rtsp://u:{SECRET}@h/s']",
        f"[cameras.a]\nurl = 'rtsp://h'\npassword = {SECRET}",
        f"[cameras.a]\nurl = 'rtsp://h'\npassword = '{SECRET}",
        f"[cameras.a]\nurl = 'rtsp://h'\npassword = ['{SECRET}']",
        f"[cameras.a]\nurl = 'rtsp://h'\npasword = '{SECRET}'",
        f"[cameras]\na = 'rtsp://u:{SECRET}@h/s'",
    ],
)
def test_no_secret_is_in_an_error_or_its_traceback(text: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        read(text)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_no_secret_is_in_the_error_of_a_configuration_built_in_code() -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"cameras": {"a": {"url": f"http://u:{SECRET}@h", "password": [SECRET], SECRET[:3]: 1}}})
    assert SECRET not in str(caught.value)


def test_a_configuration_can_be_handed_to_another_process_in_clear() -> None:
    config = read(
        "[cameras.a]\nurl='rtsp://u:p%40q@h/s'\nrotation='1h'\n[cameras.b]\nurl='rtsp://h/b'\nuser='u'\npassword='x'\n"
        "[ring]\nbudget='1GiB'\n[recording]\nfile_time='local'\n[volumes.v]\npath='/'"
    ).config
    assert Config.model_validate(reveal(config)) == config


def test_a_contradiction_is_refused_in_code_as_well() -> None:
    with pytest.raises(ValidationError, match="password: there is a password but no user"):
        Config.model_validate({"cameras": {"a": {"url": "rtsp://h", "password": "x"}}})


def test_code_may_give_nanoseconds_and_bytes() -> None:
    config = Config(recording=Recording.model_validate({"rotation": 30_000_000_000, "rotation_size": 10**9}))
    assert (value_of(config, "recording.rotation"), value_of(config, "recording.rotation_size")) == ("30s", "1GB")


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().recording.align = False


def test_a_cameras_own_values_stand_in_for_the_general_ones() -> None:
    config = read(
        "[cameras.a]\nurl='rtsp://h'\nrotation='30s'\nstall_timeout='9s'\nbackoff.give_up=true\n[cameras.b]\nurl='rtsp://i'"
    ).config
    a, b = CameraId("a"), CameraId("b")
    assert config.recording_for(a) == config.recording.model_copy(update={"rotation": 30_000_000_000})
    assert (config.streaming_for(a).stall_timeout, config.streaming_for(a).drain) == (9_000_000_000, 200_000_000)
    assert (config.streaming_for(a).backoff.give_up, config.streaming_for(a).backoff.cap) == (True, 60_000_000_000)
    assert (config.recording_for(b), config.streaming_for(b)) == (config.recording, config.streaming)


def test_a_cameras_own_size_of_none_lifts_the_general_limit() -> None:
    config = read("[recording]\nrotation_size='1GB'\n[cameras.a]\nurl='rtsp://h'\nrotation_size='none'").config
    assert config.recording_for(CameraId("a")).rotation_size == 0


@pytest.mark.parametrize(
    "budget,memory,expected",
    [("auto", 2 << 30, 512 << 20), ("auto", 64 << 30, 1 << 30), ("100MiB", 64 << 30, 100 << 20)],
)
def test_the_rings_budget_is_a_quarter_of_the_memory_up_to_a_gibibyte(budget: str, memory: int, expected: int) -> None:
    assert Ring.model_validate({"budget": budget}).budget_bytes(memory) == expected


def test_a_file_that_is_not_there_or_not_text_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no configuration at .*; evertape init writes one"):
        load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"[ring]\n# caf\xe9\n")
    with pytest.raises(InvalidConfig, match="the text, line 2: is not UTF-8"):
        load(tmp_path / "latin.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_an_unknown_key_asked_for_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'recording.rotation'"):
        value_of(Config(), "recording.rotaton")
    config = Config(cameras={CameraId("front"): Camera(url=CameraUrl("rtsp://h"))})
    with pytest.raises(ConfigError, match=r"there is no camera 'frnt'; did you mean 'cameras.front.url'"):
        value_of(config, "cameras.frnt.url")
