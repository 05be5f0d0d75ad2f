"""How a child process comes to be: what a launcher gives, and the plain way, ``python -m module``.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import evertape

LINE_BYTES = 1 << 20
"""The longest line of a child's log."""


class Launched(Protocol):
    """A process that was started; what ``asyncio.subprocess.Process`` offers of it."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def returncode(self) -> int | None:
        """Its exit code, or minus the signal that ended it; ``None`` while it runs."""

    @property
    def stderr(self) -> asyncio.StreamReader | None:
        """What it says there."""

    async def wait(self) -> int:
        """Wait until it has ended; returns its exit code."""

    def kill(self) -> None:
        """End it now. Raises ``ProcessLookupError`` if there is no such process."""


class Launcher(Protocol):
    """Starts processes."""

    async def start(self, module: str, arguments: Sequence[str], fd: int) -> Launched:
        """Run ``module`` as a process of its own, in a session of its own: Ctrl-C is not for it.

        Args:
            module: has ``main()``, and does the same as ``python -m module``.
            arguments: for its command line, after ``--supervisor-fd N``.
            fd: an open socket, which the process gets as ``N``; remains the caller's here.

        Raises:
            OSError: it could not be started.
        """


class ExecLauncher:
    """A new interpreter for each process: works everywhere, and shares nothing."""

    async def start(self, module: str, arguments: Sequence[str], fd: int) -> Launched:
        """See ``Launcher``."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, "--supervisor-fd", str(fd), *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(fd,),
            start_new_session=True,
            env=environment(),
            limit=LINE_BYTES,
        )  # fmt: skip


def environment() -> dict[str, str]:
    """What a child finds in its environment."""
    variables = dict(os.environ)
    # Freed memory goes back: without it a recorder's arenas stay as large as its worst second.
    variables.setdefault("MALLOC_ARENA_MAX", "2")
    variables["PYTHONUNBUFFERED"] = "1"
    # A child runs the code its parent runs, wherever that was imported from.
    root = str(Path(evertape.__file__).parent.parent)
    others = [entry for entry in variables.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != root]
    variables["PYTHONPATH"] = os.pathsep.join([root, *others])
    return variables
