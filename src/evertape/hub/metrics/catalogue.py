"""Every metric there is: its name, its labels and what it means. The reference and the answer are made from it.

Names follow Prometheus' own advice: base units (seconds, bytes), the unit in the name, ``_total`` for what only rises.
A counter that a process keeps begins at zero with it, which Prometheus' functions allow for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a value behaves."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Args:
        name: with its unit.
        kind: rises only, or goes up and down.
        labels: in the order of the reference.
        meaning: its HELP text.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str


def _gauge(name: str, labels: str, meaning: str) -> Metric:
    return Metric(f"evertape_{name}", Kind.GAUGE, tuple(labels.split()), meaning)


def _counter(name: str, labels: str, meaning: str) -> Metric:
    return Metric(f"evertape_{name}_total", Kind.COUNTER, tuple(labels.split()), meaning)


UP = _gauge("up", "", "1: the engine answers. 0: it does not, and what only it knows is left out.")
INDEX_UP = _gauge("index_up", "", "1: the index can be read. 0: it cannot, and what only it knows is left out.")
BUILD_INFO = _gauge("build_info", "version", "Always 1; the label says which version runs.")
START_TIME = _gauge("start_time_seconds", "", "When the service was started, seconds since 1970 in UTC.")
RING_BYTES = _gauge("ring_bytes", "", "Bytes of the newest footage that are in memory, of all cameras.")
RING_BUDGET = _gauge("ring_budget_bytes", "", "Bytes of memory that the newest footage may take.")
HOMECOMING_FILES = _gauge("homecoming_pending_files", "", "Files that have yet to move to where they belong.")
HOMECOMING_BYTES = _gauge("homecoming_pending_bytes", "", "Bytes that have yet to move to where they belong.")

CAMERA_INFO = _gauge("camera_info", "camera name", "Always 1; the labels are a camera's id and its name for people.")
WANTED = _gauge("camera_recording_wanted", "camera", "1: a camera is to be recorded now.")
RECORDING = _gauge("camera_recording", "camera", "1: a camera is being recorded.")
DURABLE_AGE = _gauge(
    "camera_durable_age_seconds", "camera",
    "How old the newest footage is that is safely on a disk. Left out before there is any; it rises while nobody wants "
    "the camera recorded.",
)  # fmt: skip
FRAMES = _counter("camera_frames_recorded", "camera", "Pictures made durable since the camera's recorder was started.")
FRAMES_LOST = _counter("camera_frames_lost", "camera", "Pictures that came and went unrecorded, since then.")
BYTES = _counter("camera_recorded_bytes", "camera", "Bytes made durable since then.")
RECORDED = _counter("camera_recorded_seconds", "camera", "Seconds of footage made durable since then.")
SEGMENTS = _counter("camera_segments", "camera", "Files begun since then.")
PENDING = _gauge("camera_pending_bytes", "camera", "Bytes that are in memory, and on no disk yet.")
MISTAKES = _counter("camera_mistakes", "camera", "Exceptions of Evertape's own that were kept in; the log has them.")
CONNECTED = _gauge("camera_connected", "camera stream", "1: pictures of this stream keep coming.")
RECONNECTS = _counter(
    "camera_reconnects", "camera stream",
    "How often a stream was well again after it had been lost, or was out of reach, since the hub was started.",
)  # fmt: skip
RECEIVED = _counter("camera_frames_received", "camera stream", "Pictures that came since the recorder was started.")
FPS = _gauge("camera_frames_per_second", "camera stream", "Pictures per second, over the last few seconds.")
RATE = _gauge("camera_received_bytes_per_second", "camera stream", "Bytes per second, over the last few seconds.")
KEYFRAMES = _gauge("camera_keyframe_interval_seconds", "camera stream", "Seconds between keyframes.")
CAMERA_RING_BYTES = _gauge("camera_ring_bytes", "camera stream", "Bytes of this stream that are in memory.")
CAMERA_RING_SECONDS = _gauge("camera_ring_seconds", "camera stream", "How far back they reach.")
VIEWERS = _gauge(
    "camera_viewers", "camera stream",
    "Who takes this stream from its recorder: the hub (once for all browsers), clients of the restream, windows.",
)  # fmt: skip
DAY_WANTED = _gauge("camera_day_wanted_seconds", "camera", "Of the last 24 h: when there should have been footage.")
DAY_RECORDED = _gauge("camera_day_recorded_ratio", "camera", "Of that: recorded, from 0 to 1.")
DAY_ACCOUNTED = _gauge("camera_day_accounted_ratio", "camera", "Of that: recorded or explained, from 0 to 1.")
DAY_GAPS = _gauge("camera_day_gaps", "camera cause", "Gaps in the last 24 h that nobody asked for, also lasting ones.")
DAY_GAP_SECONDS = _gauge("camera_day_gap_seconds", "camera cause", "How long they are together.")
GAPS = _counter(
    "camera_gaps", "camera cause",
    "Gaps that ended since the hub was started, also those asked for. There from when the first one begins, at 0.",
)  # fmt: skip
GAP_SECONDS = _counter("camera_gap_seconds", "camera cause", "How long they were together.")

VOLUME_INFO = _gauge("volume_info", "volume id role", "Always 1; the labels are a volume's name, UUID and role.")
VOLUME_STATE = _gauge("volume_state", "volume state", "1 for the state that a volume is in, 0 for all others.")
USABLE = _gauge("volume_usable", "volume", "1: footage can be recorded there.")
FREE = _gauge("volume_free_bytes", "volume", "Bytes that are free. Left out while it is not known.")
SIZE = _gauge("volume_size_bytes", "volume", "Bytes altogether. Left out while it is not known.")
USED = _gauge("volume_footage_bytes", "volume", "Bytes of finished footage on it.")
FILES = _gauge("volume_footage_files", "volume", "Finished files on it.")
WRITE_RATE = _gauge("volume_written_bytes_per_second", "volume", "Written to it, over the last day.")
SPACE_LEFT = _gauge("volume_space_left_seconds", "volume", "Until its oldest footage begins to go for want of space.")
REACH = _gauge("volume_reach_seconds", "volume", "How long footage stays on it at this rate.")
WRITE_LATENCY = _gauge("volume_write_latency_seconds", "volume", "What a write takes; median of the latest 64.")
SYNC_LATENCY = _gauge("volume_sync_latency_seconds", "volume", "What a sync takes; median of the latest rounds.")
OPEN_FILES = _gauge("volume_open_files", "volume", "Files that are being written on it.")

PROCESS_UP = _gauge("process_up", "process", "1: the process runs. 0: it is being replaced.")
CPU = _counter("process_cpu_seconds", "process", "Processor time it has taken since it was started.")
MEMORY = _gauge("process_resident_memory_bytes", "process", "Its memory.")
RESTARTS = _counter("process_restarts", "process", "How often it was replaced since the service was started.")

ALERTS = _gauge("alerts_active", "kind severity", "Alerts that have not ended, by the kinds of the event `alert`.")
CHANNEL_FAILING = _gauge("alert_channel_failing", "channel", "1: the last message by this channel did not arrive.")
CHANNEL_WAITING = _gauge("alert_channel_waiting", "channel", "Messages that have yet to be sent by it.")
HEARTBEAT_FAILING = _gauge(
    "alert_heartbeat_failing", "", "1: the dead man's heartbeat was not sent the last time, or held back on purpose."
)

REQUESTS = _counter("hub_requests", "status", "HTTP requests answered since the hub was started, by class of status.")
LIVE_VIEWERS = _gauge("hub_live_viewers", "camera", "Browsers that watch a camera live.")

GROUPS: dict[str, tuple[Metric, ...]] = {
    "The service": (
        UP, INDEX_UP, BUILD_INFO, START_TIME, RING_BYTES, RING_BUDGET, HOMECOMING_FILES, HOMECOMING_BYTES,
    ),
    "Cameras": (
        CAMERA_INFO, WANTED, RECORDING, DURABLE_AGE, FRAMES, FRAMES_LOST, BYTES, RECORDED, SEGMENTS, PENDING, MISTAKES,
        CONNECTED, RECONNECTS, RECEIVED, FPS, RATE, KEYFRAMES, CAMERA_RING_BYTES, CAMERA_RING_SECONDS, VIEWERS,
        DAY_WANTED, DAY_RECORDED, DAY_ACCOUNTED, DAY_GAPS, DAY_GAP_SECONDS, GAPS, GAP_SECONDS,
    ),
    "Volumes": (
        VOLUME_INFO, VOLUME_STATE, USABLE, FREE, SIZE, USED, FILES, WRITE_RATE, SPACE_LEFT, REACH, WRITE_LATENCY,
        SYNC_LATENCY, OPEN_FILES,
    ),
    "Processes": (PROCESS_UP, CPU, MEMORY, RESTARTS),
    "Alerts": (ALERTS, CHANNEL_FAILING, CHANNEL_WAITING, HEARTBEAT_FAILING),
    "The hub": (REQUESTS, LIVE_VIEWERS),
}  # fmt: skip
"""All of them, in the order of the reference."""
