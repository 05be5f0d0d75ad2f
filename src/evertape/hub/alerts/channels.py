"""One way to tell people each: messages wait in line, are tried again, and hold up nobody else's.

Threads: the owner's loop; what sends blocks, and has a thread of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import apprise

from evertape.config.sections_hub import Channel, Told
from evertape.domain.alerting import Notice, Severity, body, subject
from evertape.redact import redact

log = logging.getLogger(__name__)
# It writes whole URLs, which hold passwords.
logging.getLogger("apprise").setLevel(logging.CRITICAL)

DEADLINE_S = 30.0
_AGAIN_S = (2.0, 10.0, 30.0, 60.0, 300.0)
_MOST = 100

Send = Callable[[str, str, str], str]
"""URL, subject, text; returns what went wrong, or nothing. Blocking."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent."""

    title: str
    text: str


def send(url: str, title: str, text: str) -> str:
    """Send by Apprise."""
    told = apprise.Apprise()
    if not told.add(url):
        return "Apprise does not understand this URL"
    kind = apprise.NotifyType.INFO if text.startswith("✓") else apprise.NotifyType.WARNING
    if told.notify(body=text, title=title, notify_type=kind):
        return ""
    return "it was not accepted"


def shown(url: str) -> str:
    """As much of a URL as is no secret: what kind it is, and the host of those that have one of their own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    own = parts.scheme in (
        "mailto",
        "mailtos",
        "json",
        "jsons",
        "xml",
        "xmls",
        "form",
        "forms",
        "mqtt",
        "mqtts",
        "ntfy",
        "ntfys",
    )
    return f"{parts.scheme}://{host}" if own and host else f"{parts.scheme}://"


class Line:
    """One channel. See the module.

    Args:
        name: as configured.
        settings: likewise.
        deliver: what sends.
    """

    def __init__(self, name: str, settings: Channel, deliver: Send = send) -> None:
        self.name = name
        self.settings = settings
        self._send = deliver
        self._url = settings.url.get_secret_value()
        self._waiting: deque[Message] = deque(maxlen=_MOST)
        self._some = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, f"alerts {name}")
        self.problem = ""
        """What went wrong with the last message; empty: nothing."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"alerts {name}")

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def tell(self, notice: Notice, place: str) -> None:
        """Put a notice into the line, as far as this channel wants it."""
        wanted = self._wanted(notice)
        if wanted is not None:
            self._waiting.append(Message(subject(wanted, place), body(wanted)))
            self._some.set()

    async def try_out(self, title: str, text: str) -> str:
        """Send a message now, past the line; what went wrong, or nothing."""
        self.problem = await self._deliver(Message(title, text))
        return self.problem

    def close(self) -> None:
        """Let go; what waits is lost."""
        self._task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _wanted(self, notice: Notice) -> Notice | None:
        began, ended = notice.began, notice.ended if self.settings.ended else ()
        if self.settings.alerts is Told.CRITICAL:
            began = tuple(one for one in began if one.severity is Severity.CRITICAL)
            ended = tuple(one for one in ended if one.severity is Severity.CRITICAL)
        return Notice(began, ended, notice.still) if began or ended else None

    async def _run(self) -> None:
        tried = 0
        while True:
            if not self._waiting:
                self._some.clear()
                await self._some.wait()
            message = self._waiting[0]
            problem = await self._deliver(message)
            if problem:
                if problem != self.problem:
                    log.warning("[ALERT] %s could not be told: %s; it is tried again", self.name, problem)
                self.problem = problem
                await asyncio.sleep(_AGAIN_S[min(tried, len(_AGAIN_S) - 1)])
                tried += 1
                continue
            if self.problem:
                log.info("[ALERT] %s can be told again", self.name)
            self.problem, tried = "", 0
            # It may have been pushed out by newer ones meanwhile.
            if self._waiting and self._waiting[0] is message:
                self._waiting.popleft()
            log.info("[ALERT] told %s: %s", self.name, message.title)

    async def _deliver(self, message: Message) -> str:
        loop = asyncio.get_running_loop()
        sending = loop.run_in_executor(self._thread, self._send, self._url, message.title, message.text)
        try:
            async with asyncio.timeout(DEADLINE_S):
                return redact(await sending)
        except TimeoutError:
            # The thread may hang on; the next message gets another one.
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = ThreadPoolExecutor(1, f"alerts {self.name}")
            return f"no answer within {DEADLINE_S:.0f} s"
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises; its text may hold the URL
            return f"{type(error).__name__}: {redact(str(error)).replace(self._url, '…')}"
