"""Playback: the player's pictures, its buttons, the time line, and what is looked at. GUI thread only."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QVBoxLayout, QWidget

from evertape.types import NS_PER_MS, NS_PER_S
from evertape_desktop import words
from evertape_desktop.backend.model import EventLook, ServiceLook, instant
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.playback.choosing import Choosing
from evertape_desktop.playback.controls import Controls
from evertape_desktop.playback.footage_deeds import FootageDeeds
from evertape_desktop.playback.gap_words import card_of
from evertape_desktop.playback.legend import Legend
from evertape_desktop.playback.player import Player
from evertape_desktop.playback.reel import Look
from evertape_desktop.playback.scale import Window
from evertape_desktop.playback.spans import spans_by_camera
from evertape_desktop.playback.surface import Wall
from evertape_desktop.playback.tiles import TileStore
from evertape_desktop.playback.timeline import TimelineWidget
from evertape_desktop.playback.tips import TimelineTips

_RESIZED_MS = 300
_JUMP_NS = 5 * NS_PER_S
_SAID_MS = 8000
_CHANGED_MS = 1500
_ROWS = 6
_CHANGING = ("segment_closed", "segment_moved", "segment_deleted", "gap_ended", "gap_began")


class PlaybackWidget(QWidget):
    """See the module.

    Args:
        context: what the window's parts share.
    """

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("playback")
        self.context = context
        self.zone: tzinfo | None = None
        self._zone_name: str | None = ""
        self.wall = Wall(self)
        self.player = Player(context.backend, self._size_of, self)
        clock = self.player.recorder_clock
        self.tiles = TileStore(context.backend, clock.now, self)
        self.timeline = TimelineWidget(self.tiles, clock, self)
        self.choosing = Choosing(context.backend, clock, self)
        self.deeds = FootageDeeds(context.backend, self, self)
        self.tips = TimelineTips(context.backend, self.name_of, lambda: self.zone, self.timeline)
        self._deeds: dict[str, QAction] = {}
        self._add_deeds()
        self.controls = Controls(self._buttons(), self)
        self._resized = QTimer(self, singleShot=True, interval=_RESIZED_MS)
        self._resized.timeout.connect(self.player.reload)
        self._said = QTimer(self, singleShot=True, interval=_SAID_MS)
        self._said.timeout.connect(self._on_state)
        self._lay_out()
        self._connect()
        self._enable(False)
        if context.backend.look is not None:
            self._on_look(context.backend.look)

    # -- making it ------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        right = QWidget(self)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.wall, 1)
        column.addWidget(self.controls)
        column.addWidget(self._rows())
        column.addWidget(Legend(right))
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.addWidget(self.choosing)
        split.addWidget(right)
        split.setStretchFactor(1, 1)
        split.setSizes([250, 900])
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(split)

    def _rows(self) -> QScrollArea:
        """The time line, of which so many rows are seen at once."""
        area = QScrollArea(self)
        area.setWidget(self.timeline)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area = area
        return area

    def _fit_rows(self) -> None:
        rows = min(len(self.choosing.chosen()), _ROWS)
        self._area.setFixedHeight(self.timeline.height_of(max(1, rows)))

    def _connect(self) -> None:
        backend, player = self.context.backend, self.player
        backend.state_changed.connect(self._on_look)
        backend.happened.connect(self._on_event)
        player.time_changed.connect(self._on_time)
        player.state_changed.connect(self._on_state)
        player.track_changed.connect(self._on_track)
        player.failed.connect(self.say)
        self.timeline.seek_wanted.connect(self.play_from)
        self.timeline.hovered.connect(self.tips.show)
        self.timeline.selection_changed.connect(self._on_selection)
        self.choosing.cameras_changed.connect(self._on_cameras)
        self.choosing.range_wanted.connect(self._on_range)
        self.controls.rate_wanted.connect(player.set_rate)
        self.wall.resized.connect(self._resized.start)
        self.wall.chosen.connect(self._on_chosen)
        self.wall.opened.connect(self.wall.show_alone)

    def _add_deeds(self) -> None:
        player, group = self.player, self.tr("Playback")

        def add(name: str, text: str, do: Any, key: str = "") -> None:
            self._deeds[name] = self.context.actions.add(f"playback_{name}", text, do, group=group, key=key)

        add("previous", self.tr("Previous file"), lambda: player.go_to_segment(-1), "[")
        add("reverse", self.tr("Backward, faster each time"), lambda: player.shuttle(-1), "J")
        add("step_back", self.tr("One picture back"), lambda: player.step(-1), ",")
        add("toggle", self.tr("Play or pause"), player.toggle, "Space")
        add("pause", self.tr("Pause"), player.pause, "K")
        add("step", self.tr("One picture on"), lambda: player.step(1), ".")
        add("forward", self.tr("Forward, faster each time"), lambda: player.shuttle(1), "L")
        add("next", self.tr("Next file"), lambda: player.go_to_segment(1), "]")
        add("jump_back", self.tr("5 seconds back"), lambda: player.seek(player.at - _JUMP_NS), "Left")
        add("jump", self.tr("5 seconds on"), lambda: player.seek(player.at + _JUMP_NS), "Right")
        add("first", self.tr("To the beginning of what is shown"), self._to_start, "Home")
        add("last", self.tr("To the newest picture"), self._to_end, "End")
        add("gap", self.tr("Next gap"), lambda: player.go_to_gap(1), "G")
        add("gap_back", self.tr("Previous gap"), lambda: player.go_to_gap(-1), "Shift+G")
        add("behind", self.tr("To where footage goes on"), player.go_on_behind, "N")
        add("mark_in", self.tr("Selection begins here"), lambda: self._mark(begins=True), "I")
        add("mark_out", self.tr("Selection ends here"), lambda: self._mark(begins=False), "O")
        add("snapshot", self.tr("Save the picture …"), self.deeds.ask_snapshot, "Shift+S")
        add("export", self.tr("Export the selection …"), self.deeds.ask_export, "Ctrl+E")
        add("backup", self.tr("Back up the selection …"), self.deeds.ask_backup, "Ctrl+B")
        add("protect", self.tr("Protect the selection …"), self.deeds.ask_protect, "Ctrl+P")
        add("delete", self.tr("Delete the selection …"), self.deeds.ask_delete, "Ctrl+Del")
        add("mark_none", self.tr("Select nothing"), lambda: self.timeline.select(None), "Ctrl+Shift+A")

    def _buttons(self) -> list[list[tuple[QAction, str]]]:
        names = (
            ("previous", "reverse", "step_back", "toggle", "step", "forward", "next", "gap"),
            ("snapshot", "export", "backup", "protect", "delete"),
        )
        signs = {"toggle": "play"}
        return [[(self._deeds[name], signs.get(name, name)) for name in group] for group in names]

    # -- what others use ------------------------------------------------------------------------------------

    def play_from(self, at: int) -> None:
        """Play from that instant on, UTC ns."""
        self.player.seek(at)
        self.player.play(abs(self.player.rate) if self.player.rate < 0 else None)

    def say(self, text: str) -> None:
        """Tell the person something beside the buttons, for a while."""
        self.controls.state.setText(text)
        self.controls.state.setToolTip(text)
        self._said.start()

    def selected(self) -> tuple[tuple[int, int] | None, list[tuple[str, str]]]:
        """The time that is selected, and ids and names of the cameras that are shown."""
        return self.timeline.selection, self.choosing.chosen()

    def name_of(self, camera: str) -> str:
        """What a camera is called."""
        return dict(self.choosing.chosen()).get(camera, camera)

    def footage_changed(self) -> None:
        """What is known of the footage is wrong by now: look anew."""
        self.tiles.refresh()
        self.choosing.calendar.refresh()
        self.player.forget()
        self.player.reload()

    def close_player(self) -> None:
        """Let go of pictures, threads and timers; waits for them."""
        self._resized.stop()
        self._said.stop()
        self.player.close()

    # -- what happens ---------------------------------------------------------------------------------------

    def _on_look(self, look: ServiceLook) -> None:
        if look.timezone != self._zone_name:
            self._zone_name = look.timezone
            self.zone = words.zone_of(look.timezone)
            self.timeline.set_zone(self.zone)
            self.choosing.set_zone(self.zone)
            shown = self.timeline.window_shown
            self.choosing.set_range(shown.start, shown.end)
        self.choosing.set_cameras([(camera.id, camera.name) for camera in look.cameras])

    def _on_event(self, event: EventLook) -> None:
        if event.kind in _CHANGING and self.isVisible():
            QTimer.singleShot(_CHANGED_MS, self.timeline, self.timeline.update)

    def _on_cameras(self) -> None:
        chosen = self.choosing.chosen()
        self.timeline.set_cameras(chosen)
        self.choosing.calendar.set_cameras([camera for camera, _ in chosen])
        self.wall.show_cameras(chosen)
        self._fit_rows()
        if self.isVisible():
            self._show_tracks()

    def _show_tracks(self) -> None:
        self.player.show([camera for camera, _ in self.choosing.chosen()])
        for camera in self.player.tracks:
            self._on_track(camera)
        self._on_state()

    def _on_chosen(self, camera: str) -> None:
        """A click on a picture: steps go by it now; on the card of a gap: to where its footage goes on."""
        track = self.player.tracks.get(camera)
        if track is not None and track.look is Look.GAP:
            self.player.go_on_behind(camera)
            return
        chosen = [one for one in self.player.tracks if one != camera]
        if camera in self.player.tracks:
            self.player.show([camera, *chosen])
            self.wall.mark(camera)

    def _on_range(self, start: int, end: int) -> None:
        self.timeline.show_window(Window(start, end))
        end = max(start + 1, min(end, self.player.recorder_clock.now()))
        cameras = list(self.player.tracks)
        self.context.backend.get(
            "/timeline", camera=cameras, start=instant(start), end=instant(end), resolution=60
        ).then(lambda answer: self._to_first_of(answer, start), self._told, owner=self)

    def _told(self, problem: Problem) -> None:
        self.say(str(problem))

    def _to_first_of(self, answer: Any, start: int) -> None:
        begins = [one.start for spans in spans_by_camera(answer).values() for one in spans if not one.is_gap]
        self.player.seek(max(start, min(begins, default=start)))

    def _on_time(self, at: int) -> None:
        self.controls.time.setText(f"{words.date_clock(at, self.zone)}.{at // NS_PER_MS % 1000:03d}")
        self.timeline.set_cursor(at, follow=self.player.playing)

    def _on_state(self) -> None:
        player = self.player
        self.controls.set_sign(self._deeds["toggle"], "pause" if player.playing else "play")
        self.controls.set_rate(player.rate)
        if not self._said.isActive():
            self.controls.state.setText(self._state_words())
            self.controls.state.setToolTip("")
        self.wall.mark(player.first.camera if player.first is not None else "")

    def _state_words(self) -> str:
        if self.player.waiting:
            return self.tr("Loading …")
        if self.player.only_keys and self.player.playing:
            return self.tr("Keyframes only")
        return ""

    def _on_track(self, camera: str) -> None:
        track, surface = self.player.tracks.get(camera), self.wall.surfaces.get(camera)
        if track is None or surface is None:
            return
        shown = track.shown
        time = "" if shown is None else f"{words.clock(shown.utc, self.zone)}.{shown.utc // NS_PER_MS % 1000:03d}"
        surface.show_picture(shown, time, card_of(track, self.zone))

    def _on_selection(self, selection: tuple[int, int] | None) -> None:
        if selection is not None:
            self.choosing.set_range(*selection)
            length = words.duration((selection[1] - selection[0]) / NS_PER_S)
            self.say(self.tr("{0} selected").format(length))

    # -- small deeds ----------------------------------------------------------------------------------------

    def _to_start(self) -> None:
        self.player.seek(self.timeline.window_shown.start)

    def _to_end(self) -> None:
        self.player.seek(self.player.recorder_clock.now() - 2 * NS_PER_S)

    def _mark(self, *, begins: bool) -> None:
        at, old = self.player.at, self.timeline.selection
        if begins:
            self.timeline.select((at, old[1] if old is not None and old[1] > at else at + 60 * NS_PER_S))
        else:
            self.timeline.select((old[0] if old is not None and old[0] < at else at - 60 * NS_PER_S, at))

    def _size_of(self, camera: str) -> tuple[int, int] | None:
        surface = self.wall.surfaces.get(camera)
        return None if surface is None or not surface.isVisible() else surface.pixels()

    def _enable(self, enabled: bool) -> None:
        """Its hot keys are letters and arrows: while it cannot be seen they are others'."""
        for action in self._deeds.values():
            action.setEnabled(enabled)

    def showEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Pictures are fetched while somebody can see them."""
        super().showEvent(event)  # type: ignore[arg-type]
        self._enable(True)
        self._show_tracks()

    def hideEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Nobody looks."""
        super().hideEvent(event)  # type: ignore[arg-type]
        self._enable(False)
        self.player.pause()
