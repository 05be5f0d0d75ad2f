"""The player: several cameras, one clock. GUI thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic_ns

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from evertape.types import NS_PER_MS, NS_PER_S
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.model import ServiceLook, utc_ns
from evertape_desktop.backend.problem import Problem
from evertape_desktop.playback.clock import DecodingWatch, MasterClock, faster, mode_of
from evertape_desktop.playback.finding import footage_before, gap_start, segment_start
from evertape_desktop.playback.now import RecorderClock
from evertape_desktop.playback.reel import Look
from evertape_desktop.playback.terms import Mode
from evertape_desktop.playback.track import Track

TICK_MS = 10
CARD_NS = 1600 * NS_PER_MS
"""How long the card of a gap is shown before playing goes on behind it."""
_LATEST_NS = 300 * NS_PER_MS
"""What is newer than this is on no disk yet."""
_START_NS = 10 * NS_PER_S


class Player(QObject):
    """See the module.

    Args:
        backend: the recorder.
        size_of: into how many pixels a camera's picture is painted; ``None``: it is not known.
    """

    time_changed = Signal(object)
    """The instant that is shown, UTC ns."""
    state_changed = Signal()
    """It plays, stands still, waits, or goes at another rate; or other cameras are shown."""
    track_changed = Signal(str)
    """Another picture, a gap, or a problem of this camera."""
    failed = Signal(str)
    """Something that was asked for cannot be done, for a person."""

    def __init__(
        self,
        backend: Backend,
        size_of: Callable[[str], tuple[int, int] | None] = lambda _: None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.tracks: dict[str, Track] = {}
        self._backend = backend
        self._size_of = size_of
        self.recorder_clock = RecorderClock()
        self._clock = MasterClock(self.recorder_clock.now() - _START_NS)
        self._mode = Mode.ALL
        self._is_slow = False
        self._steps = 0
        self._step_from: int | None = None
        self._gap_since: int | None = None
        self._last: tuple[int, bool] = (-1, False)
        self._watch = DecodingWatch()
        self._ending: list[Track] = []
        self._seen: dict[str, object] = {}
        self._timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._is_closed = False
        backend.state_changed.connect(self._saw)

    # -- what is asked --------------------------------------------------------------------------------------

    @property
    def at(self) -> int:
        """The instant that is shown, UTC ns."""
        return self._clock.at(monotonic_ns())

    @property
    def playing(self) -> bool:
        """It goes on, or would if it had not to wait."""
        return self._clock.playing

    @property
    def waiting(self) -> bool:
        """It waits for a camera."""
        return self._clock.playing and self._clock.held

    @property
    def rate(self) -> float:
        """How fast it goes, or would; negative: backward."""
        return self._clock.rate

    @property
    def only_keys(self) -> bool:
        """Only keyframes are shown."""
        return self._mode is not Mode.ALL

    @property
    def first(self) -> Track | None:
        """The camera that steps are taken by."""
        return next(iter(self.tracks.values()), None)

    # -- what is done ---------------------------------------------------------------------------------------

    def show(self, cameras: Sequence[str]) -> None:
        """Show these cameras, at the instant that is shown."""
        for camera in [camera for camera in self.tracks if camera not in cameras]:
            self._drop(self.tracks.pop(camera))
        known = self.tracks
        self.tracks = {}
        for camera in cameras:
            track = known.get(camera)
            if track is None:
                track = Track(self._backend, camera, self.recorder_clock.now, self)
                track.changed.connect(self._tick)
                track.seek(self.at, self._mode, self._size_of(camera))
            self.tracks[camera] = track
        self.state_changed.emit()
        self._go()

    def seek(self, at: int) -> None:
        """Show that instant."""
        self._steps, self._step_from, self._gap_since = 0, None, None
        latest = self.recorder_clock.now() - _LATEST_NS
        self._clock.seek(min(at, latest), monotonic_ns())
        self._seek_tracks()

    def play(self, rate: float | None = None) -> None:
        """Go on, at a rate."""
        if not self._clock.playing:
            self._is_slow = False
        self._clock.play(monotonic_ns(), rate if rate is not None else self._clock.rate)
        self._steps, self._step_from = 0, None
        self._watch = DecodingWatch()
        self._be_in(mode_of(self._clock.rate, is_slow=self._is_slow))
        self.state_changed.emit()
        self._go()

    def pause(self) -> None:
        """Stand still."""
        if self._clock.playing:
            self._clock.pause(monotonic_ns())
            self.state_changed.emit()

    def toggle(self) -> None:
        """Play, or stand still."""
        if self.playing:
            self.pause()
        else:
            self.play()

    def set_rate(self, rate: float) -> None:
        """Another rate, from now on or from when it plays."""
        if self.playing:
            self._is_slow = False
            self.play(rate)
        else:
            self._clock.rate = rate
            self.state_changed.emit()

    def shuttle(self, direction: int) -> None:
        """Faster and faster in a direction: J (-1) and L (+1) of a film editor."""
        self.play(faster(self.rate if self.playing else 0.0, direction))

    def step(self, direction: int) -> None:
        """One picture on or back; of the first camera, the others follow."""
        self.pause()
        if self._clock.rate < 0:
            self._clock.rate = 1.0
        track = self.first
        if track is None:
            return
        self._be_in(Mode.ALL)
        if direction > 0:
            self._steps += 1
            self._step_on(track)
        else:
            self._steps = 0
            self._step_back(track)
        self._go()

    def go_to_segment(self, direction: int) -> None:
        """To where the next or the previous file of the first camera begins."""
        track, at = self.first, self.at
        if track is not None:
            track.find(lambda footage: segment_start(footage, at, direction)).then(
                self._found_or(self.tr("There is no other file in that direction")), self._told, owner=self
            )

    def go_to_gap(self, direction: int) -> None:
        """To where the next or the previous gap begins that nobody wanted, of any camera shown."""
        search = gap_start(self._backend.request, list(self.tracks), self.at, direction, self.recorder_clock.now())
        self._backend.do(search).then(self._found_or(self.tr("No gap in that direction")), self._told, owner=self)

    def go_on_behind(self, camera: str = "") -> None:
        """Out of a gap, to where footage goes on, of one camera or of the first that has some."""
        tracks = [track for track in self.tracks.values() if not camera or track.camera == camera]
        ends = [end for track in tracks if (end := _goes_on(track)) is not None]
        if ends:
            self.seek(min(ends))

    def forget(self) -> None:
        """What is known of the footage may be wrong by now: load it anew."""
        for track in self.tracks.values():
            track.forget()

    def reload(self) -> None:
        """Decode again what is shown, for a window that has another size."""
        for camera, track in self.tracks.items():
            track.seek(self.at, self._mode, self._size_of(camera))
        self._go()

    def close(self) -> None:
        """Let go of everything; waits for the decoders' threads."""
        if self._is_closed:
            return
        self._is_closed = True
        self._timer.stop()
        self._backend.state_changed.disconnect(self._saw)
        ending, self.tracks, self._ending = [*self.tracks.values(), *self._ending], {}, []
        for track in ending:
            track.end()
        for track in ending:
            track.close()

    # -- inside ---------------------------------------------------------------------------------------------

    def _saw(self, look: ServiceLook) -> None:
        self.recorder_clock.set(look.now)

    def _told(self, problem: Problem) -> None:
        self.failed.emit(str(problem))

    def _found_or(self, text: str) -> Callable[[int | None], None]:
        def found(at: int | None) -> None:
            if at is None:
                self.failed.emit(text)
            else:
                self.seek(at)

        return found

    def _drop(self, track: Track) -> None:
        track.end()
        for one in [one for one in self._ending if one.has_ended]:
            self._ending.remove(one)
            one.deleteLater()
        self._ending.append(track)
        self._seen.pop(track.camera, None)

    def _be_in(self, mode: Mode) -> None:
        if mode is not self._mode:
            self._mode = mode
            self._seek_tracks()

    def _seek_tracks(self) -> None:
        at = self.at
        for camera, track in self.tracks.items():
            track.seek(at, self._mode, self._size_of(camera))
        self._go()

    def _go(self) -> None:
        if not self._is_closed:
            self._timer.start()
            self._tick()

    def _tick(self) -> None:
        if self._is_closed:
            return
        now = monotonic_ns()
        self._clock.confine(0, self.recorder_clock.now() - _LATEST_NS, now)
        at = self._clock.at(now)
        looks = [track.follow(at) for track in self.tracks.values()]
        if self._steps and (track := self.first) is not None and self._step_on(track):
            return
        if self._clock.playing:
            self._clock.hold(not all(track.is_ready for track in self.tracks.values()), now)
            self._over_gaps(at, looks, now)
            self._watch_decoding(looks, now)
        self._tell(at)
        if not self._clock.playing and not self._steps and all(track.is_ready for track in self.tracks.values()):
            self._timer.stop()

    def _tell(self, at: int) -> None:
        for camera, track in list(self.tracks.items()):
            state = (track.shown, track.look, track.problem, track.gap is not None)
            if self._seen.get(camera) != state:
                self._seen[camera] = state
                self.track_changed.emit(camera)
        now = (at, self._clock.held)
        if now != self._last:
            was_held = self._last[1]
            self._last = now
            self.time_changed.emit(at)
            if was_held != self._clock.held:
                self.state_changed.emit()

    def _step_on(self, track: Track) -> bool:
        """Take the steps that can be taken now; true if one was."""
        if track.look is Look.GAP:
            self._steps = 0
            self.go_on_behind()
            return True
        following = track.next_utc() if track.look in (Look.PICTURE, Look.EDGE) else None
        if following is None:
            return False
        self._steps -= 1
        self._clock.seek(following, monotonic_ns())
        self._tick()
        return True

    def _step_back(self, track: Track) -> None:
        before = track.previous_utc()
        if before is None:
            if track.look is Look.GAP:
                at = self.at
                track.find(lambda footage: footage_before(footage, at)).then(
                    self._found_or(self.tr("There is no footage before")), self._told, owner=self
                )
                return
            before = (track.shown.utc if track.shown is not None else self.at) - 1
        self._clock.seek(before, monotonic_ns())
        self._seek_tracks()

    def _over_gaps(self, at: int, looks: list[Look], now: int) -> None:
        """Where no camera has footage there is nothing to wait for: the card says why, then it goes on behind."""
        if not looks or any(look is not Look.GAP for look in looks):
            self._gap_since = None
            return
        self._gap_since = self._gap_since or now
        if now - self._gap_since < CARD_NS:
            return
        self._gap_since = None
        if self._clock.rate < 0:
            starts = [hole.start for track in self.tracks.values() if (hole := track.hole) and hole.start is not None]
            beyond = max(starts) - 1 if starts else None
        else:
            ends = [end for track in self.tracks.values() if (end := _goes_on(track)) is not None and end > at]
            beyond = min(ends, default=None)
        if beyond is None:
            self.pause()
        else:
            self._clock.seek(beyond, now)

    def _watch_decoding(self, looks: list[Look], now: int) -> None:
        """Too slow for every picture: keyframes only, until somebody chooses a rate again."""
        is_judged = self._mode is Mode.ALL and Look.EDGE not in looks
        is_judged = is_judged and any(track.shown is not None for track in self.tracks.values())
        if self._watch.look(now, held=self._clock.held, is_judged=is_judged):
            self._is_slow = True
            self._be_in(mode_of(self._clock.rate, is_slow=True))
            self.state_changed.emit()


def _goes_on(track: Track) -> int | None:
    """Where footage of a camera that is in a gap goes on."""
    hole = track.hole
    if hole is not None and hole.end is not None and track.mode is not Mode.BACK:
        return hole.end
    text = track.gap.get("next") if track.gap else None
    return utc_ns(text) if text else None
