"""The parts of the main window, made in one place. GUI thread only."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from evertape_desktop.context import Context
from evertape_desktop.grid.camera_list import CameraList
from evertape_desktop.grid.grid import VideoGrid
from evertape_desktop.logs.viewer import LogViewer
from evertape_desktop.monitor.system import SystemMonitor
from evertape_desktop.playback.widget import PlaybackWidget
from evertape_desktop.recording.banner import StorageBanner
from evertape_desktop.recording.control import RecordingControlWidget
from evertape_desktop.recording.tray import Tray


@dataclass(frozen=True, slots=True)
class Parts:
    """See the module; docs/design/desktop.md says what each is for."""

    banner: StorageBanner
    grid: VideoGrid
    cameras: CameraList
    recording: RecordingControlWidget
    playback: PlaybackWidget
    log: LogViewer
    system: SystemMonitor
    tray: Tray

    def close(self) -> None:
        """Let go of pictures, threads and timers; waits for them."""
        self.grid.close_views()
        self.playback.close_player()
        self.tray.hide()


def make_parts(context: Context, window: QWidget) -> Parts:
    """All of them, connected where one asks something of another."""
    parts = Parts(
        banner=StorageBanner(context.backend, window),
        grid=VideoGrid(context, window),
        cameras=CameraList(context, window),
        recording=RecordingControlWidget(context.backend, window, actions=context.actions),
        playback=PlaybackWidget(context, window),
        log=LogViewer(context, window),
        system=SystemMonitor(context, window),
        tray=Tray(context, window),
    )
    parts.cameras.camera_activated.connect(parts.grid.zoom_to)
    parts.grid.camera_selected.connect(parts.cameras.select)
    return parts
