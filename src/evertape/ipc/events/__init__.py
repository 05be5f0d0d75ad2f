"""The one typed event stream: what the journal holds and ledger, status and page read.

An event is a fact that has happened. It is written once, never changed, and applying it
twice does nothing the second time (``Event.id`` is unique). Unknown fields are ignored on
reading, so that an older program can read a newer journal; a field is never given another
meaning, a new one gets a default.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from evertape.ipc.events.base import Event, EventStamp
from evertape.ipc.events.camera import CameraStateChanged, RecordingStateChanged, RecordWish, WriterReplaced
from evertape.ipc.events.ledger import GapClosed, GapOpened, ProtectionAdded, ProtectionRemoved
from evertape.ipc.events.segment import (
    DamagedSpan,
    SegmentChecked,
    SegmentClock,
    SegmentClosed,
    SegmentCut,
    SegmentDamaged,
    SegmentDeleted,
    SegmentMissing,
    SegmentMoved,
    SegmentOpened,
    Supersedes,
)
from evertape.ipc.events.service import (
    Alert,
    Audited,
    ClockCorrected,
    ClockStepped,
    ConfigApplied,
    ConfigRefused,
    Notice,
    ProcessDied,
    ProcessStarted,
    ServiceStarted,
    ServiceStopped,
)
from evertape.ipc.events.volume import RetentionPass, VolumeStateChanged

__all__ = [
    "EVENT_TYPES",
    "Alert",
    "AnyEvent",
    "Audited",
    "CameraStateChanged",
    "ClockCorrected",
    "ClockStepped",
    "ConfigApplied",
    "ConfigRefused",
    "DamagedSpan",
    "Event",
    "EventStamp",
    "GapClosed",
    "GapOpened",
    "Notice",
    "ProcessDied",
    "ProcessStarted",
    "ProtectionAdded",
    "ProtectionRemoved",
    "RecordWish",
    "RecordingStateChanged",
    "RetentionPass",
    "SegmentChecked",
    "SegmentClock",
    "SegmentClosed",
    "SegmentCut",
    "SegmentDamaged",
    "SegmentDeleted",
    "SegmentMissing",
    "SegmentMoved",
    "SegmentOpened",
    "ServiceStarted",
    "ServiceStopped",
    "Supersedes",
    "VolumeStateChanged",
    "WriterReplaced",
]

AnyEvent = Annotated[
    ServiceStarted
    | ServiceStopped
    | ProcessStarted
    | ProcessDied
    | CameraStateChanged
    | RecordingStateChanged
    | RecordWish
    | VolumeStateChanged
    | SegmentOpened
    | SegmentClosed
    | SegmentCut
    | SegmentMissing
    | SegmentDeleted
    | SegmentMoved
    | SegmentChecked
    | SegmentDamaged
    | SegmentClock
    | ProtectionAdded
    | ProtectionRemoved
    | RetentionPass
    | GapOpened
    | GapClosed
    | WriterReplaced
    | Alert
    | ClockStepped
    | ClockCorrected
    | ConfigApplied
    | ConfigRefused
    | Audited
    | Notice,
    msgspec.Meta(description="any event of the journal"),
]

EVENT_TYPES: tuple[type[Event], ...] = (
    ServiceStarted, ServiceStopped, ProcessStarted, ProcessDied, CameraStateChanged, RecordingStateChanged, RecordWish,
    VolumeStateChanged, SegmentOpened, SegmentClosed, SegmentCut, SegmentMissing, SegmentDeleted, SegmentMoved,
    SegmentChecked, SegmentDamaged, SegmentClock, ProtectionAdded, ProtectionRemoved, RetentionPass, GapOpened,
    GapClosed, WriterReplaced, Alert, ClockStepped, ClockCorrected, ConfigApplied, ConfigRefused, Audited, Notice,
)  # fmt: skip
