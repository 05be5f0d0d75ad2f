"""The screen to print tables on."""

from __future__ import annotations

from rich.console import Console

_PIPE_WIDTH = 200


def screen() -> Console:
    """Standard output. A pipe has no width: tables in it are wide enough not to be cut or folded."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)
