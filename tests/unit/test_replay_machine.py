"""The replay protocol against volumes that vanish and return, and crashes at any step.

The model knows the truth: every unit the camera sent. After each step the files on all volumes,
seen through ``resolve``, must hold each acknowledged unit exactly once and no unit twice; at the
end, when the places are back, every unit that was not explicitly booked as lost must be there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from evertape.domain.replay import CloseWriter, DropWriter, Effect, GopView, Lost, OpenWriter, Replay
from evertape.domain.resolve import HeldSpan, resolve
from evertape.types import Epoch, SegmentId

VOLUMES = ("usb", "internal")


@dataclass
class Gop:
    view: GopView
    end: int


@dataclass
class ModelRing:
    gops: list[Gop] = field(default_factory=list)
    next: int = 0

    @property
    def start(self) -> int:
        return self.gops[0].view.start if self.gops else self.next

    @property
    def end(self) -> int:
        return self.next

    def gop_at(self, pos: int) -> GopView | None:
        return next((gop.view for gop in reversed(self.gops) if gop.view.start <= pos), None)


@dataclass
class File:
    """A file on a volume: unit sequence numbers per fragment, and how many fragments were synced."""

    epoch: Epoch
    generation: int
    fragments: list[range] = field(default_factory=list)
    synced: int = 0
    supersedes: tuple[str, ...] = ()


@dataclass
class Volume:
    reachable: bool = True
    files: dict[SegmentId, File] = field(default_factory=dict)


class ReplayMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.ring = ModelRing()
        self.volumes = {name: Volume() for name in VOLUMES}
        self.epochs = 0
        self.segments = 0
        self.caps = 0
        self.seq = 0
        self.unit: dict[int, tuple[Epoch, int]] = {}  # position -> identity, for the whole life of the camera
        self.lost: set[int] = set()
        self.crashed: set[int] = set()
        self.acknowledged: set[int] = set()
        self.runs: list[tuple[int, Replay]] = []
        self.unheard: list[tuple[Replay, SegmentId, int]] = []
        self.new_epoch()
        self.arrive(3, True)
        self.wish()

    # -- the camera -----------------------------------------------------------------------------------------

    def new_epoch(self) -> None:
        self.epochs += 1
        self.epoch = Epoch(f"epoch-{self.epochs}")
        self.seq = 0
        self.caps = 0
        self.fresh = True

    @rule(units=st.integers(1, 6), key=st.booleans())
    def arrive(self, units: int, key: bool) -> None:
        for i in range(units):
            if i == 0 and (key or self.fresh):
                view = GopView(self.ring.next, self.epoch, self.caps, self.seq)
                self.ring.gops.append(Gop(view, self.ring.next))
                self.fresh = False
            self.unit[self.ring.next] = (self.epoch, self.seq)
            self.ring.next += 1
            self.ring.gops[-1].end = self.ring.next
            self.seq += 1

    @rule()
    def camera_reconnects(self) -> None:
        self.new_epoch()

    @rule()
    def camera_changes_its_resolution(self) -> None:
        self.caps += 1
        self.fresh = True

    # -- the person -----------------------------------------------------------------------------------------

    @precondition(lambda self: not self.runs or self.runs[-1][1].stop_at is not None)
    @rule()
    def wish(self) -> None:
        last = self.ring.gops[-1] if self.ring.gops else None
        stopped = self.runs[-1][1].stop_at if self.runs else 0
        if last is None or stopped is None or last.view.start < stopped or self.fresh:
            self.arrive(1, True)
        start = self.ring.gops[-1].view.start
        self.runs.append((start, Replay(start)))

    @precondition(lambda self: self.runs and self.runs[-1][1].stop_at is None)
    @rule()
    def stop(self) -> None:
        self.runs[-1][1].stop(self.ring.end)

    # -- the recorder ---------------------------------------------------------------------------------------

    def perform(self, replay: Replay, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, OpenWriter):
                view = self.ring.gop_at(effect.start)
                assert view is not None
                assert view.start == effect.start, "a file starts with a keyframe"
                self.volumes[effect.volume].files[effect.segment] = File(
                    view.epoch, effect.generation, supersedes=tuple(s.segment for s in effect.supersedes)
                )
            elif isinstance(effect, Lost):
                gone = set(range(effect.start, effect.end))
                assert effect.end <= self.ring.start, "only what left the ring can be lost"
                assert not gone & self.lost, "nothing is booked as lost twice"
                assert not gone & self.acknowledged, "nothing acknowledged is booked as lost"
                self.lost |= gone
            else:
                assert isinstance(effect, CloseWriter | DropWriter)

    def believed(self, name: str) -> bool:
        return self.volumes[name].reachable

    @rule(which=st.sampled_from(VOLUMES), size=st.integers(1, 4))
    def pump(self, which: str, size: int) -> None:
        for _, replay in self.runs:
            if replay.wants_writer(self.ring) and self.believed(which):
                self.segments += 1
                self.perform(replay, replay.open(SegmentId(f"s{self.segments}"), which, self.segments, self.ring))
            self.send(replay, size)

    def send(self, replay: Replay, size: int) -> None:
        if replay.current is None:
            return
        at = replay.cursor
        gop = next((g for g in self.ring.gops if g.view.start <= at < g.end), None)
        end = min(replay.limit(self.ring.end), at + size)
        if gop is None or end <= at:
            if replay.stop_at is not None and at >= replay.stop_at:
                self.perform(replay, replay.rotate("stop"))
            return
        if at == gop.view.start and not replay.fits(gop.view):
            self.perform(replay, replay.rotate("caps"))
            return
        end = min(end, gop.end)
        assert replay.current and replay.volume
        file = self.volumes[replay.volume].files[replay.current]
        # A write to a volume that has gone may well be kept: it goes to the detached file system.
        first = self.unit[at][1]
        assert self.unit[at][0] == file.epoch
        file.fragments.append(range(first, first + end - at))
        replay.sent(end)

    @rule()
    def rotate(self) -> None:
        for _, replay in self.runs:
            if replay.current and any(g.view.start == replay.cursor for g in self.ring.gops):
                self.perform(replay, replay.rotate("rotate"))

    @rule(which=st.sampled_from(VOLUMES))
    def split_or_move(self, which: str) -> None:
        for _, replay in self.runs:
            if replay.may_split(self.ring) and self.believed(which):
                self.perform(replay, replay.split(self.ring, "split"))
                self.segments += 1
                self.perform(replay, replay.open(SegmentId(f"s{self.segments}"), which, self.segments, self.ring))
                assert replay.current, "a new segment takes over at once"

    @rule(which=st.sampled_from(VOLUMES), heard=st.booleans())
    def sync(self, which: str, heard: bool) -> None:
        volume = self.volumes[which]
        if not volume.reachable:
            return
        for segment, file in volume.files.items():
            file.synced = len(file.fragments)
            for _, replay in self.runs:
                self.unheard.append((replay, segment, file.synced))
        if heard:
            self.hear()

    @rule()
    def hear(self) -> None:
        for replay, segment, fragments in self.unheard:
            before = replay.watermark
            after = replay.durable(segment, fragments)
            assert after >= before, "the watermark only rises"
        self.unheard.clear()
        for start, replay in self.runs:
            self.acknowledged |= set(range(start, replay.watermark)) - self.lost

    # -- what goes wrong ------------------------------------------------------------------------------------

    @rule(which=st.sampled_from(VOLUMES), keeps_unsynced=st.booleans())
    def volume_vanishes(self, which: str, keeps_unsynced: bool) -> None:
        volume = self.volumes[which]
        if not volume.reachable:
            return
        volume.reachable = False
        if not keeps_unsynced:
            for file in volume.files.values():
                del file.fragments[file.synced :]

    @rule(which=st.sampled_from(VOLUMES))
    def noticed(self, which: str) -> None:
        if self.volumes[which].reachable:
            return
        for _, replay in self.runs:
            if which in replay.volumes_in_flight:
                self.perform(replay, replay.failed(self.ring))

    @rule(which=st.sampled_from(VOLUMES))
    def volume_returns(self, which: str) -> None:
        self.noticed(which)
        self.volumes[which].reachable = True

    @rule()
    def a_write_fails(self) -> None:
        for _, replay in self.runs:
            if replay.current:
                self.perform(replay, replay.failed(self.ring))

    @rule(over_budget=st.booleans())
    def evict(self, over_budget: bool) -> None:
        if len(self.ring.gops) < 2:
            return
        needed = min((replay.needed_from(self.ring) for _, replay in self.runs), default=self.ring.end)
        if not over_budget and self.ring.gops[0].end > needed:
            return
        self.ring.gops.pop(0)
        for _, replay in self.runs:
            before = set(self.lost)
            self.perform(replay, replay.evicted(self.ring))
            assert over_budget or self.lost == before, "the ring keeps what is needed while its budget lasts"

    @rule(power_cut=st.booleans())
    def crash(self, power_cut: bool) -> None:
        for volume in self.volumes.values():
            for file in volume.files.values():
                if power_cut:
                    del file.fragments[file.synced :]
        wished = self.runs and self.runs[-1][1].stop_at is None
        for start, replay in self.runs:
            end = replay.limit(self.ring.end)
            self.crashed |= set(range(start, end)) - self.acknowledged - self.lost
        self.ring = ModelRing(next=self.ring.next)
        self.unheard.clear()
        self.runs.clear()
        self.new_epoch()
        if wished:
            self.wish()

    # -- what must hold -------------------------------------------------------------------------------------

    def resolved(self) -> list[tuple[Epoch, int]]:
        held = []
        for volume in self.volumes.values():
            for segment, file in volume.files.items():
                if file.fragments:
                    first, last = file.fragments[0].start, file.fragments[-1].stop - 1
                    held.append(HeldSpan(segment, file.epoch, file.generation, first, last))
        return [(s.epoch, seq) for s in resolve(held) for seq in range(s.first, s.last + 1)]

    @invariant()
    def nothing_is_logically_doubled_and_nothing_acknowledged_is_missing(self) -> None:
        units = self.resolved()
        assert len(units) == len(set(units))
        missing = [pos for pos in self.acknowledged if self.unit[pos] not in set(units)]
        assert not missing

    def teardown(self) -> None:
        if not hasattr(self, "runs"):
            return
        spans = [(start, replay) for start, replay in self.runs]
        if self.runs and self.runs[-1][1].stop_at is None:
            self.stop()
        for name in VOLUMES:
            self.volume_returns(name)
        for _ in range(4 * self.ring.next + 40):
            self.pump(VOLUMES[0], 4)
            self.sync(VOLUMES[0], True)
            self.sync(VOLUMES[1], True)
        units = set(self.resolved())
        for start, replay in spans:
            assert replay.finished
            for pos in range(start, replay.limit(self.ring.end)):
                assert self.unit[pos] in units or pos in self.lost
        self.nothing_is_logically_doubled_and_nothing_acknowledged_is_missing()


ReplayMachine.TestCase.settings = settings(max_examples=500, stateful_step_count=60, deadline=None)
TestReplayMachine = ReplayMachine.TestCase
