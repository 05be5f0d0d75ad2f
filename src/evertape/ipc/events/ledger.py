"""What the ledger and the protections are made from."""

from __future__ import annotations

from evertape.ipc.events.base import Event


class GapOpened(Event, frozen=True, kw_only=True, tag="gap_opened", omit_defaults=True):
    """From ``start_utc`` on there is no footage of a camera that should record; opened the moment it begins."""

    gap: str
    camera: str
    cause: str
    start_utc: int
    evidence: str = ""


class GapClosed(Event, frozen=True, kw_only=True, tag="gap_closed", omit_defaults=True):
    """Footage is back from ``end_utc`` on; repeats what ``GapOpened`` said."""

    gap: str
    camera: str
    cause: str
    start_utc: int
    end_utc: int
    frames_lost: int | None = None
    done: str = ""


class ProtectionAdded(Event, frozen=True, kw_only=True, tag="protection_added", omit_defaults=True):
    """A person keeps a camera's footage of ``[start_utc, end_utc)`` from being deleted."""

    protection: str
    camera: str
    start_utc: int
    end_utc: int
    who: str = ""
    why: str = ""


class ProtectionRemoved(Event, frozen=True, kw_only=True, tag="protection_removed", omit_defaults=True):
    """A protection is over; what it kept is subject to the rules again."""

    protection: str
    camera: str
    who: str = ""
