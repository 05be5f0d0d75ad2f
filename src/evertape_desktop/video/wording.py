"""How a camera is, in words for a person. GUI thread only, because translations may change."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from evertape_desktop.backend.model import CameraLook, StreamLook


def state_words(stream: StreamLook | None, enabled: bool = True) -> str:
    """A stream's state."""
    if not enabled:
        return QCoreApplication.translate("evertape", "Switched off")
    if stream is None:
        return QCoreApplication.translate("evertape", "Starting")
    match stream.state:
        case "connected" | "receiving":
            return QCoreApplication.translate("evertape", "Connected")
        case "connecting":
            return QCoreApplication.translate("evertape", "Connecting")
        case "reconnecting":
            return QCoreApplication.translate("evertape", "Connecting again")
        case "stalled":
            return QCoreApplication.translate("evertape", "No pictures come")
        case "waiting":
            return QCoreApplication.translate("evertape", "Cannot be reached")
        case "disconnected":
            return QCoreApplication.translate("evertape", "Disconnected")
        case "auth_failed":
            return QCoreApplication.translate("evertape", "Login refused")
        case "stopped":
            return QCoreApplication.translate("evertape", "Stopped")
        case "error":
            return QCoreApplication.translate("evertape", "The camera's stream cannot be used")
        case other:
            return other.replace("_", " ")


def reason_words(reason: str) -> str:
    """Why, from a cause's name (docs/reference/causes.md); empty: not known."""
    match reason:
        case "camera_unreachable":
            return QCoreApplication.translate("evertape", "the camera does not answer")
        case "stream_stalled":
            return QCoreApplication.translate("evertape", "the camera stopped sending")
        case "stream_damaged":
            return QCoreApplication.translate("evertape", "what it sends is damaged")
        case "auth_failed":
            return QCoreApplication.translate("evertape", "user or password are wrong")
        case "stream_not_found":
            return QCoreApplication.translate("evertape", "it has no such stream")
        case "codec_unsupported":
            return QCoreApplication.translate("evertape", "its codec cannot be stored")
        case "stream_in_use":
            return QCoreApplication.translate("evertape", "this stream is used twice")
        case "camera_error":
            return QCoreApplication.translate("evertape", "the camera reports an error")
        case "storage_missing":
            return QCoreApplication.translate("evertape", "the recording disk is missing")
        case "storage_wrong_volume":
            return QCoreApplication.translate("evertape", "another disk is in its place")
        case "storage_full":
            return QCoreApplication.translate("evertape", "the recording disk is full")
        case "storage_denied" | "storage_read_only":
            return QCoreApplication.translate("evertape", "the recording disk cannot be written")
        case "storage_io_error":
            return QCoreApplication.translate("evertape", "the recording disk has errors")
        case "storage_hung" | "storage_slow":
            return QCoreApplication.translate("evertape", "the recording disk does not answer")
        case other:
            return other.replace("_", " ")


def recording_words(camera: CameraLook) -> str:
    """Whether it is recorded, and why not."""
    recording = camera.recording
    if recording is None:
        return ""
    if recording.is_recording:
        return QCoreApplication.translate("evertape", "Recording")
    if not recording.wanted or recording.state == "stopped":
        return QCoreApplication.translate("evertape", "Not recording")
    why = reason_words(recording.reason)
    waits = QCoreApplication.translate("evertape", "Recording waits")
    return f"{waits}: {why}" if why else waits


def flows(stream: StreamLook | None) -> bool:
    """Whether pictures are to be expected."""
    return stream is not None and stream.state in ("connected", "receiving")


def stream_of(camera: CameraLook, name: str) -> StreamLook | None:
    """One of its streams, or else the main one."""
    return next((stream for stream in camera.streams if stream.stream == name), camera.main)
