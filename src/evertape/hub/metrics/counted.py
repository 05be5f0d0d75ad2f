"""What the hub counts itself, from the moment it is started: requests, and what the news tell.

Threads: the owner's loop only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evertape.domain.camera_events import StreamStatus
from evertape.hub.services import Services
from evertape.ipc.events import AnyEvent, CameraStateChanged, GapClosed, GapOpened
from evertape.types import NS_PER_S

PART = "counted"
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")

_LOST = frozenset(
    (
        StreamStatus.STALLED,
        StreamStatus.RECONNECTING,
        StreamStatus.WAITING,
        StreamStatus.DISCONNECTED,
        StreamStatus.AUTH_FAILED,
        StreamStatus.ERROR,
    )
)


class Counted:
    """Sums since the hub was started.

    Attributes:
        requests: by class of status, such as ``2xx``.
        reconnects: by camera and stream.
        gaps: that ended, by camera and cause.
        gap_seconds: likewise.
    """

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter(dict.fromkeys(CLASSES[1:], 0))
        self.reconnects: Counter[tuple[str, str]] = Counter()
        self.gaps: Counter[tuple[str, str]] = Counter()
        self.gap_seconds: dict[tuple[str, str], float] = {}
        self._lost: set[tuple[str, str]] = set()

    def news(self, events: Sequence[AnyEvent]) -> None:
        """Something happened."""
        for event in events:
            if isinstance(event, CameraStateChanged):
                self._stream((event.camera, event.stream), event.state)
            elif isinstance(event, GapOpened):
                # From now on there is a zero to rise from: Prometheus does not see a rise from nothing.
                self._ended((event.camera, event.cause), 0, 0.0)
            elif isinstance(event, GapClosed):
                seconds = max(0, event.end_utc - event.start_utc) / NS_PER_S
                self._ended((event.camera, event.cause), 1, seconds)

    def answered(self, status: int) -> None:
        """A request was."""
        self.requests[CLASSES[min(max(status // 100, 1), 5) - 1]] += 1

    def _ended(self, key: tuple[str, str], gaps: int, seconds: float) -> None:
        self.gaps[key] += gaps
        self.gap_seconds[key] = self.gap_seconds.get(key, 0.0) + seconds

    def _stream(self, stream: tuple[str, str], state: str) -> None:
        if state in _LOST:
            self._lost.add(stream)
        elif state == StreamStatus.STOPPED:
            self._lost.discard(stream)
        elif state == StreamStatus.CONNECTED and stream in self._lost:
            self._lost.discard(stream)
            self.reconnects[stream] += 1


class RequestCount:
    """Counts every HTTP request that is answered, also those that are turned away.

    Args:
        app: the application within.
        counted: where.
    """

    def __init__(self, app: ASGIApp, counted: Counted) -> None:
        self._app = app
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._counted.answered(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            # A mistake of ours is answered further out.
            if not begun:
                self._counted.answered(500)
            raise


def counted_of(services: Services) -> Counted:
    """The hub's; it hears the news from its making on."""
    found: Counted | None = services.parts.get(PART)
    if found is None:
        found = services.parts[PART] = Counted()
        services.news.call(found.news)
    return found
