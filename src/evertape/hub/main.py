"""``python -m evertape.hub.main``: the hub as a process."""

from __future__ import annotations

import os
import sys

# Recording comes first, also while this is being loaded: it takes a second of one processor.
if __name__ == "__main__" and sys.platform != "win32":
    os.nice(5)

import argparse
import asyncio
import logging

from evertape.clock import SystemClock
from evertape.engine.child import SupervisorLine, leave
from evertape.hub.connections import prepare_process, quiet
from evertape.hub.process import HubProcess
from evertape.ipc.logpipe import log_to_supervisor

log = logging.getLogger(__name__)


async def _run(args: argparse.Namespace) -> int:
    ending: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    hub = HubProcess(SystemClock())
    line = SupervisorLine(
        args.supervisor_fd,
        "hub",
        args.name,
        SystemClock(),
        hub.message,
        lambda deadline_s: None if ending.done() else ending.set_result(deadline_s),
    )
    hub.tell = line.send
    await hub.close(await ending)
    return 0


def main() -> None:
    """Run until the supervisor ends it."""
    parser = argparse.ArgumentParser(prog="evertape-hub", description="Part of Evertape; started by it.")
    parser.add_argument("--supervisor-fd", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--log-level", default="info")
    args = parser.parse_args()
    log_to_supervisor(args.name, args.log_level)
    prepare_process()
    quiet()
    code = 1
    try:
        code = asyncio.run(_run(args))
    except Exception:
        log.exception("[PROCESS] %s ends because of a mistake in Evertape", args.name)
    leave(code)


if __name__ == "__main__":
    main()
