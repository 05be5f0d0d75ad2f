"""The screen to print tables and progress on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console

_PIPE_WIDTH = 200


def screen() -> Console:
    """Standard output. A pipe has no width: tables in it are wide enough not to be cut or folded."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)


@contextlib.contextmanager
def progress_bar(title: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on standard error, told what is done and of how much; ``None`` where no person sees it."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
