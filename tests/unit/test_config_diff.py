from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evertape.config.load import ConfigDiff, diff, load_text
from evertape.config.schema import Config
from evertape.types import CameraId

ORIGIN = Path("/etc/evertape.toml")


def read(text: str, **environ: str) -> Config:
    return load_text(text, ORIGIN, environ).config


BASE = """
[recording]
rotation = "30s"
[cameras.a]
url = "rtsp://h/a"
[cameras.b]
url = "rtsp://h/b"
user = "u"
password_env = "PW"
[volumes.x]
path = "/"
"""


def test_nothing_differs_between_two_readings_of_the_same_text() -> None:
    assert diff(read(BASE, PW="1"), read(BASE + "# a comment\n", PW="1")) == ConfigDiff()
    assert not diff(read(BASE, PW="1"), read(BASE, PW="1"))


def test_each_change_is_told_where_it_is_and_nowhere_else() -> None:
    new = """
    [recording]
    rotation = "60s"
    sync = "1s"
    [streaming.backoff]
    base = "1s"
    [cameras.b]
    url = "rtsp://h/b2"
    name = "Bee"
    user = "u"
    password_env = "PW"
    backoff.cap = "1h"
    [cameras.c]
    url = "rtsp://h/c"
    [volumes.x]
    path = "/"
    role = "spill"
    [volumes.y]
    path = "/usr"
    """
    assert diff(read(BASE, PW="1"), read(new, PW="1")) == ConfigDiff(
        cameras_added=frozenset({CameraId("c")}),
        cameras_removed=frozenset({CameraId("a")}),
        cameras_changed={CameraId("b"): frozenset({"url", "name", "backoff"})},
        volumes_added=frozenset({"y"}),
        volumes_changed={"x": frozenset({"role"})},
        sections={"recording": frozenset({"rotation", "sync"}), "streaming": frozenset({"backoff"})},
    )


def test_a_password_that_changed_where_it_is_kept_is_a_change() -> None:
    changed = diff(read(BASE, PW="1"), read(BASE, PW="2"))
    assert changed == ConfigDiff(cameras_changed={CameraId("b"): frozenset({"password"})})


_cameras = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["1", "2"]))
"""Which of its streams each camera is to show."""


@given(_cameras, _cameras)
def test_the_way_back_is_the_way_there_reversed(old: dict[str, str], new: dict[str, str]) -> None:
    before, after = (
        Config.model_validate({"cameras": {k: {"url": f"rtsp://h/{k}/{u}"} for k, u in c.items()}}) for c in (old, new)
    )
    there, back = diff(before, after), diff(after, before)
    assert (there.cameras_added, there.cameras_removed) == (back.cameras_removed, back.cameras_added)
    assert there.cameras_changed == back.cameras_changed
    assert there.cameras_changed.keys() == {k for k in old.keys() & new.keys() if old[k] != new[k]}
