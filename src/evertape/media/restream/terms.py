"""What is served, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evertape.types import Stream


@dataclass(frozen=True, slots=True)
class Served:
    """One stream that can be asked for.

    Args:
        path: in the URL, with its slash: ``/gate``, ``/gate/sub``.
        camera: the camera's id.
        stream: which of its streams.
        socket: the feed socket of its recorder.
    """

    path: str
    camera: str
    stream: Stream
    socket: str


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody may watch.

    Args:
        who: a name for the log.
        cameras: which he may see; ``None``: all.
    """

    who: str
    cameras: frozenset[str] | None

    def sees(self, camera: str) -> bool:
        """Whether he may see it."""
        return self.cameras is None or camera in self.cameras


Admit = Callable[[str, str, str], Grant | None]
"""Name, password and address of who asks; ``None``: no. Called on the server's threads, may block for a while."""
