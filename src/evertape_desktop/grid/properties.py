"""All that is known of one camera, as it changes. GUI thread only."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QGroupBox, QLabel, QVBoxLayout, QWidget

from evertape_desktop.backend.model import CameraLook, ServiceLook, StreamLook
from evertape_desktop.context import Context
from evertape_desktop.video.wording import reason_words, recording_words, state_words
from evertape_desktop.words import date_clock, duration, rate, size, zone_of


class CameraProperties(QDialog):
    """See the module.

    Args:
        context: the recorder.
        camera_id: whose.
    """

    def __init__(self, context: Context, camera_id: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("camera_properties")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._camera_id = camera_id
        self._backend = context.backend
        self._values: dict[str, QLabel] = {}
        self._column = QVBoxLayout(self)
        self._streams: dict[str, QGroupBox] = {}
        self._recording = self._group(
            "recording",
            {
                "state": self.tr("State"),
                "volume": self.tr("Disk"),
                "file": self.tr("File"),
                "time": self.tr("Recorded"),
                "size": self.tr("Size"),
                "memory": self.tr("Waiting in memory"),
                "day": self.tr("Last 24 hours"),
            },
            self.tr("Recording"),
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.close)
        self._column.addStretch(1)
        self._column.addWidget(buttons)
        context.backend.state_changed.connect(self._on_state)
        if context.backend.look is not None:
            self._on_state(context.backend.look)
        self.setMinimumWidth(440)

    def value(self, name: str) -> str:
        """A value that is shown: ``main.codec``, ``recording.file``."""
        return self._values[name].text()

    def _group(self, name: str, rows: dict[str, str], title: str) -> QGroupBox:
        box = QGroupBox(title, self)
        form = QFormLayout(box)
        for key, words in rows.items():
            label = QLabel("", box)
            label.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            label.setWordWrap(True)
            label.setAccessibleName(words)
            self._values[f"{name}.{key}"] = label
            form.addRow(words, label)
        self._column.insertWidget(len(self._streams), box)
        return box

    def _on_state(self, look: ServiceLook) -> None:
        camera = look.camera(self._camera_id)
        if camera is None:
            self.close()
            return
        self.setWindowTitle(self.tr("{0}: properties").format(camera.name or camera.id))
        for stream in camera.streams:
            self._show_stream(stream, look)
        self._show_recording(camera)

    def _show_stream(self, stream: StreamLook, look: ServiceLook) -> None:
        name = stream.stream
        if name not in self._streams:
            title = self.tr("Main stream") if name == "main" else self.tr("Smaller stream")
            rows = {
                "state": self.tr("State"),
                "since": self.tr("Since"),
                "video": self.tr("Picture"),
                "rate": self.tr("Data rate"),
                "gop": self.tr("Keyframe every"),
                "audio": self.tr("Sound"),
                "viewers": self.tr("Viewers"),
            }
            self._streams[name] = self._group(name, rows, title)
        why = reason_words(stream.reason)
        state = state_words(stream)
        self._set(f"{name}.state", f"{state}: {why}" if why else state)
        self._set(f"{name}.since", date_clock(stream.since, zone_of(look.timezone)) if stream.since else "")
        video = f"{stream.codec.upper()}, {stream.width} × {stream.height}, {stream.fps:.1f}" if stream.codec else ""
        self._set(f"{name}.video", self.tr("{0} pictures/s").format(video) if video else "")
        self._set(f"{name}.rate", rate(stream.bitrate) if stream.bitrate else "")
        self._set(f"{name}.gop", self.tr("{0:.2f} s").format(stream.gop_s) if stream.gop_s else "")
        self._set(f"{name}.audio", stream.audio.upper() or self.tr("none"))
        self._set(f"{name}.viewers", str(stream.viewers))

    def _show_recording(self, camera: CameraLook) -> None:
        recording = camera.recording
        self._recording.setVisible(recording is not None)
        if recording is None:
            return
        self._set("recording.state", recording_words(camera))
        self._set("recording.volume", recording.volume)
        self._set("recording.file", recording.file)
        self._set("recording.time", duration(recording.recorded_s))
        self._set("recording.size", size(recording.bytes))
        self._set("recording.memory", size(recording.pending_bytes))
        day = camera.day
        self._set(
            "recording.day",
            self.tr("{0:.2f} % recorded, gaps: {1}").format(day.recorded * 100, day.gaps) if day is not None else "",
        )

    def _set(self, name: str, text: str) -> None:
        label = self._values[name]
        if label.text() != text:
            label.setText(text)
