"""What an event is in one line, and how grave it is. GUI thread only, for the translations.

Every kind of ``docs/reference/events.md`` has words; one of a newer service is shown by its name and fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication

from evertape_desktop import words
from evertape_desktop.backend.model import EventLook

LEVELS = ("debug", "info", "warning", "error")
_Fields = Mapping[str, Any]
translate = QCoreApplication.translate  # under this name Linguist finds the texts
_BAD_STREAMS = frozenset({"stalled", "reconnecting", "waiting", "disconnected", "auth_failed", "error"})
_QUIET = frozenset(
    {"segment_opened", "segment_closed", "segment_cut", "segment_checked", "segment_clock", "segment_moved"}
)


def level_of(event: EventLook) -> str:
    """``info``, ``warning`` or ``error``; ``debug`` for what goes on all the time."""
    fields = event.fields
    match event.kind:
        case "alert":
            return "info" if fields.get("state") == "ended" else "error"
        case "camera_state":
            return "warning" if fields.get("state") in _BAD_STREAMS else "info"
        case "recording_state":
            return "warning" if fields.get("state") == "waiting" else "info"
        case "volume_state":
            return "info" if fields.get("state") == "ready" else "error"
        case "gap_opened" | "segment_missing" | "writer_replaced" | "clock_stepped":
            return "warning"
        case "process_died" | "segment_damaged" | "config_refused":
            return "error"
        case kind if kind in _QUIET:
            return "debug"
        case _:
            return "info"


def words_of(event: EventLook) -> str:
    """One line for a person."""
    make = _WORDS.get(event.kind)
    if make is not None:
        return make(event.fields)
    rest = ", ".join(f"{name}={value}" for name, value in event.fields.items() if value not in ("", None))
    return f"{event.kind}: {rest}"


def _because(fields: _Fields) -> str:
    reason = str(fields.get("reason") or "")
    return f" ({reason.replace('_', ' ')})" if reason else ""


def _get(fields: _Fields, name: str) -> str:
    return str(fields.get(name) or "").replace("_", " ")


def _bytes(fields: _Fields, name: str = "bytes") -> str:
    return words.size(float(fields.get(name) or 0))


def _seconds(fields: _Fields, name: str) -> str:
    return f"{int(fields.get(name) or 0) / 1e9:.1f}"


_WORDS: Mapping[str, Callable[[_Fields], str]] = {
    "service_started": lambda f: translate("events", "The service started, version {0}").format(_get(f, "version")),
    "service_stopped": lambda f: translate("events", "The service was stopped") + _because(f),
    "process_started": lambda f: translate("events", "Process {0} started").format(f.get("process")),
    "process_died": lambda f: translate("events", "Process {0} ended by itself: {1}").format(
        f.get("process"), _get(f, "how")
    ),
    "camera_state": lambda f: (
        translate("events", "Stream {0}: {1}").format(f.get("stream"), _get(f, "state")) + _because(f)
    ),
    "recording_state": lambda f: translate("events", "Recording: {0}").format(_get(f, "state")) + _because(f),
    "record_wish": lambda f: (
        translate("events", "Recording wanted, by {0}")
        if f.get("wanted")
        else translate("events", "Recording no longer wanted, by {0}")
    ).format(f.get("by")),
    "volume_state": lambda f: (
        translate("events", "Volume {0}: {1}").format(f.get("volume"), _get(f, "state")) + _because(f)
    ),
    "segment_opened": lambda f: translate("events", "A file was begun: {0}").format(f.get("path")),
    "segment_closed": lambda f: translate("events", "A file was finished: {0}, {1}").format(f.get("path"), _bytes(f)),
    "segment_cut": lambda f: translate("events", "A file was cut where another goes on: {0}").format(f.get("path")),
    "segment_missing": lambda f: translate("events", "A file is missing: {0}").format(f.get("path")),
    "segment_deleted": lambda f: translate("events", "A file was deleted: {0}").format(f.get("path")) + _because(f),
    "segment_moved": lambda f: translate("events", "A file came home: {0}").format(f.get("path")),
    "segment_checked": lambda f: translate("events", "A file was verified: {0}").format(f.get("segment")),
    "segment_damaged": lambda f: translate("events", "A file is damaged: {0}: {1}").format(
        f.get("path"), f.get("problem")
    ),
    "segment_clock": lambda f: translate("events", "The time of a file is known better now: {0}").format(
        f.get("segment")
    ),
    "protection_added": lambda f: translate("events", "{0} protected footage: {1}").format(
        f.get("who"), _get(f, "why")
    ),
    "protection_removed": lambda f: translate("events", "{0} ended a protection").format(f.get("who")),
    "retention_pass": lambda f: translate("events", "Volume {0}: {1} files were deleted, {2} freed").format(
        f.get("volume"), f.get("files") or 0, _bytes(f)
    ),
    "gap_opened": lambda f: translate("events", "Footage is missing from now on: {0}").format(_get(f, "cause")),
    "gap_closed": lambda f: translate("events", "Footage is back: {0}; {1} s are missing").format(
        _get(f, "cause"), _length(f)
    ),
    "writer_replaced": lambda f: translate("events", "The writer was replaced after {0} s: {1}").format(
        _seconds(f, "took"), _get(f, "why")
    ),
    "alert": lambda f: (
        translate("events", "Over: {0}") if f.get("state") == "ended" else translate("events", "Alert: {0}")
    ).format(f.get("text")),
    "clock_stepped": lambda f: translate("events", "A clock was stepped by {0} s").format(_seconds(f, "offset")),
    "clock_corrected": lambda f: translate("events", "Times were corrected by {0} s").format(_seconds(f, "offset")),
    "config_applied": lambda f: translate("events", "The configuration was changed: {0}").format(
        ", ".join(f.get("changed") or ())
    ),
    "config_refused": lambda f: translate("events", "The configuration has mistakes; the old one stays in force"),
    "audited": lambda f: f"{f.get('who')}: {f.get('what')}",
    "notice": lambda f: str(f.get("text") or ""),
}


def _length(fields: _Fields) -> str:
    return f"{(int(fields.get('end_utc') or 0) - int(fields.get('start_utc') or 0)) / 1e9:.1f}"
