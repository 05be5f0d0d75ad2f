"""The dead man's heartbeat: a URL is fetched while all is well, so that its owner notices when nobody fetches it.

Threads: the owner's loop; fetching has a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import urllib.request

from evertape.errors import EvertapeError
from evertape.hub.api.state import parse_cameras
from evertape.hub.services import Services
from evertape.types import NS_PER_S
from evertape.version import VERSION

log = logging.getLogger(__name__)

_FETCH_S = 10.0
_IDLE_S = 2.0


class Heartbeat:
    """See the module.

    Args:
        services: the hub's.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._task: asyncio.Task[None] | None = None
        self.problem = ""
        """Why it was not fetched the last time; empty: it was."""

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="heartbeat")

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            settings = self._services.config.alerts
            if settings.heartbeat_url is None:
                self.problem = ""
                await asyncio.sleep(_IDLE_S)
                continue
            problem = await self._why_not() or await self._fetch(settings.heartbeat_url.get_secret_value())
            if problem and not self.problem:
                log.warning("[ALERT] no heartbeat: %s", problem)
            self.problem = problem
            await asyncio.sleep(settings.heartbeat_interval / NS_PER_S)

    async def _why_not(self) -> str:
        """What speaks against it: a camera that should be recorded is not."""
        try:
            raw = await self._services.engine.status()
        except EvertapeError as error:
            return error.what
        missing = [one.id for one in parse_cameras(raw) if one.recording.wanted and one.recording.state != "recording"]
        missing += list(raw.get("waiting", ()))
        return f"not recorded: {', '.join(missing)}" if missing else ""

    async def _fetch(self, url: str) -> str:
        try:
            async with asyncio.timeout(_FETCH_S + 1):
                await asyncio.to_thread(fetch, url)
        except (OSError, ValueError, TimeoutError) as error:
            # Its text may hold the URL, which is a secret.
            return f"the heartbeat's URL cannot be fetched: {type(error).__name__}"
        return ""


def fetch(url: str) -> None:
    """Fetch a URL and forget what it says; blocking. Raises ``OSError``, ``ValueError``."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("no HTTP URL")
    request = urllib.request.Request(url, headers={"User-Agent": f"evertape/{VERSION}"})
    with urllib.request.urlopen(request, timeout=_FETCH_S) as answer:
        answer.read(1024)
