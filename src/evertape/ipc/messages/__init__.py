"""Everything that processes say to each other, one versioned format.

A message is a tagged msgspec structure, optionally with a payload of raw bytes (footage)
that is never decoded on the way. Who may say what to whom: ``docs/design/ipc.md``.
"""

from __future__ import annotations

from evertape.ipc.messages.assignment import (
    CameraSettings,
    DiskAssignment,
    HubAssignment,
    HubListens,
    KeeperAssignment,
    RecorderAssignment,
    VolumeEndpoint,
)
from evertape.ipc.messages.base import PROTOCOL_VERSION, Heartbeat, Hello, Message, Refused, Shutdown, Welcome
from evertape.ipc.messages.client import EventNews, Reply, Request
from evertape.ipc.messages.copying import (
    AppendCopy,
    BeginCopy,
    CopyTaken,
    MirrorAppend,
    MirrorQuery,
    MirrorState,
    PlaceCopy,
    ReadSegment,
    SegmentPiece,
)
from evertape.ipc.messages.journal import JournalAppend, JournalDurable, JournalFailed, PutState
from evertape.ipc.messages.keeper import CheckSegments, HomecomingNews, RetentionProgress, RunRetention, VolumeTidy
from evertape.ipc.messages.recorder import (
    CameraCommand,
    CameraInfo,
    CommandDone,
    RecorderStatus,
    RecordingInfo,
    SetWish,
    StreamInfo,
)
from evertape.ipc.messages.upkeep import (
    AdoptSegment,
    CutSegment,
    DeleteSegment,
    ExamineSegment,
    FindGroup,
    FindSegment,
    FoundFile,
    GroupFound,
    JobDone,
    ListOldest,
    ListSegments,
    RecoverSegment,
    SegmentExamined,
    SegmentList,
)
from evertape.ipc.messages.viewing import FeedCaps, FeedState, FeedUnit, FeedUnits, Subscribe
from evertape.ipc.messages.volume import ProbeVolume, VolumeInfo, VolumeReport
from evertape.ipc.messages.writing import (
    Append,
    CloseSegment,
    Durable,
    OpenSegment,
    SegmentIsClosed,
    SegmentIsOpen,
    WriterFailed,
)

__all__ = [
    "MESSAGE_TYPES",
    "PROTOCOL_VERSION",
    "AdoptSegment",
    "Append",
    "AppendCopy",
    "BeginCopy",
    "CameraCommand",
    "CameraInfo",
    "CameraSettings",
    "CheckSegments",
    "CloseSegment",
    "CommandDone",
    "CopyTaken",
    "CutSegment",
    "DeleteSegment",
    "DiskAssignment",
    "Durable",
    "EventNews",
    "ExamineSegment",
    "FeedCaps",
    "FeedState",
    "FeedUnit",
    "FeedUnits",
    "FindGroup",
    "FindSegment",
    "FoundFile",
    "GroupFound",
    "Heartbeat",
    "Hello",
    "HomecomingNews",
    "HubAssignment",
    "HubListens",
    "JobDone",
    "JournalAppend",
    "JournalDurable",
    "JournalFailed",
    "KeeperAssignment",
    "ListOldest",
    "ListSegments",
    "Message",
    "MirrorAppend",
    "MirrorQuery",
    "MirrorState",
    "OpenSegment",
    "PlaceCopy",
    "ProbeVolume",
    "PutState",
    "ReadSegment",
    "RecorderAssignment",
    "RecorderStatus",
    "RecordingInfo",
    "RecoverSegment",
    "Refused",
    "Reply",
    "Request",
    "RetentionProgress",
    "RunRetention",
    "SegmentExamined",
    "SegmentIsClosed",
    "SegmentIsOpen",
    "SegmentList",
    "SegmentPiece",
    "SetWish",
    "Shutdown",
    "StreamInfo",
    "Subscribe",
    "VolumeEndpoint",
    "VolumeInfo",
    "VolumeReport",
    "VolumeTidy",
    "Welcome",
    "WriterFailed",
]

MESSAGE_TYPES: tuple[type[Message], ...] = (
    Hello, Welcome, Refused, Heartbeat, Shutdown, RecorderAssignment, DiskAssignment, KeeperAssignment, HubAssignment,
    HubListens, HomecomingNews, RunRetention, RetentionProgress, SetWish, CameraCommand, CommandDone, RecorderStatus,
    VolumeReport, OpenSegment, Append, CloseSegment, SegmentIsOpen, Durable, SegmentIsClosed, WriterFailed, ProbeVolume,
    RecoverSegment, ListSegments, ListOldest, SegmentList, AdoptSegment, CutSegment, DeleteSegment, FindSegment,
    ReadSegment, SegmentPiece, ExamineSegment, SegmentExamined, FindGroup, GroupFound, CheckSegments, BeginCopy,
    AppendCopy, CopyTaken, PlaceCopy, MirrorQuery, MirrorState, MirrorAppend, JobDone, JournalAppend, JournalDurable,
    JournalFailed, PutState, Subscribe, FeedCaps, FeedUnits, FeedState, Request, Reply, EventNews,
)  # fmt: skip
