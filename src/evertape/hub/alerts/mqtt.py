"""Keeps a broker informed. A broker that is away costs nothing, and learns everything when it is back.

Threads: the owner's loop; Paho has a thread of its own, which only sets flags.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from evertape.config.sections_hub import Mqtt
from evertape.config.values import listen_address
from evertape.errors import EvertapeError
from evertape.hub.alerts.desk import AlertDesk
from evertape.hub.alerts.topics import OFFLINE, ONLINE, Published, availability, published
from evertape.hub.api.state import VolumeStatus, parse_cameras, parse_volumes
from evertape.hub.services import Services

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_KEEPALIVE_S = 20


class MqttBridge:
    """See the module.

    Args:
        services: the hub's.
        desk: what is wrong.
    """

    def __init__(self, services: Services, desk: AlertDesk) -> None:
        self._services = services
        self._desk = desk
        self._settings: Mqtt | None = None
        self._client: paho.Client | None = None
        self._there = Published()
        """What the broker holds."""
        self._connected = False
        self._fresh = False
        """It has connected since the last look, and may know nothing."""
        self._task: asyncio.Task[None] | None = None
        self._soon = asyncio.Event()
        self._said = ""

    def start(self) -> None:
        """Begin."""
        self._desk.listeners.append(lambda _notice: self._soon.set())
        self._task = asyncio.get_running_loop().create_task(self._run(), name="mqtt")

    async def close(self) -> None:
        """Say good-bye."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._leave()

    # -- inside ---------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            settings = self._services.config.mqtt
            if settings != self._settings:
                self._settings = settings
                self._leave()
                if settings.broker is not None:
                    self._join(settings)
            if self._client is not None:
                await self._publish(settings)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._soon.wait()
            self._soon.clear()

    def _join(self, settings: Mqtt) -> None:
        assert settings.broker is not None
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="", clean_session=True)
        if settings.user is not None:
            client.username_pw_set(settings.user, settings.password.get_secret_value() if settings.password else None)
        if settings.tls:
            client.tls_set()
        client.will_set(availability(settings.prefix), OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(1, 30)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        host, port = listen_address(settings.broker)
        client.connect_async(host, port, _KEEPALIVE_S)
        client.loop_start()
        self._client = client

    def _leave(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        if self._connected and self._settings is not None:
            client.publish(availability(self._settings.prefix), OFFLINE, qos=1, retain=True)
        client.disconnect()
        client.loop_stop()
        self._there, self._connected = Published(), False

    # On Paho's thread.

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._connected = not reason.is_failure
        self._fresh = self._connected
        problem = str(reason) if reason.is_failure else ""
        if problem and problem != self._said:
            log.warning("[ALERT] the MQTT broker refuses the connection: %s", problem)
        elif not problem:
            log.info("[ALERT] connected to the MQTT broker")
        self._said = problem

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self._connected and reason.is_failure:
            log.warning("[ALERT] the MQTT broker is gone (%s); trying again", reason)
        self._connected = False

    async def _publish(self, settings: Mqtt) -> None:
        if not self._connected or self._client is None:
            return
        if self._fresh:
            self._fresh, self._there = False, Published()
        try:
            raw = await self._services.engine.status()
        except EvertapeError:
            # What is published is not kept up to date, and that is what this topic says.
            wanted = Published({**self._there.messages, availability(settings.prefix): OFFLINE})
        else:
            volumes = [(info, VolumeStatus.is_usable(info.state)) for info in parse_volumes(raw)]
            discovery = settings.discovery_prefix if settings.discovery else None
            name = self._services.config.installation.name
            active = self._desk.active
            wanted = published(settings.prefix, name, parse_cameras(raw), volumes, active, discovery)
            wanted = Published({**wanted.messages, availability(settings.prefix): ONLINE})
        for topic, text in wanted.changes(self._there).items():
            self._client.publish(topic, text, qos=1, retain=True)
        self._there = wanted
