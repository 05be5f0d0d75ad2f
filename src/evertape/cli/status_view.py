"""What a running service says about itself: as JSON with every field, as a table, as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evertape.cli.homecoming_view import homecoming_lines, homecoming_of, is_reconciled, reconciled_text
from evertape.cli.volume_forecast import forecast_json, forecast_of, lasts_text, terms_of
from evertape.cli.volume_usage import Usage, label_with
from evertape.cli.wording import day_text, plural, rate_text, size_text, span_text
from evertape.domain.retention_terms import Terms
from evertape.ipc.messages import CameraInfo, HomecomingNews, HubListens, RecordingInfo, StreamInfo, VolumeInfo
from evertape.types import NS_PER_S

_GOOD = {"connected", "receiving", "recording", "online"}
_BAD = {"disconnected", "missing", "failed", "wrong_volume", "denied", "read_only", "io_error", "hung", "full"}


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The answer to the verb ``status``, parsed.

    Args:
        raw: as it came.
        cameras: those that have reported.
        waiting: ids of those that have not yet.
        volumes: all in use.
        ring_bytes: memory that all rings take.
        ring_budget: and may take.
        uptime_s: since the service was started.
        wishes: who says which camera is to be recorded, and until when.
        usage: what the index says of each volume, by its id; empty: it cannot be read.
    """

    raw: dict[str, Any]
    cameras: Sequence[CameraInfo]
    waiting: Sequence[str]
    volumes: Sequence[VolumeInfo]
    ring_bytes: int
    ring_budget: int
    uptime_s: float
    usage: Mapping[str, Usage] = field(default_factory=dict)
    wishes: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def parse(cls, raw: dict[str, Any], usage: Mapping[str, Usage] | None = None) -> ServiceStatus:
        """Parse what ``ServiceClient.request("status")`` returned."""
        return cls(
            raw=raw,
            cameras=msgspec.convert(raw["cameras"], list[CameraInfo]),
            waiting=raw["waiting"],
            volumes=msgspec.convert(raw["volumes"], list[VolumeInfo]),
            ring_bytes=raw["ring"]["bytes"],
            ring_budget=raw["ring"]["budget"],
            uptime_s=max(0.0, (raw["now_utc"] - raw["started_utc"]) / NS_PER_S),
            usage=usage or {},
            wishes=raw.get("wishes", {}),
        )

    @property
    def terms(self) -> Terms:
        """By what the service deletes."""
        return terms_of(self.raw)

    @property
    def homecoming(self) -> HomecomingNews | None:
        """How far homecoming is; ``None``: the keeper has not said yet."""
        return homecoming_of(self.raw)

    @property
    def hub(self) -> HubListens | None:
        """Where the page is; ``None``: nobody has said yet, or there is no hub."""
        return msgspec.convert(self.raw["hub"], HubListens) if self.raw.get("hub") else None

    def as_json(self) -> dict[str, Any]:
        """Every field, also those that have their default, which messages leave out."""
        return {
            "running": True,
            **self.raw,
            "cameras": [whole(camera) for camera in self.cameras],
            "volumes": [
                volume_json(volume, self.usage, self.terms)
                | {"reconciled": is_reconciled(self.homecoming, volume.name)}
                for volume in self.volumes
            ],
            "homecoming": whole(self.homecoming),
            "hub": whole(self.hub),
        }


def volume_json(volume: VolumeInfo, usage: Mapping[str, Usage], terms: Terms) -> dict[str, Any]:
    """A volume as plain data, with its label, what the index says of it, and how long it lasts."""
    label, held = label_with(volume, usage), usage.get(volume.volume_id)
    numbers = {"used": held.bytes, "files": held.files} if held is not None else {"used": None, "files": None}
    lasts = forecast_json(forecast_of(volume, usage, terms))
    return {**whole(volume), **numbers, **lasts, "label": label.text, "label_reason": label.reason}


def whole(value: Any) -> Any:
    """A message structure as plain data, defaults included."""
    if isinstance(value, msgspec.Struct):
        return {name: whole(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list | tuple):
        return [whole(item) for item in value]
    return value


def main_stream(camera: CameraInfo) -> StreamInfo | None:
    """The stream that is recorded."""
    return next((stream for stream in camera.streams if stream.stream == "main"), None)


def status_table(status: ServiceStatus) -> RenderableType:
    """Cameras, volumes and a line about memory."""
    free = {volume.name: volume.free for volume in status.volumes}
    table = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    for name, justify in _COLUMNS:
        table.add_column(name, justify="right" if justify else "left", no_wrap=True)
    for camera in status.cameras:
        table.add_row(*_camera_row(camera, free, status.wishes.get(camera.id)))
    for name in status.waiting:
        table.add_row(name, Text("starting", "yellow"), *[""] * (len(_COLUMNS) - 2))
    parts: list[RenderableType] = [table] if status.cameras or status.waiting else [Text("No cameras.")]
    parts += [Text(""), _volume_table(status), *_labels(status)]
    parts += [Text(line) for line in homecoming_lines(status.homecoming)]
    parts += [Text(line, style) for line, style in _hub_lines(status)]
    parts += [Text(_foot(status), "dim"), *_page(status.hub)]
    return Group(*parts)


def _hub_lines(status: ServiceStatus) -> list[tuple[str, str]]:
    """Where the page is, and what is not safe about it."""
    hub = status.raw.get("hub") or {}
    said = [("The page is at {}", "url", ""), ("The page: {}", "problem", "red"), ("⚠ {}", "warning", "yellow")]
    return [(text.format(hub[name]), style) for text, name, style in said if hub.get(name)]


def status_lines(status: ServiceStatus) -> list[str]:
    """One plain line per camera, for a log or a pipe."""
    free = {volume.name: volume.free for volume in status.volumes}
    lines = []
    for camera in status.cameras:
        cells = [
            cell.plain if isinstance(cell, Text) else cell
            for cell in _camera_row(camera, free, status.wishes.get(camera.id))
        ]
        lines.append("  ".join(f"{label} {cell}".strip() for label, cell in zip(_LABELS, cells, strict=True)))
    return [*lines, *(f"{name}  starting" for name in status.waiting)]


_COLUMNS = (
    ("camera", False), ("state", False), ("recording", False), ("fps", True), ("bit rate", True), ("recorded", True),
    ("segments", True), ("durable", True), ("volume", False), ("free", True),
)  # fmt: skip
_LABELS = tuple("" if column[0] in ("camera", "state", "bit rate") else column[0] for column in _COLUMNS)


def _camera_row(camera: CameraInfo, free: dict[str, int], wish: Mapping[str, Any] | None = None) -> list[Text | str]:
    stream, recording = main_stream(camera), camera.recording
    age = recording.durable_age_s
    return [
        camera.id,
        _state(stream.state, stream.reason, stream.retry_in_s) if stream else Text("off"),
        _recording_state(recording, wish),
        f"{stream.fps:.1f}" if stream else "",
        rate_text(stream.bitrate) if stream else "",
        span_text(recording.recorded_s),
        str(recording.segments),
        "" if age is None else f"{age:.1f} s ago",
        recording.volume or "–",
        size_text(free[recording.volume]) if recording.volume in free else "",
    ]


def _recording_state(recording: RecordingInfo, wish: Mapping[str, Any] | None) -> Text:
    """As ``_state``, with the attempt: ``waiting (storage missing), attempt 3/20 in 4 s``; or until when it is so."""
    text = _state(recording.state, recording.reason)
    if wish is not None and wish["until"] is not None:
        by = "schedule" if wish["by"] == "schedule" else "hand"
        text.append(f", by {by} until {day_text(wish['until'])}", "dim")
    if recording.retry_in_s is not None and recording.state not in _GOOD:
        # The attempt to come; after the last one that is counted it goes on.
        text.append(f", attempt {recording.attempt + 1}/{recording.retry_max} in {recording.retry_in_s:.0f} s")
    return text


def _state(state: str, reason: str = "", retry_in_s: float | None = None) -> Text:
    style = "green" if state in _GOOD else "red" if state in _BAD else "yellow"
    text = Text(state.replace("_", " "), style)
    if reason not in ("", state) and state not in _GOOD:
        text.append(f" ({reason.replace('_', ' ')})")
    if retry_in_s is not None and state not in _GOOD:
        text.append(f", again in {retry_in_s:.0f} s")
    return text


def _volume_table(status: ServiceStatus) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    for name in ("volume", "role", "state", "free", "of", "lasts", "sync", "reconciled", "path"):
        table.add_column(name, justify="right" if name in ("free", "of", "lasts", "sync") else "left", no_wrap=True)
    for volume in status.volumes:
        known = volume.total > 0
        table.add_row(
            volume.name,
            volume.role,
            _state(volume.state, volume.reason),
            size_text(volume.free) if known else "",
            size_text(volume.total) if known else "",
            lasts_text(forecast_of(volume, status.usage, status.terms)),
            f"{volume.sync_ms:.1f} ms" if volume.sync_ms else "",
            reconciled_text(status.homecoming, volume.name),
            where_text(volume),
        )
    return table


def where_text(volume: VolumeInfo) -> str:
    """Where a volume is, and where it should be if that is somewhere else."""
    return f"{volume.path} (declared at {volume.declared})" if volume.declared else volume.path


def _labels(status: ServiceStatus) -> list[RenderableType]:
    return [Text(f"{volume.name}: {label_with(volume, status.usage).text}") for volume in status.volumes]


def _page(hub: HubListens | None) -> list[RenderableType]:
    if hub is None:
        return []
    lines = [Text(f"page: {hub.url}", "dim") if hub.url else Text(f"page: {hub.problem}", "red")]
    return [*lines, *([Text(hub.warning, "yellow")] if hub.warning else [])]


def _foot(status: ServiceStatus) -> str:
    streams = [main_stream(camera) for camera in status.cameras]
    # A camera that was never there has nothing to reach back to.
    reach = [stream.ring_s for stream in streams if stream is not None and stream.ring_bytes]
    text = f"memory for the newest footage: {size_text(status.ring_bytes)} of {size_text(status.ring_budget)}"
    if reach:
        text += f", reaching back {span_text(min(reach))} at least"
    return f"{text}; {plural(len(status.cameras) + len(status.waiting), 'camera')}; up {span_text(status.uptime_s)}"
