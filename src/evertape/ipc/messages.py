"""Everything that processes say to each other, one versioned format.

A message is a tagged msgspec structure, optionally with a payload of raw bytes (footage)
that is never decoded on the way. Who may say what to whom: ``docs/design/ipc.md``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from evertape.domain.retention_terms import Terms
from evertape.ipc.events import AnyEvent, DamagedSpan, Supersedes

PROTOCOL_VERSION = 1


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="m", tag=True, omit_defaults=True):
    """Base of all messages. Unknown fields are ignored, so an added field with a default is compatible."""


# -- every connection ---------------------------------------------------------------------------------------


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


# -- supervisor to its children -----------------------------------------------------------------------------


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


class VolumeTidy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether files on a volume hold nothing that is held elsewhere as well, and nothing waits to move away."""

    name: str
    reconciled: bool
    doubled: int = 0
    """Files that hold something that others hold as well; they are cut or removed once those are finished."""
    files: int = 0
    """Files that belong on another volume."""
    bytes: int = 0


class HomecomingNews(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to supervisor: how far homecoming and reconciliation have come; when it changes, at most once a second."""

    volumes: tuple[VolumeTidy, ...] = ()
    files_done: int = 0
    """Come home since the last time that none was left."""
    bytes_done: int = 0
    files: int = 0
    """The same, and those to come."""
    bytes: int = 0
    moving: str = ""
    """The file that is on its way."""
    rate: float = 0.0
    """Bytes per second at the moment."""
    waiting: str = ""
    """Why none is on its way though some should be."""


class RunRetention(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to keeper: apply the rules of retention now; answered by ``RetentionProgress``, again and again."""

    request: int
    camera: str = ""
    """Only this one's; empty: all."""
    older_than: int | None = None
    """Nanoseconds: delete what is older than this, whatever the rules say."""


class RetentionProgress(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to supervisor: how far a ``RunRetention`` has come."""

    request: int
    done: bool = False
    files: int = 0
    bytes: int = 0
    failed: int = 0
    protected: int = 0
    """Files that stay because they are protected."""
    error: str = ""


class SetWish(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to recorder: record these cameras, or stop."""

    cameras: tuple[str, ...]
    wanted: bool
    by: str


class CameraCommand(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to recorder: ``restart``, ``restart-writer``, ``split`` or ``move``; answered by ``CommandDone``."""

    request: int
    camera: str
    command: str
    volume: str = ""
    """Of ``move``: where to; empty: where it would go by itself."""


class CommandDone(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to supervisor."""

    request: int
    ok: bool
    text: str = ""


class StreamInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One stream of a camera as it is right now."""

    stream: str
    state: str
    reason: str = ""
    since_utc: int = 0
    attempt: int = 0
    retry_in_s: float | None = None
    codec: str = ""
    width: int = 0
    height: int = 0
    audio: str = ""
    fps: float = 0.0
    bitrate: float = 0.0
    """Bits per second over the last few seconds."""
    gop_s: float = 0.0
    units: int = 0
    """Video units received since the recorder started."""
    ring_bytes: int = 0
    ring_s: float = 0.0
    """How far back the ring reaches."""
    viewers: int = 0
    utc_source: str = ""
    receiver: str = ""


class RecordingInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One camera's recording as it is right now."""

    wanted: bool
    state: str
    reason: str = ""
    volume: str = ""
    file: str = ""
    segment: str = ""
    segments: int = 0
    """Files begun since the recorder started."""
    recorded_s: float = 0.0
    """Media seconds made durable since the recorder started."""
    bytes: int = 0
    durable_age_s: float | None = None
    """Seconds since the newest durable unit was taken; None before the first."""
    durable_utc: int = 0
    """UTC of the end of the newest durable unit."""
    frames: int = 0
    """Video units made durable since the recorder started."""
    frames_lost: int = 0
    pending_bytes: int = 0
    """Bytes in the ring that are not durable yet."""
    attempt: int = 0
    """Of the recording retry; 0 while a volume takes footage."""
    retry_max: int = 0
    """After so many a person is told; it goes on."""
    retry_in_s: float | None = None


class CameraInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One camera."""

    id: str
    name: str
    streams: tuple[StreamInfo, ...]
    recording: RecordingInfo
    mistakes: int = 0
    """Exceptions of Evertape's own that were kept in since the recorder started; the log has them."""


class RecorderStatus(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to supervisor, once a second and after each change of state."""

    cameras: tuple[CameraInfo, ...]
    ring_bytes: int = 0
    ring_budget: int = 0
    pipelines: int = 0
    """GStreamer's, in use or on their way to being put away."""


class VolumeInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A volume as its disk process sees it."""

    name: str
    volume_id: str = ""
    role: str = ""
    path: str = ""
    state: str = "unknown"
    reason: str = ""
    since_utc: int = 0
    free: int = 0
    total: int = 0
    write_ms: float = 0.0
    sync_ms: float = 0.0
    """Median of the latest sync rounds."""
    open_files: int = 0
    layer: str = ""
    """What noticed the state: ``kernel, probe, precheck, errno, deadline``."""
    errno: int = 0
    """The kernel's number behind the state."""
    is_mount: bool = False
    """It is only used while something is mounted at its path."""
    was_usable: bool = False
    """It has been usable since the service was started."""
    declared: str = ""
    """The path in the configuration, if the volume was found at another one."""


class VolumeReport(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk process to everyone connected: on connecting, on each change, and with each probe."""

    volume: VolumeInfo
    report: int
    """Counts up; a later one is newer."""


# -- recorder and disk: writing -----------------------------------------------------------------------------


class OpenSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to disk: check the volume, create the file, write the payload (``ftyp`` + ``moov`` + metadata).

    Appends may follow at once; if opening fails they are dropped and ``WriterFailed`` comes back.
    """

    writer: int
    """Chosen by the recorder, unique per connection."""
    camera: str
    stream: str = "main"
    segment: str
    epoch: str
    generation: int
    first_video: int
    first_audio: int | None = None
    start_utc: int
    utc_source: str
    utc_error: int
    codec: str
    width: int
    height: int
    audio: str = ""
    audio_rate: int = 0
    file_time: str = "utc"
    supersedes: tuple[Supersedes, ...] = ()


class Append(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to disk: one whole fragment as payload, and what is in it."""

    writer: int
    index: int
    """Counts from 0 within the segment."""
    key: bool
    first_video: int | None = None
    last_video: int | None = None
    first_audio: int | None = None
    last_audio: int | None = None
    start_utc: int
    end_utc: int
    utc_source: str
    utc_error: int
    dts_start: int
    """Nanoseconds on the segment's media time line (0 = its first video unit) of the first video unit, or unit."""
    dts_end: int
    """The same for the end of the last video unit, or of the last unit."""


class CloseSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to disk: append the index, sync, close. ``start_utc`` is the best estimate by now."""

    writer: int
    reason: str
    start_utc: int
    end_utc: int
    utc_source: str
    utc_error: int


class SegmentIsOpen(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to recorder."""

    writer: int
    path: str


class Durable(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to recorder: the first ``fragments`` fragments survive a power cut from now on."""

    writer: int
    fragments: int
    bytes: int


class SegmentIsClosed(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to recorder: index written, everything synced; implies ``Durable`` of all fragments."""

    writer: int
    path: str
    fragments: int
    bytes: int


class WriterFailed(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to recorder: this writer is over; nothing beyond the last ``Durable`` is promised."""

    writer: int
    fault: str
    """``full, denied, read_only, missing, not_mounted, wrong_volume, io_error, hung, other``."""
    errno: int = 0
    step: str = ""
    """The durability step that failed, as numbered in ``docs/design/durability.md``."""
    path: str = ""
    text: str = ""


class ProbeVolume(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Anyone to disk: look now; answered by a ``VolumeReport``."""


# -- keeper and disk: upkeep --------------------------------------------------------------------------------


class RecoverSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: this file was open when its writer went; close it at its last whole fragment.

    The disk process answers ``JobDone`` and puts ``SegmentClosed`` (``recovered``) or ``SegmentMissing``
    into the journal. Refused for a file that a living writer has open.
    """

    request: int
    segment: str
    path: str


class ListSegments(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: describe the files of these day folders (``YYYYMMDD``; empty: all), in parts."""

    request: int
    days: tuple[str, ...] = ()


class ListOldest(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: about ``most`` files, by the order of the day folders, the oldest first; ``SegmentList`` answers.

    Only folders' names are looked at, and the files of as many days as it takes.
    """

    request: int
    most: int


class FoundFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file on a volume."""

    path: str
    bytes: int
    open: bool = False
    """A living writer has it."""


class SegmentList(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper; ``last`` marks the final part."""

    request: int
    files: tuple[FoundFile, ...]
    last: bool = False


class AdoptSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: a file nobody knows; scan it, close it if need be, journal ``SegmentClosed`` (``adopted``)."""

    request: int
    path: str


class CutSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: cut a superseded tail off; journals ``SegmentCut``."""

    request: int
    segment: str
    path: str
    from_seq: int
    by: str


class DeleteSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: remove a file; journals ``SegmentDeleted``."""

    request: int
    segment: str
    """Empty: whatever segment lies there, by its own header."""
    camera: str
    path: str
    reason: str


class FindSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: which segment lies at ``path``, by its own header? ``JobDone.text`` says; empty: none."""

    request: int
    path: str


class ReadSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: a piece of a file (M1, M2); answered by ``SegmentPiece``."""

    request: int
    segment: str
    path: str = ""
    """Empty: of the unfinished copy of ``segment``."""
    offset: int
    size: int
    fresh: bool = False
    """From the disk, not from what the system remembers having written."""


class SegmentPiece(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper: the piece is the payload; an empty one means that the file ends before it."""

    request: int
    total: int
    """Bytes of the file."""
    sync_ms: float = 0.0
    """How long recording's syncs take on this volume lately; 0 while nothing is recorded."""


class ExamineSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: which fragments of a finished file cannot be read? Answered by ``SegmentExamined``."""

    request: int
    segment: str
    path: str
    payload: bool = False
    """Read every byte, and hold it against the hashes in the file's own table, where there are any."""


class SegmentExamined(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper. Times are by the file's own clock, UTC ns."""

    request: int
    problem: str
    """In words; empty: none."""
    lost: tuple[DamagedSpan, ...] = ()
    start_utc: int
    """Of the file; 0 if its header is damaged."""
    end_utc: int
    """Of the last fragment that can be read; 0: of none."""
    last_video: int
    compared: bool = False
    """The bytes of every fragment that is not lost are those that were written."""


class CheckSegments(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to keeper: check these files before all others, and put on record what is found."""

    segments: tuple[str, ...]


class BeginCopy(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: remove unfinished copies, begin one of ``segment``, which is to be called ``path``.

    ``JobDone.text``: the path at which it lies already, if it does; then none is begun. Refused without room for it.
    """

    request: int
    segment: str = ""
    """Empty: only clear up."""
    path: str = ""
    bytes: int = 0


class AppendCopy(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: the payload goes on the copy (M1); answered by ``CopyTaken``. ``sync``: and sync it."""

    request: int
    segment: str
    offset: int
    sync: bool = False


class CopyTaken(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper: the piece was written. ``sync_ms`` as in ``SegmentPiece``."""

    request: int
    sync_ms: float = 0.0


class PlaceCopy(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: the copy is whole, give it its name (M3). ``JobDone.text``: the path it got."""

    request: int
    segment: str
    path: str


class MirrorQuery(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: how much of the journal does the volume's mirror hold?"""

    request: int


class MirrorState(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper: bytes per journal file in the mirror."""

    request: int
    files: dict[str, int]


class MirrorAppend(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: the payload belongs at ``offset`` of ``file`` in the mirror."""

    request: int
    file: str
    offset: int


class JobDone(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper: the request's outcome."""

    request: int
    ok: bool
    errno: int = 0
    text: str = ""


# -- the journal (the data folder's disk process) -----------------------------------------------------------


class JournalAppend(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Anyone to the data folder's disk process: write these down. ``last`` identifies the batch."""

    events: tuple[AnyEvent, ...]
    last: str


class JournalDurable(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The answer once the batch is synced; until then the sender keeps it and sends it again after a reconnect."""

    last: str


class JournalFailed(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The batch could not be written (full or failing data folder); the sender keeps it and tries again later."""

    last: str
    errno: int = 0
    text: str = ""


class PutState(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to the data folder's disk process: replace the small file ``name`` atomically by the payload."""

    request: int
    name: str


# -- viewers ------------------------------------------------------------------------------------------------


class Subscribe(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Viewer to recorder: send this stream from its last keyframe on."""

    camera: str
    stream: str = "main"


class FeedCaps(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to viewer: what a decoder must know; again after each change."""

    caps: int
    epoch: str
    codec: str
    config: bytes
    width: int
    height: int
    audio: str = ""
    audio_config: bytes = b""
    audio_rate: int = 0
    audio_channels: int = 0


class FeedUnit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True):
    """One access unit of a batch; its bytes are the next ``size`` bytes of the payload."""

    track: int
    seq: int
    dts: int
    pts: int
    utc: int
    key: bool
    size: int


class FeedUnits(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to viewer: a batch. ``skipped`` counts the video units left out before it for a slow viewer."""

    caps: int
    epoch: str
    units: tuple[FeedUnit, ...]
    skipped: int = 0


class FeedState(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to viewer: the stream's state changed; the picture stands still unless it is ``connected``."""

    info: StreamInfo


# -- clients (command line, hub) and supervisor -------------------------------------------------------------


class Request(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Client to supervisor: a verb with arguments, as in ``docs/design/ipc.md``."""

    request: int
    verb: str
    args: dict[str, Any] = msgspec.field(default_factory=dict)


class Reply(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to client."""

    request: int
    ok: bool
    data: Any = None
    error: str = ""
    hint: str = ""


class EventNews(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Child to supervisor and supervisor to subscribed clients: events as they happen (also in the journal)."""

    events: tuple[AnyEvent, ...]


MESSAGE_TYPES: tuple[type[Message], ...] = (
    Hello, Welcome, Refused, Heartbeat, Shutdown, RecorderAssignment, DiskAssignment, KeeperAssignment, HomecomingNews,
    RunRetention, RetentionProgress, SetWish, CameraCommand, CommandDone, RecorderStatus, VolumeReport, OpenSegment,
    Append, CloseSegment, SegmentIsOpen, Durable, SegmentIsClosed, WriterFailed, ProbeVolume, RecoverSegment,
    ListSegments, ListOldest, SegmentList, AdoptSegment, CutSegment, DeleteSegment, FindSegment, ReadSegment,
    SegmentPiece, ExamineSegment, SegmentExamined, CheckSegments, BeginCopy, AppendCopy, CopyTaken, PlaceCopy,
    MirrorQuery, MirrorState, MirrorAppend, JobDone, JournalAppend, JournalDurable, JournalFailed, PutState, Subscribe,
    FeedCaps, FeedUnits, FeedState, Request, Reply, EventNews,
)  # fmt: skip
