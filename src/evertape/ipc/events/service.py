"""What happens to the service, its processes, its clock and its configuration."""

from __future__ import annotations

from typing import Any

import msgspec

from evertape.ipc.events.base import Event


class ServiceStarted(Event, frozen=True, kw_only=True, tag="service_started", omit_defaults=True):
    """The supervisor came up; footage of the time since the last durable unit is ``host_down`` or ``process_crash``."""

    version: str
    host_boot: str = ""
    """The kernel's boot id, to tell a restarted service from a restarted machine."""


class ServiceStopped(Event, frozen=True, kw_only=True, tag="service_stopped", omit_defaults=True):
    """The supervisor went down on purpose, all files finished."""

    reason: str = ""


class ProcessStarted(Event, frozen=True, kw_only=True, tag="process_started", omit_defaults=True):
    """A child process was started or replaced; ``generation`` counts from 0."""

    process: str
    pid: int
    generation: int


class ProcessDied(Event, frozen=True, kw_only=True, tag="process_died", omit_defaults=True):
    """A child process ended though nobody had asked it to, or was ended because it hung."""

    process: str
    pid: int
    how: str
    """``exit N``, ``signal N``, ``hung``, ``out of memory``; further words in brackets."""


class Alert(Event, frozen=True, kw_only=True, tag="alert", omit_defaults=True):
    """Something that a person should hear of began, or is over; both carry the same ``alert``."""

    alert: str
    """Names this one occurrence."""
    kind: str
    """``recording_retry``: no volume takes a camera's footage, for as many attempts as ``storage.retry_max`` says;
    ``recording_behind``: footage waits in memory, half of which it fills; ``volume_slow``: a disk does not keep up;
    ``camera_login_refused``, ``camera_not_found``: a camera refuses user or password, or has no such stream;
    ``camera_not_recording``: a camera is not recorded though it should be, whatever the ``cause`` in ``detail``;
    ``volume_full``: a volume is full, and nothing on it may be deleted;
    ``volume_unusable``: a volume that cameras are recorded to, or would be, cannot be used;
    ``footage_damaged``: a file is not as it was written."""
    state: str
    """``raised`` or ``ended``."""
    camera: str = ""
    volume: str = ""
    text: str = ""
    detail: dict[str, Any] = msgspec.field(default_factory=dict)
    """The values in ``text``, for whoever words it in another language: the ``cause``, the ``trouble`` of a volume and
    where recording ``goes_on_with``, ``attempts``, bytes ``waiting`` of a ``budget`` or ``free``, the ``path`` of a
    file; at the end perhaps ``why``: ``unused`` or ``changed``, when nothing was mended."""


class ClockStepped(Event, frozen=True, kw_only=True, tag="clock_stepped", omit_defaults=True):
    """The host's or a camera's wall clock moved against the monotonic one by ``offset`` nanoseconds."""

    camera: str = ""
    offset: int
    untold: bool = False
    """Until then the kernel had not been told the time by a time server, as far as the process saw."""


class ClockCorrected(Event, frozen=True, kw_only=True, tag="clock_corrected", omit_defaults=True):
    """The host's clock had been wrong: what these runs put into ``[from_utc, to_utc)`` belongs ``offset`` ns later.

    That is footage and ledger in the index. Files keep what they say of themselves.
    """

    services: tuple[str, ...]
    from_utc: int
    to_utc: int
    offset: int
    why: str = ""


class ConfigApplied(Event, frozen=True, kw_only=True, tag="config_applied", omit_defaults=True):
    """A configuration came into force; ``changed`` names keys, never values."""

    changed: tuple[str, ...] = ()


class ConfigRefused(Event, frozen=True, kw_only=True, tag="config_refused", omit_defaults=True):
    """A changed configuration has errors; the old one stays in force."""

    problems: tuple[str, ...] = ()


class Audited(Event, frozen=True, kw_only=True, tag="audited", omit_defaults=True):
    """Somebody changed something by the hub or its verbs, or tried to."""

    who: str
    """The account; empty: nobody was known."""
    via: str
    """``session``; ``token NAME``; ``setup``: the one-time link; ``machine``: a verb, by whoever may read the data."""
    address: str = ""
    """Where the request came from."""
    what: str
    """The request's method and route, such as ``POST /cameras/{id}/restart``, or ``evertape hub password``."""
    target: str = ""
    """What it was about: the parameters of the route."""
    ok: bool
    status: int = 0
    """Of HTTP."""


class Notice(Event, frozen=True, kw_only=True, tag="notice", omit_defaults=True):
    """Something worth remembering that changes no state."""

    camera: str = ""
    volume: str = ""
    text: str
    detail: dict[str, Any] = msgspec.field(default_factory=dict)
