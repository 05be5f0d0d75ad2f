"""``python -m evertape.engine.recorder_main``: the recorder as a process of its own."""

from __future__ import annotations

import sys

# asyncio loads the TLS library if it can. Who needs it, a session with an rtsps camera, loads it by itself.
if __name__ == "__main__":
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]

import argparse
import asyncio
import logging
from typing import Any

from evertape.clock import SystemClock
from evertape.domain.cause import Cause
from evertape.engine.child import EXIT_OUT_OF_MEMORY, SupervisorLine, leave
from evertape.engine.guard import Guard
from evertape.engine.recorder import Recorder
from evertape.ipc.logpipe import log_to_supervisor
from evertape.media.transcode import default_transcoder

if sys.modules.get("ssl", True) is None:
    del sys.modules["ssl"]

log = logging.getLogger(__name__)

_LAST_S = 1.0
"""For what a recorder without memory still tries to finish."""


async def _run(args: argparse.Namespace) -> int:
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[float] = loop.create_future()
    clock = SystemClock()
    line: SupervisorLine | None = None

    def report(message: object) -> None:
        if line is not None and not line.congested:
            line.send(message)  # type: ignore[arg-type]

    recorder = Recorder(args.name, args.service, clock, report, args.feed_socket, default_transcoder)
    line = SupervisorLine(
        args.supervisor_fd,
        "recorder",
        args.name,
        clock,
        recorder.message,
        lambda deadline_s: None if ending.done() else ending.set_result(deadline_s),
    )
    exhaustion = _Exhaustion(ending)
    Guard.exhausted = exhaustion
    loop.set_exception_handler(exhaustion.exception)
    deadline_s = await ending
    done = await recorder.close(deadline_s, Cause.OUT_OF_MEMORY if exhaustion.happened else line.cause)
    if exhaustion.happened:
        return EXIT_OUT_OF_MEMORY
    if not done:
        log.error("[RECORDING] %s leaves with files unfinished; they are finished at the next start", args.name)
    return 0 if done else 1


class _Exhaustion:
    """There is no memory left: finish the files, if that much is left, and make room for a successor.

    Args:
        ending: set to the seconds left, it ends the process.
    """

    def __init__(self, ending: asyncio.Future[float]) -> None:
        self.happened = False
        self._ending = ending

    def __call__(self) -> None:
        if self.happened:
            leave(EXIT_OUT_OF_MEMORY)
        self.happened = True
        log.critical("[PROCESS] out of memory: finishing the files, and making room for another process")
        if not self._ending.done():
            self._ending.set_result(_LAST_S)

    def exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What no ``Guard`` has kept in."""
        if isinstance(context.get("exception"), MemoryError):
            self()
        else:
            loop.default_exception_handler(context)


def main() -> None:
    """Run until the supervisor ends it."""
    parser = argparse.ArgumentParser(prog="evertape-recorder", description="Part of Evertape; started by it.")
    parser.add_argument("--supervisor-fd", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--service", required=True)
    parser.add_argument("--feed-socket", default="")
    parser.add_argument("--log-level", default="info")
    args = parser.parse_args()
    log_to_supervisor(args.name, args.log_level)
    code = 1
    try:
        code = asyncio.run(_run(args))
    except MemoryError:
        code = EXIT_OUT_OF_MEMORY
    except Exception:
        log.exception("[STREAMING] %s ends because of a mistake in Evertape", args.name)
    leave(code)


if __name__ == "__main__":
    main()
