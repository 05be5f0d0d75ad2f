"""What every connection begins with, and every child process says and hears."""

from __future__ import annotations

import msgspec

PROTOCOL_VERSION = 1


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="m", tag=True, omit_defaults=True):
    """Base of all messages. Unknown fields are ignored, so an added field with a default is compatible."""


class Hello(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The first message of whoever connects."""

    role: str
    """``recorder, disk, keeper, supervisor, client, viewer``."""
    name: str
    pid: int
    version: int = PROTOCOL_VERSION


class Welcome(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to ``Hello``."""

    role: str
    name: str
    pid: int
    version: int = PROTOCOL_VERSION


class Refused(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to ``Hello`` from a peer that cannot talk to this one; the connection ends."""

    reason: str


class Heartbeat(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Child to supervisor, once a second, from the owner's loop."""

    boot: int
    rss: int = 0
    """Resident bytes of the process."""
    cpu_s: float = 0.0
    """User and system seconds since the process started."""


class Shutdown(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to child: finish every file and leave within ``deadline_s``.

    A recorder gives ``cause`` for the gap that begins then.
    """

    deadline_s: float = 4.0
    cause: str = "service_stopped"
