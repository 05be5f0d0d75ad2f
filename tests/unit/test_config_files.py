from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import evertape
from evertape.config.files import locked, replace_file
from evertape.errors import ConfigError

SOURCES = str(Path(evertape.__file__).parents[1])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_private(tmp_path: Path) -> None:
    replace_file(tmp_path / "f", b"one")
    assert (tmp_path / "f").read_bytes() == b"one"
    assert mode(tmp_path / "f") == 0o600


def test_mode_and_owner_stay(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"one")
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 2345)
    before = file.stat()
    replace_file(file, b"two")
    after = file.stat()
    assert file.read_bytes() == b"two"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


def test_through_a_link_the_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_bytes(b"one")
    (tmp_path / "link").symlink_to("real/f")
    replace_file(tmp_path / "link", b"two")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "f").read_bytes() == b"two"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_at_any_step_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    (tmp_path / "f").write_bytes(b"one")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"os.{step}", fail)
    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / "f", b"two")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("f", b"one")]


def test_data_is_synced_before_the_name_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    def replace(source: Path, target: Path) -> None:
        steps.append("rename")
        real_replace(source, target)

    monkeypatch.setattr("os.fsync", fsync)
    monkeypatch.setattr("os.replace", replace)
    replace_file(tmp_path / "f", b"two")
    assert steps == ["file", "rename", "folder"]


def test_the_lock_is_free_again_however_its_holder_ended(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "f"):
        1 / 0  # noqa: B018
    hold = "import os, pathlib, sys; from evertape.config.files import locked; "
    hold += "locked(pathlib.Path(sys.argv[1])).__enter__(); os._exit(7)"
    ended = subprocess.run([sys.executable, "-c", hold, str(tmp_path / "f")], env={"PYTHONPATH": SOURCES}, check=False)
    assert ended.returncode == 7
    with locked(tmp_path / "f", wait_s=0):
        pass


def test_the_lock_is_waited_for_and_then_taken(tmp_path: Path) -> None:
    file = tmp_path / "f"
    holder = locked(file)
    holder.__enter__()
    waits: list[float] = []

    def release_on_the_third_wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            holder.__exit__(None, None, None)

    with locked(file, sleep=release_on_the_third_wait):
        assert len(waits) == 3
        with pytest.raises(ConfigError, match="try again"), locked(file, wait_s=0):
            pass
