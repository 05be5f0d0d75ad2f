"""``python -m evertape.engine.nursery_main FD``: forks the service's processes.

What several of them need is imported once, and what nobody writes to is shared: 6 MB less in each of them
(``docs/design/data-path.md``). It does nothing else: it has one thread and no event loop, because only that can be
forked safely.

Each request is one packet with two descriptors: the child's socket to the supervisor, and its standard error. The
supervisor's end of ``FD`` is closed: there will be no more.
"""

from __future__ import annotations

import sys

# asyncio loads the TLS library if it can. Who needs it, a recorder with an rtsps camera, loads it by itself.
if __name__ == "__main__":
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]

import argparse
import asyncio
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import traceback
from typing import Any, NoReturn

SHARED = ("evertape.disk.process", "evertape.engine.child", "evertape.engine.recorder_main")
"""Imported here. Not what only one process needs, such as the index: that one would write to much of it, and the rest
would be here a second time (measured: 9 MB more)."""

_REQUEST_BYTES = 1 << 16


def main() -> None:
    """Serve until the supervisor is gone."""
    line = socket.socket(fileno=int(sys.argv[1]))
    for number in (signal.SIGINT, signal.SIGTERM):
        # The supervisor decides who leaves when, and its children need us until then.
        signal.signal(number, signal.SIG_IGN)
    _warm_up()
    bell, ringer = _bell()
    poll = select.poll()
    poll.register(line, select.POLLIN)
    poll.register(bell, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if bell in ready:
            _reap(line, bell)
        if line.fileno() in ready:
            _serve(line, bell, ringer)


def _warm_up() -> None:
    """Import what the children share, and do once what each does first: its traces would be copied in each."""
    asyncio.run(asyncio.sleep(0))
    parser = argparse.ArgumentParser(description="Nothing.")
    parser.add_argument("--number", type=int, required=True, help="none")
    parser.parse_args(["--number", "1"])
    if sys.modules.get("ssl", True) is None:
        del sys.modules["ssl"]
    for name in SHARED:
        importlib.import_module(name)
    # All this lives for ever. A collection that looked at it would copy it into each child.
    gc.collect()
    gc.freeze()


def _bell() -> tuple[int, int]:
    """A descriptor that becomes readable when a child has ended, and its other end."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return read, write


def _reap(line: socket.socket, bell: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(bell, 4096)
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _say(line, {"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _serve(line: socket.socket, *bell: int) -> None:
    try:
        data, fds, _, _ = socket.recv_fds(line, _REQUEST_BYTES, 2)
    except OSError:
        data, fds = b"", []
    if not data:
        os._exit(0)
    request = json.loads(data)
    try:
        pid = os.fork()
        if not pid:
            _become(request, *fds, closing=(line.detach(), *bell))
        pidfd = os.pidfd_open(pid)
        try:
            _say(line, {"request": request["request"], "pid": pid}, pidfd)
        finally:
            os.close(pidfd)
    except OSError as error:
        _say(line, {"request": request["request"], "errno": error.errno or 0, "text": str(error)})
    finally:
        for fd in fds:
            os.close(fd)


def _say(line: socket.socket, message: dict[str, Any], *fds: int) -> None:
    # A supervisor that is gone shows at the next read.
    with contextlib.suppress(OSError):
        socket.send_fds(line, [json.dumps(message).encode()], fds)


def _become(request: dict[str, Any], control: int, errors: int, *, closing: tuple[int, ...]) -> NoReturn:
    """In the new process: become what was asked for."""
    code: object = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        os.dup2(errors, 2)
        for fd in (errors, *closing):
            os.close(fd)
        sys.argv = [request["module"], "--supervisor-fd", str(control), *request["arguments"]]
        # Not the command line, which is the nursery's, but what ``ps`` and ``top`` show as the name.
        with contextlib.suppress(OSError), open("/proc/self/comm", "w") as comm:
            comm.write(request["title"])
        importlib.import_module(request["module"]).main()
        code = 0
    except SystemExit as leaving:
        code = leaving.code
    except BaseException:  # noqa: BLE001 - the process's edge
        traceback.print_exc()
    finally:
        os._exit(code if isinstance(code, int) else code is not None)


if __name__ == "__main__":
    main()
