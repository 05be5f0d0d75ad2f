"""A recorder with canned answers, as a ``Link``: tests change ``state`` and see what the window makes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from evertape_desktop.backend.link import Answer
from evertape_desktop.backend.problem import Problem

NOW = "2026-11-24T10:30:00.000000000Z"


def camera(
    camera_id: str, name: str = "", *, recording: str = "recording", state: str = "connected", **more: Any
) -> Any:
    """A camera of ``GET /status``."""
    stream = {"stream": "main", "state": state, "codec": "h264", "width": 1920, "height": 1080, "fps": 25.0}
    doing = {
        "wanted": recording != "off", "state": recording, "volume": "usb1", "file": f"{camera_id}/2026-11-24/10.mp4",
        "recorded_s": 61.0, "bytes": 31_000_000, "segments": 1, "attempt": 0, "retry_max": 20,
    }  # fmt: skip
    return {"id": camera_id, "name": name or camera_id, "sub": True, "streams": [stream], "recording": doing, **more}


def volume(name: str = "usb1", *, state: str = "online", **more: Any) -> Any:
    """A volume of ``GET /status``."""
    well = state == "online"
    return {
        "name": name, "id": "11111111-1111-4111-8111-111111111111", "role": "primary", "path": f"/mnt/{name}",
        "state": state, "usable": well, "trouble": None if well else "usb_disconnected",
        "label": "Disk Usage: 80.0 GB (371 files) | Free: 120.0 GB" if well else "⚠ Storage: USB Disconnected",
        "free": 120_000_000_000, "total": 200_000_000_000, "used": 80_000_000_000, "files": 371, **more,
    }  # fmt: skip


class CannedLink:
    """See the module.

    ``answers`` maps ``"GET /path"`` to JSON, a ``Problem``, or a function of (query, body) that gives one of them;
    ``asked`` remembers every request. ``say`` sends an event. ``is_away``: nobody answers.
    """

    def __init__(self) -> None:
        self.state: dict[str, Any] = {
            "name": "Farm", "version": "0", "now": NOW, "started": NOW, "timezone": "UTC", "data": "/data",
            "cameras": [camera("door", "Front door"), camera("gate", "Gate", recording="off")],
            "volumes": [volume()], "ring": {"bytes": 0, "budget": 1}, "processes": [],
        }  # fmt: skip
        self.answers: dict[str, Any] = {
            "GET /alerts": {"alerts": []},
            "GET /timeline": {"start": NOW, "end": NOW, "now": NOW, "resolution": 0.0, "cameras": []},
            "GET /ledger": {"gaps": [], "next": None},
            "GET /events": {"events": [], "next": None},
            "GET /log": {"lines": []},
            "GET /protections": {"protections": []},
            "GET /exports": {"exports": []},
        }
        self.asked: list[tuple[str, dict[str, Any], Any]] = []
        self.is_away = False
        self.sources: Callable[[str, str], Any] | None = None
        self._events: asyncio.Queue[dict[str, Any] | None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def name(self) -> str:
        return "a canned recorder"

    async def request(
        self, method: str, path: str, query: Mapping[str, Any], body: Any, headers: Mapping[str, str]
    ) -> Answer:
        if self.is_away:
            raise Problem("unreachable", "the recorder cannot be reached")
        if (method, path) != ("GET", "/status"):
            self.asked.append((f"{method} {path}", dict(query), body))
        found = self.state if path == "/status" else self.answers.get(f"{method} {path}", {})
        if callable(found):
            found = found(dict(query), body)
        if isinstance(found, Problem):
            raise found
        if isinstance(found, bytes):
            return Answer(200, found, "application/octet-stream")
        return Answer(200, json.dumps(found).encode(), "application/json")

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        self._loop, self._events = asyncio.get_running_loop(), asyncio.Queue()
        yield {"type": "open"}
        while (said := await self._events.get()) is not None:
            yield said
        raise Problem("unreachable", "the recorder has hung up")

    def hang_up(self) -> None:
        """The line of events breaks; it is opened anew. From any thread."""
        assert self._loop is not None and self._events is not None, "nobody listens yet"
        self._loop.call_soon_threadsafe(self._events.put_nowait, None)

    @property
    def is_heard(self) -> bool:
        """Somebody listens to events."""
        return self._events is not None

    def say(self, kind: str, camera_id: str = "", **fields: Any) -> None:
        """Something happens. From any thread."""
        assert self._loop is not None and self._events is not None, "nobody listens yet"
        event = {"type": "event", "id": "e", "at": NOW, "kind": kind, "camera": camera_id, "fields": fields}
        self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    def source(self, camera_id: str, stream: str) -> Any:
        assert self.sources is not None, "this test has no pictures"
        return self.sources(camera_id, stream)

    @property
    def can_stay(self) -> bool:
        return False

    async def log_in(self, name: str, password: str, stay: bool = False) -> None:
        self.asked.append(("log in", {"name": name}, None))

    async def close(self) -> None:
        pass
