"""A service for the window, if none answers: started apart from it, as recording goes on when the window closes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from evertape.cli.place import Place
from evertape.errors import NotRunningError, SetupError

WAIT_S = 20.0
"""A service answers within two seconds; on a slow machine with a busy disk it may take longer."""
_LOOK_S = 0.1
LOG_FILE = "serve.log"
_LOG_MOST = 10 << 20


def answers(place: Place) -> bool:
    """Whether a service of this data directory answers."""
    try:
        place.ask("status")
    except NotRunningError:
        return False
    return True


def start_service(place: Place) -> Path:
    """Start one that outlives this process, and wait until it answers; returns its log.

    Raises:
        SetupError: it did not come up; the text has its last words.
    """
    file = place.data.root / LOG_FILE
    if file.exists() and file.stat().st_size > _LOG_MOST:
        file.replace(file.with_suffix(".log.1"))
    flags = ["-P"] if sys.flags.safe_path else []
    words = [sys.executable, *flags, "-m", "evertape.cli.serve_main", str(place.data.root), str(place.config)]
    with file.open("ab") as out:
        began = out.tell()
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd="/"
        )
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if answers(place):
            return file
        if process.poll() is not None:
            raise SetupError(f"the service ended with {process.returncode}: {_last_words(file, began)}")
        time.sleep(_LOOK_S)
    process.terminate()
    raise SetupError(f"the service did not answer within {WAIT_S:.0f} s", hint=f"{file} may say why")


def hub_answers(place: Place) -> bool:
    """Whether this installation has a hub that says where it listens; waits for one that begins."""
    from evertape.hub.place import hub_url

    if not place.load().config.hub.enabled:
        return False
    deadline = time.monotonic() + WAIT_S
    while not hub_url(place.data.root):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_S)
    return True


def _last_words(file: Path, began: int) -> str:
    with file.open("rb") as opened:
        opened.seek(max(began, opened.seek(0, os.SEEK_END) - 2000))
        lines = opened.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
