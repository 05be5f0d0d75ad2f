"""The lock, the watched file, the made directories, the limits."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evertape.cli.service import FileWatch, Reloads, make_directories, making, only_one, raise_file_limit
from evertape.config.load import load_text
from evertape.config.paths import DataDir
from evertape.errors import ConfigError, UsageError


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def test_a_second_holder_of_a_data_directory_is_refused_and_named(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    with only_one(data), pytest.raises(UsageError, match=rf"runs already \(process {os.getpid()}\)"), only_one(data):
        pass
    with only_one(data):
        pass


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from evertape.cli.service import only_one; "
        "from evertape.config.paths import DataDir; lock = only_one(DataDir(Path(sys.argv[1]))); lock.__enter__(); "
        "print('held', flush=True); sys.stdin.read()"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=f"process {holder.pid}"), only_one(DataDir(tmp_path)):
            pass
        holder.kill()
    with only_one(DataDir(tmp_path)):
        pass


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    with only_one(DataDir(tmp_path)):
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, close_fds=False)
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
    try:
        with only_one(DataDir(tmp_path)):
            pass
    finally:
        child.communicate("\n", timeout=20)


def test_only_the_built_in_volume_is_ever_made(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    declared = load_text(f'[volumes.usb]\npath = "{tmp_path}/usb/footage"\n', tmp_path / "x.toml").config
    assert make_directories(data, declared) == [data.root]
    assert not (tmp_path / "usb").exists()
    none = load_text("", tmp_path / "x.toml").config
    assert make_directories(data, none) == [data.recordings]
    assert make_directories(data, none) == []


def test_what_cannot_be_made_is_the_persons_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be made: No such file"), making(tmp_path):
        (tmp_path / "a" / "b").mkdir()


def test_the_file_limit_is_raised_as_far_as_allowed() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        assert raise_file_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= min(hard, 10240)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_changed_file_is_told_once_and_a_vanished_one_is_not(tmp_path: Path) -> None:
    path, told = tmp_path / "file", threading.Semaphore(0)
    path.write_text("a")
    watch = FileWatch(path, told.release, every_s=0.01)
    watch.start()
    try:
        path.write_text("ab")
        assert told.acquire(timeout=10)
        path.unlink()
        assert not told.acquire(timeout=0.1)
        path.write_text("abc")
        assert told.acquire(timeout=10)
        os.replace(_new(tmp_path, "abd"), path)
        assert told.acquire(timeout=10)
        assert not told.acquire(timeout=0.1)
    finally:
        watch.stop()


def _new(folder: Path, text: str) -> Path:
    path = folder / "new"
    path.write_text(text)
    return path


def test_the_watch_ends_when_its_loop_is_gone(tmp_path: Path) -> None:
    def closed() -> None:
        raise RuntimeError("Event loop is closed")

    path = tmp_path / "file"
    watch = FileWatch(path, closed, every_s=0.01)
    watch.start()
    path.write_text("a")
    until(lambda: not any(thread.name == "config" for thread in threading.enumerate()))


class SlowSupervisor:
    """Reloads when it is let."""

    def __init__(self) -> None:
        self.reloads = 0
        self.gate = asyncio.Event()
        self.config = load_text("", Path("x.toml")).config

    async def reload(self) -> tuple[str, ...]:
        self.reloads += 1
        await self.gate.wait()
        if self.reloads == 1:
            raise ConfigError("the file has a problem")
        return ()


def test_what_is_asked_for_during_a_reload_is_done_once_after_it() -> None:
    async def scenario() -> int:
        supervisor = SlowSupervisor()
        reloads = Reloads(supervisor, lambda _: None)  # type: ignore[arg-type]
        for _ in range(5):
            reloads.ask()
            await asyncio.sleep(0)
        assert supervisor.reloads == 1
        supervisor.gate.set()
        for _ in range(10):
            await asyncio.sleep(0)
        return supervisor.reloads

    assert asyncio.run(scenario()) == 2


def test_a_changed_log_is_taken_up_whoever_reloaded() -> None:
    async def scenario() -> list[str]:
        supervisor, levels = SlowSupervisor(), list[str]()
        supervisor.gate.set()
        reloads = Reloads(supervisor, lambda settings: levels.append(str(settings.level)))  # type: ignore[arg-type]
        for text in ("", '[logging]\nlevel = "debug"\n', '[logging]\nlevel = "debug"\n'):
            supervisor.config = load_text(text, Path("x.toml")).config
            reloads.ask()
            await asyncio.sleep(0.01)
        return levels

    assert asyncio.run(scenario()) == ["debug"]
