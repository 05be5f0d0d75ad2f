"""``python -m evertape.hub.restream_main``: the restream as a process of its own, because it needs GStreamer."""

from __future__ import annotations

import os
import sys

# Recording comes first.
if __name__ == "__main__" and sys.platform != "win32":
    os.nice(5)

import argparse
import asyncio
import logging

from evertape.clock import SystemClock
from evertape.engine.child import SupervisorLine, leave
from evertape.errors import SetupError
from evertape.ipc.logpipe import log_to_supervisor

log = logging.getLogger(__name__)

EXIT_MISSING = 69
"""EX_UNAVAILABLE: GStreamer's RTSP server is not installed."""


async def _run(args: argparse.Namespace) -> int:
    from evertape.hub.restream import RestreamProcess

    ending: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    restream = RestreamProcess(SystemClock())
    line = SupervisorLine(
        args.supervisor_fd,
        "restream",
        args.name,
        SystemClock(),
        restream.message,
        lambda deadline_s: None if ending.done() else ending.set_result(deadline_s),
    )
    await ending
    del line
    await restream.close()
    return 0


def main() -> None:
    """Run until the supervisor ends it."""
    parser = argparse.ArgumentParser(prog="evertape-restream", description="Part of Evertape; started by it.")
    parser.add_argument("--supervisor-fd", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--log-level", default="info")
    args = parser.parse_args()
    log_to_supervisor(args.name, args.log_level)
    code = 1
    try:
        code = asyncio.run(_run(args))
    except SetupError as error:
        log.error("[RESTREAM] %s; %s", error.what, error.hint)
        code = EXIT_MISSING
    except Exception:
        log.exception("[PROCESS] %s ends because of a mistake in Evertape", args.name)
    leave(code)


if __name__ == "__main__":
    main()
