"""A camera's recording on random disks: nothing acknowledged is lost, nothing is doubled, what is lost is booked."""

from __future__ import annotations

import contextlib

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from evertape.engine.recording import RecordingBranch
from evertape.engine.recording_run import RecordingRun
from evertape.errors import UsageError
from evertape.ipc.events import GapClosed, GapOpened
from evertape.ipc.messages import Append, CameraSettings
from evertape.media.ring import Ring
from evertape.types import NS_PER_MS, NS_PER_S, Epoch
from evertape_lab.fake_disk import FakeCamera, FakeHost, FakeLink

VOLUMES = ("usb", "internal")
SETTINGS = CameraSettings(id="cam_01", name="", url="rtsp://x", rotation_ns=3 * NS_PER_S, fragment_ns=200 * NS_PER_MS)


class RecordingMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.host = FakeHost(FakeLink("usb"), FakeLink("internal", "spill", 1))
        self.ring = Ring()
        self.branch = RecordingBranch(SETTINGS, self.ring, self.host)
        self.camera = FakeCamera(self.host.hands, self.ring)
        self.branch.capture_back()
        self.identity: dict[int, tuple[Epoch, int]] = {}
        self.runs: dict[RecordingRun, int | None] = {}
        """Each run ever seen, with its end once it is over."""
        self.branch.start("a person")
        self.units_arrive(30, True)

    def pump(self) -> None:
        self.branch.pump(self.host.clock.boot_ns())

    def link(self, name: str) -> FakeLink:
        return self.host.fakes[name]

    # -- the camera and the person --------------------------------------------------------------------------

    @rule(count=st.integers(1, 40), key=st.booleans())
    def units_arrive(self, count: int, key: bool) -> None:
        at = self.ring.end
        for unit in self.camera.send(count, key=key):
            self.identity[at] = (unit.epoch, unit.seq)
            at += 1
        self.pump()

    @rule()
    def camera_reconnects(self) -> None:
        self.camera.reconnect()

    @rule()
    def resolution_changes(self) -> None:
        self.camera.change_caps()

    @rule(again=st.booleans(), units=st.integers(0, 30))
    def stop(self, again: bool, units: int) -> None:
        self.branch.stop("a person")
        if again:
            self.units_arrive(units, True)
            self.branch.start("a person")

    @precondition(lambda self: not self.branch.wanted)
    @rule()
    def start(self) -> None:
        self.branch.start("a person")

    @rule()
    def split(self) -> None:
        self.branch.commands.split()

    @rule()
    def writer_is_restarted_by_hand(self) -> None:
        self.branch.commands.restart_writer()

    @rule(name=st.sampled_from([*VOLUMES, ""]))
    def writer_is_moved_by_hand(self, name: str) -> None:
        with contextlib.suppress(UsageError):
            self.branch.commands.move(name)

    @rule(seconds=st.integers(1, 8))
    def time_passes(self, seconds: int) -> None:
        self.host.hands.advance(seconds * NS_PER_S)
        self.camera.dts += seconds * NS_PER_S

    # -- the disks ------------------------------------------------------------------------------------------

    @rule(close=st.booleans())
    def disks_work(self, close: bool) -> None:
        for link in self.host.fakes.values():
            if link.usable:
                link.work(close=close)
        self.pump()

    @rule(name=st.sampled_from(VOLUMES), state=st.sampled_from(["missing", "hung", "io_error"]), keeps=st.booleans())
    def volume_vanishes(self, name: str, state: str, keeps: bool) -> None:
        self.link(name).vanish(state, keeps_unsynced=keeps)
        self.branch.volume_failed(self.host.links[name], state)

    @precondition(lambda self: self.link("usb").usable)
    @rule()
    def volume_fills_up(self) -> None:
        self.link("usb").state = "full"

    @precondition(lambda self: not all(link.usable for link in self.host.fakes.values()))
    @rule()
    def volumes_return(self) -> None:
        for name, link in self.host.fakes.items():
            if not link.usable:
                link.state = "online"
                self.host.suspects.returned(name)
        self.pump()

    @rule(name=st.sampled_from(VOLUMES), error=st.sampled_from([("full", 28), ("io_error", 5), ("other", 12)]))
    def a_writer_fails(self, name: str, error: tuple[str, int]) -> None:
        self.link(name).fail_oldest(*error)
        self.host.hands.advance(NS_PER_S)
        self.camera.dts += NS_PER_S
        self.pump()

    @rule(name=st.sampled_from(VOLUMES), queued=st.sampled_from([0, 100 << 20]), congested=st.booleans())
    def disk_is_slow(self, name: str, queued: int, congested: bool) -> None:
        self.link(name).queued_bytes = queued
        self.link(name).congested = congested and queued > 0

    @rule(name=st.sampled_from(VOLUMES))
    def a_mistake_strikes_once(self, name: str) -> None:
        link = self.link(name)

        def strike(_message: Append) -> None:
            link.broken = None
            raise RuntimeError("a mistake")

        link.broken = strike

    @rule(times=st.integers(1, 4), over_budget=st.booleans())
    def ring_evicts(self, times: int, over_budget: bool) -> None:
        for _ in range(times):
            gop = self.ring.oldest
            if gop is not None and (over_budget or gop.end <= self.branch.needed_from):
                before = self.branch.info(0).frames_lost
                self.branch.evicted(self.ring.evict())
                assert over_budget or self.branch.info(0).frames_lost == before

    # -- what must hold -------------------------------------------------------------------------------------

    def expected(self) -> set[tuple[Epoch, int]]:
        units = set()
        for run, end in self.runs.items():
            stop = run.replay.limit(self.ring.end) if end is None else end
            units |= {self.identity[pos] for pos in range(run.start, stop)}
        return units

    @invariant()
    def runs_are_known(self) -> None:
        if not hasattr(self, "branch"):
            return
        for run in self.branch._runs:
            self.runs.setdefault(run, None)
        for run, end in self.runs.items():
            if end is None and run not in self.branch._runs:
                self.runs[run] = run.replay.limit(self.ring.end)

    @invariant()
    def nothing_acknowledged_is_lost_and_nothing_is_doubled(self) -> None:
        if not hasattr(self, "branch"):
            return
        units = self.host.logical_units()
        assert len(units) == len(set(units))
        acknowledged = set().union(*(link.acknowledged for link in self.host.fakes.values()))
        assert acknowledged <= set(units)

    def teardown(self) -> None:
        if not hasattr(self, "branch"):
            return
        self.branch.stop("the end")
        self.runs_are_known()
        for link in self.host.fakes.values():
            link.broken, link.queued_bytes, link.congested, link.state = None, 0, False, "online"
            self.host.suspects.returned(link.endpoint.name)
        for _ in range(100):
            self.host.hands.advance(10 * NS_PER_S)
            self.pump()
            for link in self.host.fakes.values():
                link.work()
            if self.branch.idle:
                break
        assert self.branch.idle, "every run ends once a volume is there"
        self.nothing_acknowledged_is_lost_and_nothing_is_doubled()
        missing = self.expected() - set(self.host.logical_units())
        assert len(missing) <= self.branch.info(0).frames_lost
        assert set(self.host.logical_units()) <= self.expected()
        files = [file.opened for link in self.host.fakes.values() for file in link.files.values()]
        assert len({file.generation for file in files}) == len(files)
        opened = {e.gap for e in self.host.events if isinstance(e, GapOpened)}
        closed = [e for e in self.host.events if isinstance(e, GapClosed)]
        assert {e.gap for e in closed} <= opened
        assert len({e.gap for e in closed}) == len(closed)
        assert sum(e.frames_lost or 0 for e in closed) <= self.branch.info(0).frames_lost


RecordingMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
TestRecordingMachine = RecordingMachine.TestCase
