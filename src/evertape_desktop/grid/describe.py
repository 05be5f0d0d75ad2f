"""What stands over a camera's picture, and in its place. GUI thread only, because it is translated."""

from __future__ import annotations

import time

from PySide6.QtCore import QCoreApplication

from evertape_desktop.backend.model import CameraLook, ServiceLook, utc_ns
from evertape_desktop.backend.problem import Connection, Contact
from evertape_desktop.video.overlay import Card, Label
from evertape_desktop.video.wording import flows, reason_words, recording_words, state_words, stream_of
from evertape_desktop.words import clock, date_clock, duration, zone_of

_DAY_NS = 24 * 3600 * 10**9


def mark_of(camera: CameraLook) -> str:
    """``recording``, ``waiting``, ``paused``, or empty: nothing is known."""
    recording = camera.recording
    if recording is None:
        return ""
    if recording.is_recording:
        return "recording"
    return "waiting" if recording.wanted and recording.state != "stopped" else "paused"


def mark_text(mark: str) -> str:
    """The mark in a word."""
    match mark:
        case "recording":
            return QCoreApplication.translate("evertape", "REC")
        case "waiting":
            return QCoreApplication.translate("evertape", "WAITS")
        case _:
            return ""


def label_of(look: ServiceLook, camera: CameraLook, stream: str, *, with_clock: bool, has_picture: bool) -> Label:
    """What stands over the picture."""
    shown = stream_of(camera, stream)
    mark = mark_of(camera)
    return Label(
        name=camera.name or camera.id,
        clock=clock(time.time_ns(), zone_of(look.timezone)) if with_clock else "",
        # The card tells it larger.
        state=state_words(shown, camera.enabled) if has_picture and not flows(shown) else "",
        mark=mark,
        mark_text=mark_text(mark),
    )


def card_of(
    look: ServiceLook, camera: CameraLook, stream: str, connection: Connection, age_s: float, problem: str = ""
) -> Card:
    """What stands in the place of the picture.

    Args:
        look: the state.
        camera: of which camera.
        stream: which of its streams is to be shown.
        connection: how it stands with the recorder.
        age_s: how old the state is.
        problem: why it cannot be shown here, if that is so.
    """
    if connection.contact is not Contact.CONNECTED:
        return Card(QCoreApplication.translate("evertape", "No connection to the recorder"), (connection.text,), True)
    if not camera.enabled:
        return Card(QCoreApplication.translate("evertape", "Switched off"))
    if problem:
        headline = QCoreApplication.translate("evertape", "It cannot be shown here")
        return Card(headline, (problem, *_told(recording_words(camera))), True)
    shown = stream_of(camera, stream)
    if shown is None or flows(shown) or shown.state == "connecting":
        headline = QCoreApplication.translate("evertape", "Connecting …")
        return Card(headline, _told(recording_words(camera)))
    lines = [_sentence(reason_words(shown.reason)) or state_words(shown)]
    if shown.since:
        lines.append(_since(shown.since, look.timezone))
    if shown.retry_in_s is not None:
        lines.append(_next_try(shown.retry_in_s - age_s))
    lines += _told(recording_words(camera))
    return Card(QCoreApplication.translate("evertape", "No signal"), tuple(lines), True)


def _since(since: str, zone_name: str | None) -> str:
    ago = time.time_ns() - utc_ns(since)
    words = (date_clock if ago > _DAY_NS else clock)(since, zone_of(zone_name))
    return QCoreApplication.translate("evertape", "since {0} ({1})").format(words, duration(ago / 10**9))


def _next_try(seconds: float) -> str:
    left = max(0, round(seconds))
    if not left:
        return QCoreApplication.translate("evertape", "trying now")
    return QCoreApplication.translate("evertape", "next try in {0} s").format(left)


def _told(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
