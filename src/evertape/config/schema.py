"""The whole configuration: cameras, volumes and everything about how they are recorded.

Objects are frozen; a change is a new ``Config``. Safe to share between threads. Printing
one never shows a password: URLs mask themselves, passwords are ``SecretStr``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from evertape.config.checks import Finding, cross_checks
from evertape.config.sections import (
    Backoff,
    Installation,
    Integrity,
    Logging,
    Processes,
    Recording,
    Retention,
    Ring,
    Section,
    Storage,
    Streaming,
    View,
    Volume,
)
from evertape.config.sections_hub import Alerts, Hub, Mqtt, Restream
from evertape.config.units import parse_duration
from evertape.config.url import CameraUrl
from evertape.config.values import (
    Bytes,
    CameraKey,
    FilePath,
    Line,
    PlainEnum,
    Span,
    VolumeKey,
    Weekly,
    Zone,
    value_error,
)
from evertape.config.weekly import WeeklySpan
from evertape.types import CameraId, DurationNs

S = TypeVar("S", bound=Section)


class Transport(StrEnum):
    """How RTP travels."""

    TCP = "tcp"
    UDP = "udp"


class Receiver(StrEnum):
    """Which code speaks RTSP with the camera."""

    AUTO = "auto"
    DIRECT = "direct"
    RTSPSRC = "rtspsrc"


class BackoffOverride(Section):
    """`[cameras.ID.backoff]`: this camera's own waits between attempts; the rest comes from `streaming.backoff`."""

    base: Annotated[DurationNs, Span("100ms", "10min")] | None = None
    """As `streaming.backoff.base`."""
    cap: Annotated[DurationNs, Span("100ms", "1h")] | None = None
    """As `streaming.backoff.cap`."""
    factor: Annotated[float, Field(ge=1.0, le=10.0, strict=False)] | None = None
    """As `streaming.backoff.factor`."""
    jitter: bool | None = None
    """As `streaming.backoff.jitter`."""
    max_retries: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """As `streaming.backoff.max_retries`."""
    give_up: bool | None = None
    """As `streaming.backoff.give_up`."""


class RetentionOverride(Section):
    """`[cameras.ID.retention]`: how long this camera's footage is kept; the rest comes from `retention`."""

    max_age: Annotated[DurationNs, Span("1min", "36500d", word="none")] | None = None
    """As `retention.max_age`."""
    min_age: Annotated[DurationNs, Span("0s", "36500d")] | None = None
    """As `retention.min_age`."""
    quota: Annotated[int, Bytes("1MB", "1000TB", word="none")] | None = None
    """As `retention.quota`."""


class Camera(Section):
    """`[cameras.ID]`: one camera. The id is for good: it names the camera's folders and files."""

    url: CameraUrl
    """The stream to record, `rtsp://…` or `rtsps://…`. It may hold user and password, percent-encoded."""
    sub_url: CameraUrl | None = None
    """A smaller stream of the same camera, for viewing; opened on demand, never recorded."""
    name: Line = "-"
    """The name for people, which may change at any time; when not set, the id."""
    user: Line | None = None
    """The user to log in as, instead of one in the URLs."""
    password: SecretStr | None = None
    """The password, in clear. Better: `password_file` or `password_env`."""
    password_env: Line | None = None
    """The environment variable that holds the password."""
    password_file: Annotated[Path, FilePath(absolute=False)] | None = None
    """The file whose first line is the password; relative to the configuration's folder."""
    enabled: bool = True
    """Whether this camera is used at all."""
    record: bool = True
    """Whether to record it without being told to. Later on, `record start` and `record stop` say what is wished: for
    good, or, if there is a schedule, until its next change. `false`: by hand only, whatever the schedule."""
    schedule: Annotated[tuple[WeeklySpan, ...], Weekly()] | None = None
    """This camera's own `recording.schedule`; `always` takes it out of the general one."""
    timezone: Zone | None = None
    """The time zone its schedule is meant in; when not set, that of the installation."""
    audio: bool = True
    """Whether its sound is recorded too."""
    transport: Annotated[Transport, Field(strict=False), PlainEnum] = Transport.TCP
    """How the stream travels: `tcp` (inside the RTSP connection), or `udp`."""
    receiver: Annotated[Receiver, Field(strict=False), PlainEnum] = Receiver.AUTO
    """Which receiver to use: `direct` (Evertape's own, cheaper), `rtspsrc` (GStreamer's, knows more dialects), or
    `auto`: direct where it can."""
    latency: Annotated[DurationNs, Span("0s", "10s")] = parse_duration("200ms")
    """How long packets are held to put late ones back in order."""
    tls_verify: bool = False
    """Whether the certificate of an `rtsps` camera is checked. Most cameras sign their own, which no check accepts."""
    keepalive: Annotated[DurationNs, Span("1s", "60s")] = parse_duration("25s")
    """How often the session is kept alive; cameras end one after 60 s of silence. Where one announces less, it is done
    as often as that needs (not by `rtspsrc` over TCP)."""
    rotation: Annotated[DurationNs, Span("2s", "24h")] | None = None
    """This camera's own `recording.rotation`."""
    rotation_size: Annotated[int, Bytes("1MB", "1TB", word="none")] | None = None
    """This camera's own `recording.rotation_size`."""
    connect_timeout: Annotated[DurationNs, Span("500ms", "30s")] | None = None
    """This camera's own `streaming.connect_timeout`."""
    stall_timeout: Annotated[DurationNs, Span("1s", "5min")] | None = None
    """This camera's own `streaming.stall_timeout`."""
    backoff: BackoffOverride = BackoffOverride()
    retention: RetentionOverride = RetentionOverride()

    def main_stream(self) -> CameraUrl:
        """The URL to record from, credentials included, wherever they were given."""
        return self._with_login(self.url)

    def sub_stream(self) -> CameraUrl | None:
        """The URL to view, credentials included; those of ``url`` if it has none and the host is the same."""
        if self.sub_url is None:
            return None
        url = self._with_login(self.sub_url)
        if url.user is None and self.url.user is not None and url.host == self.url.host:
            return url.with_credentials(self.url.user, self.url.password)
        return url

    def _with_login(self, url: CameraUrl) -> CameraUrl:
        if self.user is None:
            return url
        return url.with_credentials(self.user, self.password.get_secret_value() if self.password else None)


class Config(Section):
    """Everything a person configured. Build one with ``evertape.config.load``, or from keyword arguments."""

    installation: Installation = Installation()
    recording: Recording = Recording()
    streaming: Streaming = Streaming()
    ring: Ring = Ring()
    processes: Processes = Processes()
    storage: Storage = Storage()
    retention: Retention = Retention()
    integrity: Integrity = Integrity()
    view: View = View()
    hub: Hub = Hub()
    restream: Restream = Restream()
    alerts: Alerts = Alerts()
    mqtt: Mqtt = Mqtt()
    logging: Logging = Logging()
    cameras: dict[CameraKey, Camera] = Field(default_factory=dict)
    volumes: dict[VolumeKey, Volume] = Field(default_factory=dict)

    @field_validator("cameras")
    @classmethod
    def _name_cameras(cls, cameras: dict[CameraId, Camera]) -> dict[CameraId, Camera]:
        return {i: c if "name" in c.model_fields_set else c.model_copy(update={"name": i}) for i, c in cameras.items()}

    @model_validator(mode="after")
    def _cross_check(self, info: ValidationInfo) -> Config:
        """Refuse what is wrong between keys; the loader's context collects instead, to report it with the rest."""
        findings = cross_checks(self)
        collect: list[Finding] | None = info.context.get("findings") if info.context else None
        if collect is not None:
            collect.extend(findings)
        elif errors := [f"{'.'.join(f.keys[0])}: {f.message}" for f in findings if f.error]:
            raise value_error("contradiction", "; ".join(errors))
        return self

    def recording_for(self, camera: CameraId) -> Recording:
        """``recording`` with this camera's own values in place. Raises ``KeyError`` for an unknown camera."""
        own = self.cameras[camera]
        return _override(
            self.recording, {"rotation": own.rotation, "rotation_size": own.rotation_size, "schedule": own.schedule}
        )

    def streaming_for(self, camera: CameraId) -> Streaming:
        """``streaming`` with this camera's own values in place. Raises ``KeyError`` for an unknown camera."""
        own = self.cameras[camera]
        backoff: Backoff = _override(self.streaming.backoff, dict(own.backoff))
        times = {"connect_timeout": own.connect_timeout, "stall_timeout": own.stall_timeout}
        return _override(self.streaming, times | {"backoff": backoff})

    def retention_for(self, camera: CameraId) -> Retention:
        """``retention`` with this camera's own values in place. Raises ``KeyError`` for an unknown camera."""
        return _override(self.retention, dict(self.cameras[camera].retention))


def _override(section: S, values: Mapping[str, Any]) -> S:
    return section.model_copy(update={key: value for key, value in values.items() if value is not None})
