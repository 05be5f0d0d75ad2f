"""Work on this machine's disks for the settings: never on the GUI thread, its failures in words for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from evertape.errors import EvertapeError
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.problem import Problem
from evertape_desktop.backend.reply import Reply

T = TypeVar("T")


def do_here(backend: Backend, work: Callable[[], T]) -> Reply:
    """Have ``work`` done on a thread of the link; the reply is told what it returned, or the ``Problem``."""

    async def done() -> T:
        try:
            return await asyncio.to_thread(work)
        except EvertapeError as error:
            raise Problem("failed", error.what, error.hint) from None
        except OSError as error:
            raise Problem("failed", f"{error.filename or ''}: {error.strerror or error}".lstrip(": ")) from None

    return backend.do(done())
