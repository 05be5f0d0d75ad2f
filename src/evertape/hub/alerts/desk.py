"""Hears of alerts, and has people told: the effects around ``domain.alerting``.

What is wrong is read from the index when the hub begins, and whenever the line to the engine was broken; from then on
news tell. What people were told of is kept in a small file, so that a hub that is replaced does not tell it again.

Threads: the owner's loop; files and the index in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from evertape.config.files import replace_file
from evertape.config.sections_hub import Alerts
from evertape.config.values import quiet_hours
from evertape.domain.alerting import Alerted, Alerting, Notice, Terms, begin, end, settle, tick
from evertape.errors import EvertapeError
from evertape.hub.alerts.channels import Line, Send, send
from evertape.hub.alerts.heartbeat import Heartbeat
from evertape.hub.api.status import volume_states
from evertape.hub.services import Services
from evertape.ipc.events import Alert, AnyEvent
from evertape.store.index import View
from evertape.types import NS_PER_S

log = logging.getLogger(__name__)

_TICK_S = 0.25
_FORECAST_S = 600.0
_BACK_NS = 90 * 86_400 * NS_PER_S
_MOST = 20_000
FORECAST = "volume_forecast"
FILE = "told.json"
"""In the folder of state files; the supervisor's own are ``engine.state_files``."""
PART = "alerts"


class AlertDesk:
    """See the module.

    Args:
        services: the hub's.
        deliver: what sends to a channel.
    """

    def __init__(self, services: Services, deliver: Send = send) -> None:
        self._services = services
        self._deliver = deliver
        self._state = Alerting()
        self._lines: dict[str, Line] = {}
        self._settings: Alerts | None = None
        self._kept: bytes = b""
        self._heard: list[Alert] | None = []
        """News since it began, while what was before is being read; ``None``: it has been read."""
        self._tasks: list[asyncio.Task[None]] = []
        self.heartbeat = Heartbeat(services)
        self.listeners: list[Callable[[Notice], object]] = []
        """Who else is told of each notice."""

    def start(self) -> None:
        """Begin to listen and to tell."""
        self._services.news.call(self._news)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(task, name="alerts") for task in (self._run(), self._forecasts())]
        self.heartbeat.start()

    async def close(self) -> None:
        """Let go."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.heartbeat.close()
        for line in self._lines.values():
            line.close()

    @property
    def active(self) -> list[Alerted]:
        """What is wrong now, the newest last."""
        return sorted((one for one in self._state.active.values() if not one.over), key=lambda one: one.since)

    @property
    def lines(self) -> dict[str, Line]:
        """The channels, by name."""
        self._configure()
        return self._lines

    def interrupted(self) -> None:
        """The line to the engine stands again: something may have happened that nobody heard."""
        if self._heard is None:
            self._heard = []

    # -- hearing --------------------------------------------------------------------------------------------

    def _news(self, events: Sequence[AnyEvent]) -> None:
        for event in events:
            if not isinstance(event, Alert):
                continue
            if self._heard is not None:
                self._heard.append(event)
            self._hear(event)

    def _hear(self, event: Alert) -> None:
        now = int(self._services.clock.utc_ns())
        alert = alerted(event)
        change = begin if event.state == "raised" else end
        self._state = change(self._state, alert, now)

    async def _read(self) -> None:
        """What is wrong as the index knows it, and as was heard since."""
        heard, now = self._heard, int(self._services.clock.utc_ns())
        found = await self._services.reading.ask(lambda index: still_raised(index, now - _BACK_NS))
        forecasts = [one for one in self._state.active.values() if one.kind == FORECAST and not one.over]
        self._state = settle(self._state, [*found, *forecasts], now)
        self._heard = None
        for event in heard or ():
            self._hear(event)

    # -- telling --------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        await self._load()
        while True:
            if self._heard is not None:
                try:
                    await self._read()
                except EvertapeError as error:
                    log.debug("[ALERT] what was wrong before is not known yet: %s", error.what)
                    await asyncio.sleep(1.0)
            self._configure()
            self._tick()
            await self._keep()
            await asyncio.sleep(_TICK_S)

    def _tick(self) -> None:
        config = self._services.config
        zone = config.installation.timezone
        now = int(self._services.clock.utc_ns())
        local = datetime.fromtimestamp(now / NS_PER_S, ZoneInfo(str(zone)) if zone else None)
        self._state, notice = tick(self._state, now, local, terms_of(config.alerts))
        if notice is None:
            return
        for line in self._lines.values():
            line.tell(notice, config.installation.name)
        for listener in self.listeners:
            listener(notice)

    def _configure(self) -> None:
        settings = self._services.config.alerts
        if settings is self._settings:
            return
        self._settings = settings
        for name, line in list(self._lines.items()):
            if settings.channels.get(name) != line.settings:
                self._lines.pop(name).close()
        for name, channel in settings.channels.items():
            if name not in self._lines:
                self._lines[name] = Line(name, channel, self._deliver)

    # -- forecasts ------------------------------------------------------------------------------------------

    async def _forecasts(self) -> None:
        while True:
            least = self._services.config.alerts.min_days
            try:
                volumes = await volume_states(self._services, await self._services.engine.status())
            except EvertapeError:
                await asyncio.sleep(5.0)
                continue
            short = {
                one.name: one.days_kept
                for one in volumes
                if one.days_kept is not None and one.days_kept < least and one.role != "retired"
            }
            self._forecast(short, least)
            await asyncio.sleep(_FORECAST_S)

    def _forecast(self, short: dict[str, float], least: float) -> None:
        now = int(self._services.clock.utc_ns())
        for name, days in short.items():
            text = f"volume {name} holds {days:.1f} days of footage at the present rate, fewer than {least:g}"
            hint = "use a larger disk, fewer or smaller streams, or lower alerts.min_days"
            detail = {"days": round(days, 1), "least": least}
            alert = Alerted(FORECAST, volume=name, text=f"{text}; {hint}", since=now, detail=detail)
            self._state = begin(self._state, alert, now)
        for old in [one for one in self._state.active.values() if one.kind == FORECAST and one.volume not in short]:
            over = replace(old, text=f"volume {old.volume} holds enough days of footage again")
            self._state = end(self._state, over, now)

    # -- remembering ----------------------------------------------------------------------------------------

    @property
    def _file(self) -> Path:
        return self._services.settings.data.root / "state" / FILE

    async def _load(self) -> None:
        with contextlib.suppress(OSError, ValueError, TypeError):
            text = await asyncio.to_thread(self._file.read_bytes)
            found = [Alerted(**one) for one in json.loads(text)]
            self._state = Alerting({one.key: one for one in found}, 0)
            self._kept = text
        if any(not one.told or one.over for one in self._state.active.values()):
            self._state = replace(self._state, waiting_since=int(self._services.clock.utc_ns()))

    async def _keep(self) -> None:
        text = json.dumps([asdict(one) for one in self._state.active.values()], ensure_ascii=False).encode()
        if text == self._kept:
            return
        self._kept = text
        try:
            # Not wait_for, which in Python 3.11 may swallow a cancellation.
            async with asyncio.timeout(5.0):
                await asyncio.to_thread(_write, self._file, text)
        except (OSError, TimeoutError) as error:
            log.debug("[ALERT] what was told cannot be remembered: %s", error)


def _write(file: Path, text: bytes) -> None:
    file.parent.mkdir(exist_ok=True)
    replace_file(file, text)


def alerted(event: Alert) -> Alerted:
    """As the domain has it."""
    return Alerted(event.kind, event.camera, event.volume, event.text, event.at, detail=event.detail)


def still_raised(index: View, start: int) -> list[Alerted]:
    """What was raised and not ended, as the index knows it; blocking."""
    latest: dict[tuple[str, str, str], tuple[str, Alerted]] = {}
    for row in index.events([Alert], start=start, limit=_MOST):
        body = row.body
        kind, volume, text = (str(body.get(name, "")) for name in ("kind", "volume", "text"))
        alert = Alerted(kind, row.camera, volume, text, row.at, detail=body.get("detail") or {})
        latest.setdefault(alert.key, (str(body.get("state", "")), alert))
    return [alert for state, alert in latest.values() if state == "raised"]


def terms_of(settings: Alerts) -> Terms:
    """As configured."""
    quiet = quiet_hours(settings.quiet) if settings.quiet else None
    return Terms(settings.group, quiet, settings.quiet_all)
