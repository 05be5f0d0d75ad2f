"""A configured camera's source: the running service's feed, or a session of its own while no service runs.

So that one installation holds one session with a camera, a view lets go of its own as soon as a service is there, and
makes one only when the service has been away for longer than any restart of it takes. Threads: the view's; whether a
service runs is found out on a thread of its own, because that asks another process.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence

from evertape.errors import EvertapeError
from evertape.media.view.terms import SourceEvent, ViewSource
from evertape.types import NS_PER_S

LOOK_S = 0.5
"""How often it is found out whether a service runs: its recorder asks for a session within a second of its start."""

AWAY_NS = 15 * NS_PER_S
"""A service manager starts a service that died again within seconds, and its recorder then wants the session."""


class HandoverSource:
    """See the module; a ``ViewSource``.

    Args:
        feed: makes the source that the service feeds.
        own: makes the source that asks the camera.
        serves: whether a service runs that has this camera; may block, called on a thread of its own.
        on_feed: with which of them to begin.
        look_s: how often to find out.
        away_ns: so long after the last sign of the service it is gone.
    """

    def __init__(
        self,
        feed: Callable[[], ViewSource],
        own: Callable[[], ViewSource],
        serves: Callable[[], bool],
        *,
        on_feed: bool,
        look_s: float = LOOK_S,
        away_ns: int = AWAY_NS,
    ) -> None:
        self._feed = feed
        self._own = own
        self._serves = serves
        self._look_s = look_s
        self._away_ns = away_ns
        self._on_feed = on_feed
        self._source = (feed if on_feed else own)()
        self._found = on_feed
        self._found_ns: int | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="evertape handover", daemon=True)
        self._thread.start()

    @property
    def on_feed(self) -> bool:
        """It is the service's feed that is shown."""
        return self._on_feed

    def poll(self, now_ns: int) -> Sequence[SourceEvent]:
        """See ``ViewSource``."""
        if self._found or self._found_ns is None:
            self._found_ns = now_ns
        wants_feed = self._found or (self._on_feed and now_ns - self._found_ns < self._away_ns)
        if wants_feed is not self._on_feed:
            self._on_feed = wants_feed
            # First, so that the camera never has two sessions of ours.
            self._source.close()
            self._source = (self._feed if wants_feed else self._own)()
        return self._source.poll(now_ns)

    def fileno(self) -> int | None:
        """See ``ViewSource``."""
        return self._source.fileno()

    def close(self) -> None:
        """See ``ViewSource``."""
        self._closing.set()
        self._source.close()

    def _watch(self) -> None:
        while not self._closing.wait(self._look_s):
            found = False
            with contextlib.suppress(EvertapeError):
                found = self._serves()
            self._found = found
