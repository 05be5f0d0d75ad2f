"""The nursery: real processes, forked, watched, killed; and what happens when it fails."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evertape.engine import nursery as nursery_module
from evertape.engine.launch import ExecLauncher, Launched, Launcher
from evertape.engine.nursery import UNKNOWN_CODE, ForkedProcess, Nursery, available
from evertape.engine.process import ChildProcess
from evertape.ipc.messages import Message

pytestmark = pytest.mark.skipif(not available(), reason="needs Linux 5.3")

CHILD = """
import os, sys, socket, signal

def main():
    line = socket.socket(fileno=int(sys.argv[sys.argv.index("--supervisor-fd") + 1]))
    while True:
        said = line.recv(100).decode(errors="replace")
        if said == "argv":
            line.send(repr(sys.argv[1:]).encode())
        elif said == "fds":
            listing = os.listdir("/proc/self/fd")
            line.send(" ".join(sorted(fd for fd in listing if os.path.exists("/proc/self/fd/" + fd))).encode())
        elif said == "signals":
            line.send(repr([signal.getsignal(s) == signal.SIG_DFL for s in (signal.SIGTERM, signal.SIGCHLD)]).encode())
        elif said == "session":
            line.send(repr(os.getsid(0) == os.getpid()).encode())
        elif said == "name":
            line.send(open("/proc/self/comm").read().strip().encode())
        elif said == "stderr":
            print("a line", file=sys.stderr, flush=True)
        elif said == "raise":
            raise RuntimeError("a mistake")
        elif said.startswith("exit"):
            sys.exit(int(said[4:]))
        else:
            return  # the supervisor is gone, or says Shutdown

if __name__ == "__main__":
    main()
"""


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 60))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module for children that do as they are told."""
    (tmp_path / "obedient.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "obedient"


@asynccontextmanager
async def opened() -> AsyncIterator[Nursery]:
    nursery = Nursery()
    try:
        yield nursery
    finally:
        nursery.close()


class Talk:
    """A child and the socket to it."""

    def __init__(self, process: Launched, line: socket.socket) -> None:
        self.process = process
        self.line = line

    async def ask(self, text: str) -> str:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self.line, text.encode())
        return (await loop.sock_recv(self.line, 1000)).decode()


async def start(launcher: Launcher, *arguments: str, module: str = "obedient") -> Talk:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    try:
        return Talk(await launcher.start(module, ["--name", "recorder-0", *arguments], theirs.fileno()), ours)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("forked", [True, False])
def test_a_child_has_its_arguments_its_session_and_nothing_else_of_ours(forked: bool) -> None:
    async def test() -> None:
        async with opened() as nursery:
            talk = await start(nursery if forked else ExecLauncher(), "--x", "1")
            assert isinstance(talk.process, ForkedProcess) is forked
            fd = (await talk.ask("argv")).split("'")[3]
            assert await talk.ask("argv") == f"['--supervisor-fd', '{fd}', '--name', 'recorder-0', '--x', '1']"
            assert (await talk.ask("fds")).split() == sorted(["0", "1", "2", fd])
            assert await talk.ask("signals") == "[True, True]"
            assert await talk.ask("session") == "True"
            assert talk.process.returncode is None
            if forked:
                assert await talk.ask("name") == "recorder-0"
            talk.line.close()
            assert await talk.process.wait() == 0

    run(test)


@pytest.mark.parametrize(("order", "code"), [("exit3", 3), ("exit0", 0), ("raise", 1)])
def test_how_a_child_ended_and_what_it_said_is_known(order: str, code: int) -> None:
    async def test() -> None:
        async with opened() as nursery:
            talk = await start(nursery)
            await asyncio.get_running_loop().sock_sendall(talk.line, order.encode())
            assert await talk.process.wait() == code
            assert talk.process.returncode == code
            assert talk.process.stderr is not None
            said = await talk.process.stderr.read()
            assert (b"RuntimeError: a mistake" in said) is (order == "raise")
            talk.line.close()

    run(test)


def test_a_child_is_killed_through_its_descriptor_and_only_once() -> None:
    async def test() -> None:
        async with opened() as nursery:
            talk = await start(nursery)
            talk.process.kill()
            assert await talk.process.wait() == -signal.SIGKILL
            with pytest.raises(ProcessLookupError):
                talk.process.kill()
            talk.line.close()

    run(test)


def test_a_module_that_is_not_there_is_an_exit_with_a_reason() -> None:
    async def test() -> None:
        async with opened() as nursery:
            talk = await start(nursery, module="no_such_module")
            assert await talk.process.wait() == 1
            assert talk.process.stderr is not None
            assert b"no_such_module" in await talk.process.stderr.read()
            talk.line.close()

    run(test)


def test_children_live_on_when_the_nursery_dies_and_the_next_one_has_another() -> None:
    async def test() -> None:
        async with opened() as nursery:
            first = await start(nursery)
            pid = nursery.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: nursery.pid is None)
            assert (await first.ask("session")) == "True"
            second = await start(nursery)
            assert isinstance(second.process, ForkedProcess)
            assert nursery.pid not in (None, pid)
            # How an orphan ended nobody can say; that it did is known all the same.
            first.line.close()
            assert await first.process.wait() == UNKNOWN_CODE
            second.line.close()
            assert await second.process.wait() == 0

    run(test)


def test_a_nursery_that_does_not_answer_is_replaced_and_given_up_the_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with opened() as nursery:
            talk = await start(nursery)
            monkeypatch.setattr(nursery_module, "ANSWER_S", 0.3)
            for _ in range(nursery_module.MOST_FAILURES):
                stopped = nursery.pid
                if stopped is None:
                    nursery._open()
                    stopped = nursery.pid
                assert stopped is not None
                os.kill(stopped, signal.SIGSTOP)
                with pytest.raises(OSError, match="nursery failed"):
                    await start(nursery)
                assert not Path(f"/proc/{stopped}").exists()
            plain = await start(nursery)
            assert not isinstance(plain.process, ForkedProcess)
            for child in (talk, plain):
                child.line.close()
                await child.process.wait()

    run(test)


def test_a_child_that_came_too_late_finds_its_line_closed_and_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with opened() as nursery:
            monkeypatch.setattr(nursery_module, "ANSWER_S", 0.0)
            monkeypatch.setattr(nursery, "close", lambda: None)  # it lives and forks, but nobody waits
            ours, theirs = socket.socketpair()
            with pytest.raises(OSError, match="nursery failed"):
                await nursery.start("obedient", ["--name", "late"], theirs.fileno())
            theirs.close()
            ours.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(ours, b"session")
            assert await loop.sock_recv(ours, 100) == b"True"
            ours.close()
            await until(lambda: bool(nursery._early))
            monkeypatch.undo()

    run(test)


def test_the_nursery_ends_with_whoever_started_it(tmp_path: Path) -> None:
    script = tmp_path / "starter.py"
    script.write_text(
        "import asyncio, os, socket\n"
        "from evertape.engine.nursery import Nursery\n"
        "async def main():\n"
        "    nursery = Nursery()\n"
        "    ours, theirs = socket.socketpair()\n"
        "    child = await nursery.start('obedient', ['--name', 'x'], theirs.fileno())\n"
        "    print(nursery.pid, child.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    import subprocess

    root = str(Path(nursery_module.__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, str(tmp_path)])}
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, timeout=30, check=False)
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() and state_of(pid) != "Z" for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Owner:
    """Counts what becomes of a child."""

    def __init__(self) -> None:
        self.ups = 0
        self.died: list[str] = []

    def child_up(self, child: object) -> None:
        self.ups += 1

    def child_said(self, child: object, message: Message) -> None:
        pass

    def child_died(self, child: object, pid: int, how: str) -> None:
        self.died.append(how)


def test_a_forked_child_is_kept_running_like_any_other() -> None:
    async def test() -> None:
        async with opened() as nursery:
            owner = Owner()
            child = ChildProcess("recorder-0", "obedient", lambda: (), owner, nursery)
            child.start()
            await until(lambda: child.running)
            pid = child.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: owner.ups == 2 and child.running)
            assert owner.died == ["signal 9"]
            assert child.pid != pid
            assert await child.stop(3)

    run(test)


def test_what_children_have_in_common_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "weighed.py").write_text(
        "import sys, socket\n"
        "from evertape.disk.process import main as _unused\n"
        "def main():\n"
        "    line = socket.socket(fileno=int(sys.argv[2]))\n"
        "    with open('/proc/self/smaps_rollup') as file:\n"
        "        dirty = [row.split()[1] for row in file if row.startswith('Private_Dirty')]\n"
        "    line.send(dirty[0].encode())\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )

    async def weigh(launcher: Launcher) -> int:
        talk = await start(launcher, module="weighed")
        kib = int(await asyncio.get_running_loop().sock_recv(talk.line, 100))
        talk.line.close()
        await talk.process.wait()
        return kib

    async def test() -> None:
        async with opened() as nursery:
            assert await weigh(nursery) < await weigh(ExecLauncher()) / 3

    run(test)
