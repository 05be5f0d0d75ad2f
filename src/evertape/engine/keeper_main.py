"""``python -m evertape.engine.keeper_main``: the keeper as a process."""

from __future__ import annotations

import sys

# asyncio loads the TLS library if it can, and we only speak over local sockets: 4 MB less.
if __name__ == "__main__":
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]

import argparse
import asyncio
import logging
from collections.abc import Callable

from evertape.clock import SystemClock
from evertape.engine.child import SupervisorLine, leave
from evertape.engine.keeper import Keeper
from evertape.ipc.logpipe import log_to_supervisor
from evertape.ipc.messages import Message

log = logging.getLogger(__name__)


async def _run(args: argparse.Namespace) -> int:
    ending: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    clock = SystemClock()
    keeper = Keeper(args.name, clock)

    line = SupervisorLine(
        args.supervisor_fd,
        "keeper",
        args.name,
        clock,
        lambda message: obey(keeper.message, message, args.name),
        lambda deadline_s: None if ending.done() else ending.set_result(deadline_s),
    )
    keeper.tell = line.send
    return 0 if await keeper.close(await ending) else 1


def obey(hear: Callable[[Message], None], message: Message, name: str) -> None:
    """Have ``hear`` do what the supervisor says; if it cannot, end the process, so that another one is tried."""
    try:
        hear(message)
    except Exception:
        # Half told is idle for ever, without anybody noticing.
        log.exception("[PROCESS] %s cannot do what it was told", name)
        leave(70)


def main() -> None:
    """Run until the supervisor ends it."""
    parser = argparse.ArgumentParser(prog="evertape-keeper", description="Part of Evertape; started by it.")
    parser.add_argument("--supervisor-fd", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--log-level", default="info")
    args = parser.parse_args()
    log_to_supervisor(args.name, args.log_level)
    code = 1
    try:
        code = asyncio.run(_run(args))
    except Exception:
        log.exception("[PROCESS] %s ends because of a mistake in Evertape", args.name)
    leave(code)


if __name__ == "__main__":
    main()
