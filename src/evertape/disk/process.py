"""The disk process: ``python -m evertape.disk.process --socket PATH --supervisor-fd N --name disk-usb1``.

One per volume, and one for the data folder (role ``data``), which keeps the journal. The main thread runs
the loop and never touches the volume; worker threads do, and may hang there without anybody else noticing.
"""

from __future__ import annotations

import sys

# asyncio loads the TLS library if it can, and we only speak over local sockets: 4 MB less in every disk process.
if __name__ == "__main__":
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]

import argparse
import asyncio
import logging
import os
import socket

from evertape.disk.service import DiskService
from evertape.ipc.logpipe import log_to_supervisor


def main(argv: list[str] | None = None) -> int:
    """Run until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="evertape-disk", description="One volume's disk process.")
    parser.add_argument("--socket", required=True, help="where to listen")
    parser.add_argument("--supervisor-fd", required=True, type=int, help="an inherited, connected socket")
    parser.add_argument("--name", required=True, help="such as disk-usb1")
    parser.add_argument("--log-level", default="info")
    args = parser.parse_args(argv)
    log_to_supervisor(args.name, args.log_level)
    supervisor = socket.socket(fileno=args.supervisor_fd)
    clean = asyncio.run(_run(supervisor, args.socket, args.name))
    logging.shutdown()
    # Not a plain return: a thread that is stuck in the kernel would keep the interpreter from leaving.
    os._exit(0 if clean else 1)


async def _run(supervisor: socket.socket, path: str, name: str) -> bool:
    return await DiskService(supervisor, path, name).run()


if __name__ == "__main__":
    main()
