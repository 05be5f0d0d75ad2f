"""Supervisor to its children: what they are to do."""

from __future__ import annotations

from typing import Any

import msgspec

from evertape.domain.retention_terms import Terms
from evertape.ipc.messages.base import Message


class VolumeEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a volume's disk process listens. ``order`` is the place in the configuration.

    ``role``: ``primary``, ``spill``, or ``retired``: nothing new is written there.
    """

    name: str
    role: str
    order: int
    socket: str
    path: str


class CameraSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a recorder must know of one camera; holds secrets, so its ``repr`` does not show them."""

    id: str
    name: str
    url: str
    sub_url: str = ""
    user: str = ""
    password: str = ""
    transport: str = "tcp"
    receiver: str = "auto"
    latency_ns: int = 200_000_000
    audio: bool = True
    tls_verify: bool = False
    keepalive_ns: int = 25_000_000_000
    connect_timeout_ns: int = 3_000_000_000
    stable_after_ns: int = 3_000_000_000
    stall_timeout_ns: int = 4_000_000_000
    backoff_base_ns: int = 5_000_000_000
    backoff_cap_ns: int = 60_000_000_000
    backoff_factor: float = 2.0
    backoff_jitter: bool = True
    max_retries: int = 10
    give_up: bool = False
    sub_linger_ns: int = 10_000_000_000
    rotation_ns: int = 600_000_000_000
    rotation_size: int = 0
    rotation_align: bool = True
    rotation_offset_ns: int = 0
    """How far this camera's rotation is shifted against the wall clock, so that not all rotate at once."""
    fragment_ns: int = 500_000_000
    file_time: str = "utc"
    login_hold_ns: int = 0
    """Boot-time clock: the camera refused this login less than a minute ago, and is not asked before."""
    sub_login_hold_ns: int = 0
    claims: str = ""
    """The folder in which streams are claimed, see ``evertape.ipc.places.streams_dir``; empty: none is."""

    def __repr__(self) -> str:
        return f"CameraSettings(id={self.id!r})"


class RecorderAssignment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to recorder: everything it is to do; sent again whole when anything changes."""

    cameras: tuple[CameraSettings, ...]
    volumes: tuple[VolumeEndpoint, ...]
    wishes: dict[str, bool]
    journal_socket: str
    ring_ns: int = 60_000_000_000
    ring_budget: int = 1 << 30
    """Bytes for all rings of this recorder together."""
    drain_ns: int = 200_000_000
    drain_viewed_ns: int = 40_000_000
    hung_after_ns: int = 5_000_000_000
    retry_interval_ns: int = 6_000_000_000
    retry_max: int = 20


class DiskAssignment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to disk process: its volume and how to treat it."""

    volume: str
    path: str
    role: str
    """``primary, spill, retired``, or ``data`` for the process that keeps the journal in the data folder."""
    is_mount: bool = False
    """The path was declared as a mount point: it is only used while something is mounted there."""
    volume_id: str = ""
    """The expected identity; empty: adopt what the marker says, or create one."""
    journal_socket: str = ""
    service: str = ""
    """The run of the service, for the events the process writes down."""
    sync_ns: int = 500_000_000
    probe_interval_ns: int = 5_000_000_000
    probe_deadline_ns: int = 5_000_000_000
    min_free: int = 0
    resume_free: int = 0
    layers: tuple[str, ...] = ("kernel", "probe", "precheck", "errno", "low_space")


class HubAssignment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to hub: where everything is, and the configuration in force; again whole when it changes.

    Holds secrets, so its ``repr`` does not show them.
    """

    data: str
    config_file: str
    service: str
    version: str
    config: dict[str, Any]
    """As ``evertape.config.show.reveal`` writes it."""

    def __repr__(self) -> str:
        return f"HubAssignment(data={self.data!r})"


class HubListens(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Hub to supervisor: where it can be reached now; an empty ``url``: it cannot, and ``problem`` says why."""

    url: str
    problem: str = ""
    warning: str = ""
    """What is not safe about it, or does not work: who could read along, a certificate that could not be taken up."""


class RestreamStream(msgspec.Struct, frozen=True, kw_only=True):
    """One stream that the restream serves: ``/CAMERA`` or ``/CAMERA/sub``, from the feed socket of its recorder."""

    path: str
    camera: str
    stream: str
    socket: str


class RestreamAssignment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to restream: what to serve, and where; again whole when it changes."""

    data: str
    listen: str
    streams: tuple[RestreamStream, ...] = ()


class KeeperAssignment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to keeper."""

    data: str
    volumes: tuple[VolumeEndpoint, ...]
    journal_socket: str
    service: str
    retention: Terms | None = None
    """By what footage is deleted; ``None``: none is."""
    home_rate: int = 20_000_000
    """Bytes per second that come home at most; see ``storage.homecoming_rate``."""
    scrub_rate: int = 0
    """Bytes per second that are read at most to check what is held; 0: nothing is. See ``integrity``."""
    scrub_interval: int = 0
    """Nanoseconds after which a file is checked again."""
    decode_interval: int = 0
    """Nanoseconds after which another sample of what is checked is decoded; 0: none is."""
