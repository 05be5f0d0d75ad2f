"""``python -m evertape.cli.serve_main DATA CONFIG``: what ``evertape serve`` becomes.

A service lives for months, so it does not carry the libraries that parse a command line and draw tables (10 MB).
"""

from __future__ import annotations

import sys

# Loaded by others if they are there: TLS by asyncio, Rich by structlog. A supervisor needs neither.
if __name__ == "__main__":
    for name in ("ssl", "rich"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]

import asyncio
import logging
import traceback
from pathlib import Path

from evertape.cli.logging import set_up_logging
from evertape.cli.place import Place
from evertape.cli.service import make_directories, only_one, raise_file_limit, run_service
from evertape.config.paths import DataDir
from evertape.errors import EvertapeError
from evertape.redact import redact

log = logging.getLogger("evertape.serve")


def serve(place: Place) -> int:
    """Run the service until it is told to stop; returns the exit code.

    Raises:
        EvertapeError: it cannot be started here.
    """
    loaded = place.load()
    settings = loaded.config.logging
    set_up_logging(str(settings.level), str(settings.format))
    for warning in loaded.warnings:
        log.warning("[CONFIG] %s", warning)
    make_directories(place.data, loaded.config)
    with only_one(place.data):
        files = raise_file_limit()
        log.info("[PROCESS] recording into %s, configured by %s, %d open files", place.data.root, place.config, files)
        clean = asyncio.run(run_service(place, loaded))
    if not clean:
        log.error("[PROCESS] not every file was finished; the next start finishes them")
    return 0 if clean else 1


def main() -> int:
    """Serve the place that the command line names."""
    data, config = map(Path, sys.argv[1:3])
    try:
        return serve(Place(DataDir(data), config, chosen=True))
    except EvertapeError as error:
        print(f"evertape: {error.what}", file=sys.stderr)
        if error.hint:
            print(f"  → {error.hint}", file=sys.stderr)
        return error.exit_code
    except Exception:  # noqa: BLE001 - the process's edge; the traceback, which may quote a URL, is masked and logged
        log.critical("[PROCESS] this is a mistake in Evertape: %s", redact(traceback.format_exc()))
        return 1


if __name__ == "__main__":
    sys.exit(main())
