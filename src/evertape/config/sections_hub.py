"""The sections of the configuration that are about showing and telling: hub, restream, alerts, MQTT.

The text beneath each field is its entry on the reference page.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from evertape.config.sections import Section
from evertape.config.units import parse_duration
from evertape.config.values import FilePath, Line, Listen, Name, PlainEnum, Quiet, Span, Topic
from evertape.types import DurationNs


class Tls(StrEnum):
    """Whether the hub speaks TLS, and where its certificate is from."""

    OFF = "off"
    AUTO = "auto"
    FILES = "files"


class Hub(Section):
    """`[hub]`: the page and the API, for browsers and programs. Recording does not need it."""

    enabled: bool = True
    """Whether there is one."""
    listen: Listen = "127.0.0.1:8480"
    """Where it listens: an address of this machine and a port; `127.0.0.1` is for this machine only, `0.0.0.0` for
    every network it is in. With port 0 it takes one that is free; `run/hub.json` in the data directory says which."""
    tls: Annotated[Tls, Field(strict=False), PlainEnum] = Tls.OFF
    """`off`: plain HTTP. `auto`: HTTPS, with a certificate that it signs itself and that browsers warn of. `files`:
    HTTPS with the certificate in `certificate` and `key`."""
    certificate: Annotated[Path, FilePath(absolute=True)] | None = None
    """For `tls = "files"`: the file with the certificate and those that vouch for it, PEM."""
    key: Annotated[Path, FilePath(absolute=True)] | None = None
    """For `tls = "files"`: the file with its private key, PEM, without a password."""
    hosts: Line | None = None
    """Further names, separated by commas, by which browsers reach this machine. They always may use its addresses,
    `localhost`, its own name and `NAME.local`; under another name nothing is answered, because that name may be
    somebody else's trick (DNS rebinding)."""
    proxies: Line | None = None
    """The addresses, separated by commas, of reverse proxies that pass requests on. Of them, and of nobody else, it is
    believed which address a request comes from and whether it came by HTTPS (`X-Forwarded-For`, `-Proto`)."""


class Restream(Section):
    """`[restream]`: live pictures by RTSP for other programs, so that they need no session with the camera."""

    enabled: bool = False
    """Whether there is one. It needs GStreamer's RTSP server."""
    listen: Listen = "127.0.0.1:8554"
    """Where it listens, like `hub.listen`; `rtsp://HOST:8554/CAMERA` is the main stream, `…/CAMERA/sub` the sub stream.
    Names and passwords are those of the page; in place of a password an API token will do. They travel in clear."""


class Told(StrEnum):
    """Which alerts a channel is told of."""

    ALL = "all"
    CRITICAL = "critical"


class Channel(Section):
    """`[alerts.channels.NAME]`: one way to be told of alerts."""

    url: SecretStr
    """Where to, as [Apprise](https://github.com/caronc/apprise/wiki) writes it: `mailto://USER:PASSWORD@HOST?to=ANN`,
    `tgram://TOKEN/CHAT`, `slack://…`, `ntfy://…`, `json://HOST/PATH` for a webhook, and a hundred more."""
    alerts: Annotated[Told, Field(strict=False), PlainEnum] = Told.ALL
    """`all`, or `critical`: only when footage is lost, or could be."""
    ended: bool = True
    """Whether to tell also when it is over."""


class Alerts(Section):
    """`[alerts]`: who is told when a camera is not recorded, a volume cannot be used, or footage is damaged."""

    group: Annotated[DurationNs, Span("0s", "1min")] = parse_duration("1s")
    """What begins or ends within so long is told in one message. That a camera is not recorded is an alert after 3 s,
    and told within 5 s of noticing unless this is longer."""
    quiet: Quiet | None = None
    """When people sleep, like `22:00-06:30`, in the zone of the place: only what is critical is told then, the rest
    afterwards. When not set, never."""
    quiet_all: bool = False
    """In quiet hours not even what is critical is told."""
    min_days: Annotated[float, Field(ge=0.0, le=365.0, strict=False)] = 2.0
    """Warn when a volume can hold fewer days of footage than this, at the rate of the last hours; 0: never."""
    heartbeat_url: SecretStr | None = None
    """A URL that is fetched regularly while every camera that should be is recorded: whoever misses it raises the alarm
    when this machine, its power or its network is gone. With trouble it is not fetched."""
    heartbeat_interval: Annotated[DurationNs, Span("10s", "1d")] = parse_duration("1min")
    """How often it is fetched."""
    channels: dict[Name, Channel] = Field(default_factory=dict)


class Mqtt(Section):
    """`[mqtt]`: cameras, volumes and alerts for home automation; Home Assistant finds them by itself."""

    broker: Listen | None = None
    """The broker, `HOST:PORT`; 1883 is the usual port. When not set, nothing is published."""
    user: Line | None = None
    """The user to log in as."""
    password: SecretStr | None = None
    """The password, in clear: only its owner should be able to read the configuration."""
    tls: bool = False
    """Whether to speak TLS with the broker."""
    prefix: Topic = "evertape"
    """The first level of all topics."""
    discovery: bool = True
    """Whether to announce everything as Home Assistant expects it."""
    discovery_prefix: Topic = "homeassistant"
    """Under which topic Home Assistant listens for that."""
