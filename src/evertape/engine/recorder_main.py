"""``python -m evertape.engine.recorder_main``: the recorder as a process of its own."""

from __future__ import annotations

import sys

# asyncio loads the TLS library if it can. Who needs it, a session with an rtsps camera, loads it by itself.
if __name__ == "__main__":
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]

import argparse
import asyncio
import logging

from evertape.clock import SystemClock
from evertape.engine.child import SupervisorLine, leave
from evertape.engine.recorder import Recorder
from evertape.ipc.logpipe import log_to_supervisor
from evertape.media.transcode import default_transcoder

if sys.modules.get("ssl", True) is None:
    del sys.modules["ssl"]

log = logging.getLogger(__name__)


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
    done = await recorder.close(await ending)
    if not done:
        log.error("[RECORDING] %s leaves with files unfinished; they are finished at the next start", args.name)
    return 0 if done else 1


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
    except Exception:
        log.exception("[STREAMING] %s ends because of a mistake in Evertape", args.name)
    leave(code)


if __name__ == "__main__":
    main()
