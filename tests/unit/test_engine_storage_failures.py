"""Volumes that go, hang, fill, slow down and return: what recordings do, say and count. Nothing sleeps."""

from __future__ import annotations

import logging

import msgspec
import pytest

from evertape.domain.cause import Cause
from evertape.engine.recording import RecordingBranch
from evertape.errors import UsageError
from evertape.ipc.events import Alert, GapClosed, GapOpened, WriterReplaced
from evertape.ipc.messages import CameraSettings
from evertape.media.ring import Held, Ring, RingKeeper
from evertape.types import NS_PER_MS, NS_PER_S
from evertape_lab.fake_disk import FRAME_NS, FakeCamera, FakeHost, FakeLink


class Camera:
    """One camera that sends, and its recording."""

    def __init__(self, name: str, host: FakeHost) -> None:
        self.host = host
        self.ring = Ring()
        settings = CameraSettings(
            id=name, name="", url="rtsp://x", rotation_ns=600 * NS_PER_S, fragment_ns=200 * NS_PER_MS
        )
        self.branch = RecordingBranch(settings, self.ring, host)
        self.source = FakeCamera(host.hands, self.ring)
        self.branch.capture_back()

    def start(self) -> None:
        self.host.recording.append(self.branch.settings.id)
        self.branch.start("a test")

    def send(self, count: int = 25, *, key: bool = True) -> None:
        self.source.send(count, key=key)
        self.branch.pump(self.host.clock.boot_ns())

    def wait(self, seconds: int) -> None:
        """GOPs of a second arrive, and nothing else happens."""
        for _ in range(seconds):
            self.send(25)


class Site:
    """Cameras and volumes."""

    def __init__(self, *links: FakeLink, cameras: int = 1) -> None:
        self.host = FakeHost(*(links or (FakeLink("usb"),)))
        self.cameras = [Camera(f"cam_{n + 1:02}", self.host) for n in range(cameras)]
        for name in self.host.fakes:
            self.host.volume_changes(name, "online")
        for camera in self.cameras:
            camera.start()
            camera.send()
        self.work()

    @property
    def camera(self) -> Camera:
        return self.cameras[0]

    def work(self) -> None:
        for link in self.host.fakes.values():
            if link.usable:
                link.work()
        for camera in self.cameras:
            camera.branch.pump(self.host.clock.boot_ns())

    def pull(self, name: str = "usb", state: str = "missing", *, writers_first: bool = False) -> None:
        """The volume goes; the news of it come before or after those of its writers."""
        if writers_first:
            self.host.fakes[name].vanish(state)
            self.host.fakes[name].state = "online"
            for camera in self.cameras:
                camera.branch.pump(self.host.clock.boot_ns())
        self.host.volume_changes(name, state)
        self.host.fakes[name].vanish(state)

    def put_back(self, name: str = "usb") -> None:
        self.host.volume_changes(name, "online")
        self.work()
        self.work()

    def said(self, kind: type) -> list:  # type: ignore[type-arg]
        return [event for event in self.host.events if isinstance(event, kind)]

    def finish(self) -> list[int]:
        """Stop the first camera; the numbers of its pictures that playback would find."""
        self.camera.branch.stop("a test")
        self.work()
        self.work()
        assert self.camera.branch.idle
        return [n for _, n in self.host.logical_units()]


def in_order(text: str, *wanted: str) -> None:
    at = 0
    for line in wanted:
        found = text.find(line, at)
        assert found >= 0, f"{line!r} does not follow in:\n{text}"
        at = found + len(line)


# -- what is said -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writers_first", [False, True])
def test_the_log_tells_the_story_of_a_pulled_disk_in_order(
    caplog: pytest.LogCaptureFixture, writers_first: bool
) -> None:
    caplog.set_level(logging.INFO)
    site = Site(cameras=3)
    caplog.clear()
    site.pull(writers_first=writers_first)
    for camera in site.cameras:
        camera.wait(1)
    site.put_back()
    in_order(
        caplog.text,
        "[STORAGE] USB mount point not found",
        "[STORAGE] Notifying 3 camera(s) about storage error: ⚠ Storage: USB Disconnected",
        "[STORAGE] Calling storage error callback for cam_01",
        "[RECORDING] Stopping recording due to storage error (cam_01",
        "[STREAMING] Streaming continues (cam_01)",
        "[RECORDING RETRY] Scheduled (interval: 6s, max attempts: 20) (cam_01)",
        "[STORAGE] Calling storage error callback for cam_02",
        "[RECORDING] Stopping recording due to storage error (cam_02",
        "[STORAGE] Calling storage error callback for cam_03",
        "[STORAGE] Storage recovered!",
        "[STORAGE] Storage path available!",
        "[RECORDING RETRY] Recording resumed successfully! (cam_01 on usb",
    )
    for line in ("Stopping recording due to storage error", "Scheduled (interval", "Recording resumed successfully!"):
        assert caplog.text.count(line) == 3, f"{line}: once for each camera"


def test_with_a_spill_volume_nothing_is_scheduled_and_both_changes_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    site = Site(FakeLink("usb"), FakeLink("internal", "spill", 1))
    caplog.clear()
    site.pull()
    site.work()
    site.camera.wait(3)
    site.host.volume_changes("usb", "online")
    site.camera.wait(1)
    site.work()
    in_order(
        caplog.text,
        "Stopping recording due to storage error (cam_01 on usb",
        "writing to internal",
        "[RECORDING] cam_01: goes on with internal",
        "Storage recovered!",
        "writing to usb",
        "Recording resumed successfully! (cam_01 on usb",
    )
    assert "Scheduled" not in caplog.text
    assert caplog.text.count("Recording resumed successfully!") == 1, "meanwhile it never stopped"


def test_a_camera_that_starts_while_its_volume_is_away_hears_of_it_and_waits(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    host = FakeHost(FakeLink("usb"))
    host.volume_changes("usb", "not_mounted", was_usable=False)
    camera = Camera("cam_01", host)
    camera.start()
    camera.send()
    in_order(caplog.text, "Calling storage error callback for cam_01", "[RECORDING RETRY] Scheduled")
    assert "Stopping recording" not in caplog.text, "it had not begun"


# -- the retry --------------------------------------------------------------------------------------------------


def test_the_retry_is_counted_shown_asks_the_volumes_and_tells_a_person_after_twenty_attempts() -> None:
    site = Site()
    usb = site.host.fakes["usb"]
    site.pull()
    asked = usb.probes
    site.camera.wait(14)
    info = site.camera.branch.info(site.host.clock.boot_ns())
    assert (info.state, info.reason) == ("waiting", "storage_missing")
    assert (info.attempt, info.retry_max) == (2, 20)
    assert info.retry_in_s == pytest.approx(4.0, abs=1.1)
    assert usb.probes == asked + 2
    site.camera.wait(60 * 2)
    (alert,) = site.said(Alert)
    assert (alert.kind, alert.state, alert.camera, alert.detail) == (
        "recording_retry", "raised", "cam_01", {"attempts": 20},
    )  # fmt: skip
    site.camera.wait(12)
    assert site.camera.branch.info(site.host.clock.boot_ns()).attempt > 20, "it goes on"
    site.put_back()
    ended = site.said(Alert)[-1]
    assert (ended.state, ended.alert) == ("ended", alert.alert)
    info = site.camera.branch.info(site.host.clock.boot_ns())
    assert (info.state, info.attempt, info.retry_in_s) == ("recording", 0, None)
    assert site.finish() == list(range(site.camera.source.seq)), "the ring reached back"


def test_a_volume_that_returns_takes_what_waited_at_once() -> None:
    site = Site()
    site.pull()
    site.camera.wait(1)
    site.host.volume_changes("usb", "online")
    assert site.camera.branch.state == "recording", "in the same turn, not with the next attempt"


def test_a_recording_that_is_stopped_while_it_waits_ends_its_alert_with_its_last_unit() -> None:
    site = Site()
    site.pull()
    site.camera.wait(6 * 21)
    site.camera.branch.stop("a test")
    assert [alert.state for alert in site.said(Alert)] == ["raised"], "its footage still waits"
    site.put_back()
    assert [alert.state for alert in site.said(Alert)] == ["raised", "ended"]


# -- partial restarts -------------------------------------------------------------------------------------------


def replaced(site: Site) -> WriterReplaced:
    return site.said(WriterReplaced)[-1]  # type: ignore[no-any-return]


def test_a_restarted_writer_begins_with_the_last_keyframe_and_doubles_nothing() -> None:
    site = Site()
    site.camera.send(25)
    site.camera.send(10)
    assert site.camera.branch.commands.restart_writer() == "a new file on usb"
    site.work()
    assert (replaced(site).why, replaced(site).old_volume, replaced(site).volume) == ("restart-writer", "usb", "usb")
    site.camera.send(15, key=False)
    assert site.finish() == list(range(75))


def test_a_split_begins_at_once_with_the_last_keyframe_that_is_not_the_files_own() -> None:
    site = Site()
    site.camera.send(25)
    site.camera.send(10)
    first = site.camera.branch.writer
    assert site.camera.branch.commands.split() == "a new file on usb"
    assert site.camera.branch.writer is not first
    site.work()
    assert (replaced(site).why, replaced(site).took) == ("split", 0)
    site.camera.send(15, key=False)
    assert site.finish() == list(range(75))
    old, new = site.host.fakes["usb"].files.values()
    assert old.closed is not None
    assert old.closed.reason == "split"
    assert (new.opened.first_video, new.opened.supersedes[0].from_seq) == (50, 50)


def test_a_file_of_one_gop_is_split_at_the_next_keyframe() -> None:
    site = Site()
    assert site.camera.branch.commands.split() == "a new file begins with the next keyframe"
    site.camera.send(25)
    assert len(site.host.fakes["usb"].files) == 2
    assert site.finish() == list(range(50))


def test_a_writer_that_was_moved_stays_until_its_volume_fails_or_another_is_asked_for() -> None:
    site = Site(FakeLink("usb"), FakeLink("internal", "spill", 1))
    site.camera.wait(2)
    assert site.camera.branch.commands.move("internal") == "a new file on internal"
    site.work()
    assert (replaced(site).why, replaced(site).old_volume, replaced(site).volume) == ("move", "usb", "internal")
    site.camera.wait(5)
    site.work()
    assert site.camera.branch.info(0).volume == "internal", "though the primary is well"
    assert site.camera.branch.commands.move("") == "a new file on usb"
    site.camera.branch.commands.move("internal")
    site.pull("internal")
    site.work()
    assert site.camera.branch.info(0).volume == "usb"
    site.put_back("internal")
    site.camera.wait(2)
    assert site.camera.branch.info(0).volume == "usb", "what was asked for is forgotten with the failure"
    assert site.finish() == list(range(site.camera.source.seq))


def test_nobody_is_moved_to_a_volume_that_is_not_there() -> None:
    site = Site(FakeLink("usb"), FakeLink("internal", "spill", 1))
    with pytest.raises(UsageError, match="no volume 'usk'"):
        site.camera.branch.commands.move("usk")
    site.pull("internal")
    with pytest.raises(UsageError, match="takes no footage now"):
        site.camera.branch.commands.move("internal")
    assert site.camera.branch.info(0).volume == "usb"


def test_a_volume_that_is_retired_is_left_at_the_next_keyframe_and_asked_for_in_vain() -> None:
    usb, internal = FakeLink("usb"), FakeLink("internal", "spill", 1)
    site = Site(usb, internal)
    usb.endpoint = msgspec.structs.replace(usb.endpoint, role="retired")
    site.camera.send(25)
    assert site.camera.branch.info(0).volume == "internal"
    with pytest.raises(UsageError, match="retired"):
        site.camera.branch.commands.move("usb")
    internal.endpoint = msgspec.structs.replace(internal.endpoint, role="retired")
    site.camera.wait(1)
    assert (site.camera.branch.state, site.camera.branch.reason) == ("waiting", Cause.STORAGE_MISSING)
    assert site.camera.branch.info(site.host.clock.boot_ns()).retry_in_s is not None


def test_without_a_writer_there_is_nothing_to_restart() -> None:
    site = Site()
    site.pull()
    commands = site.camera.branch.commands
    assert commands.restart_writer() is commands.split() is commands.move("") is None


@pytest.mark.parametrize("step", ["open", "write", "split", "finish"])
@pytest.mark.parametrize(("fault", "errno"), [("io_error", 5), ("other", 27)])
def test_a_writer_that_fails_to_open_write_split_or_finish_is_replaced_and_costs_no_frame(
    step: str, fault: str, errno: int
) -> None:
    usb = FakeLink("usb")
    site = Site(usb)
    site.camera.send(25)
    match step:
        case "open":
            site.camera.branch.commands.restart_writer()
            usb.refuses = (fault, errno)
            usb.work()
            usb.refuses = None
        case "write":
            usb.fail_oldest(fault, errno)
        case "split":
            site.camera.branch.commands.split()
            usb.fail_oldest(fault, errno)
        case "finish":
            usb.work(close=False)
            site.camera.branch.commands.split()
            usb.work(close=False)
            usb.fail_oldest(fault, errno)
    site.camera.wait(3)
    site.work()
    assert site.camera.branch.state == "recording"
    assert site.finish() == list(range(125))
    assert {gap.cause for gap in site.said(GapOpened)} == {Cause.STARTING, Cause.STOPPED_BY_PERSON}


def test_a_writer_that_fails_again_and_again_for_reasons_of_its_own_is_tried_elsewhere() -> None:
    usb, internal = FakeLink("usb"), FakeLink("internal", "spill", 1)
    site = Site(usb, internal)
    for _ in range(3):
        assert site.camera.branch.info(0).volume == "usb"
        usb.fail_oldest("other", 27)
        site.camera.branch.pump(site.host.clock.boot_ns())
    assert site.camera.branch.info(0).volume == "internal"


# -- back on the primary ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("gop", [25, 500])
def test_a_spilling_recording_is_back_within_two_seconds_whatever_the_gop(gop: int) -> None:
    site = Site(FakeLink("usb"), FakeLink("internal", "spill", 1))
    site.pull()
    for n in range(10):
        site.camera.send(5, key=(n * 5) % gop == 0)
        site.work()
    site.host.volume_changes("usb", "online")
    back = site.host.clock.boot_ns()
    for n in range(10, 400):
        site.camera.send(5, key=(n * 5) % gop == 0)
        site.work()
        if site.camera.branch.info(0).volume == "usb":
            break
    assert site.host.clock.boot_ns() - back <= 1.5 * NS_PER_S
    assert replaced(site).why == "home"
    assert site.finish() == list(range(site.camera.source.seq)), "no frame missing, none doubled logically"


# -- every volume gone for longer than the ring (B13) -----------------------------------------------------------


def test_what_no_volume_takes_for_longer_than_memory_lasts_is_a_gap_with_exact_bounds() -> None:
    site = Site()
    camera = site.camera
    keeper = RingKeeper(60 * NS_PER_S, 20 * camera.ring.bytes)

    def memory() -> None:
        rings = [Held(camera.ring, camera.branch.needed_from, camera.branch.handed_to)]
        for _, gop in keeper.victims(rings, site.host.clock.boot_ns()):
            camera.branch.evicted(gop)

    first_utc = int(site.host.clock.utc_ns()) - 24 * FRAME_NS
    site.pull()
    most = 0
    for _ in range(60):
        camera.send(25)
        memory()
        most = max(most, camera.ring.bytes)
    assert most <= keeper.budget
    (gap,) = [gap for gap in site.said(GapOpened) if gap.cause != Cause.STARTING]
    assert gap.cause == Cause.STORAGE_MISSING
    site.put_back()
    (closed,) = [gap for gap in site.said(GapClosed) if gap.cause != Cause.STARTING]
    held = site.finish()
    lost = sorted(set(range(camera.source.seq)) - set(held))
    assert lost == list(range(lost[0], lost[-1] + 1)), "the oldest, in one piece"
    assert closed.frames_lost == len(lost) == camera.branch.info(0).frames_lost
    assert gap.start_utc == closed.start_utc == first_utc + lost[0] * FRAME_NS, "the first picture that no disk has"
    assert closed.end_utc - closed.start_utc == len(lost) * FRAME_NS
    assert len(held) == len(set(held))


def test_the_cause_of_a_gap_is_what_holds_not_what_the_first_writer_met() -> None:
    site = Site()
    site.pull(state="hung")
    site.host.volume_changes("usb", "missing")
    site.camera.send(25)
    assert site.camera.branch.reason == Cause.STORAGE_MISSING


# -- a slow disk (B14) ------------------------------------------------------------------------------------------


def test_no_file_is_begun_behind_a_queue_that_the_disk_does_not_take() -> None:
    usb = FakeLink("usb")
    site = Site(usb)
    usb.queued_bytes = 100 << 20
    files = len(usb.files)
    for _ in range(10):
        site.camera.send(25)
        site.camera.branch.evicted(site.camera.ring.evict())
    assert len(usb.files) == files, "each would be empty, and cost the disk two syncs"
    usb.queued_bytes = 0
    site.camera.send(25)
    site.work()
    lost = site.camera.branch.info(0).frames_lost
    assert 0 < lost <= 250
    assert len(site.finish()) == site.camera.source.seq - lost


def test_on_a_disk_that_is_too_slow_every_picture_is_in_a_file_or_in_the_ledger_and_none_in_both() -> None:
    usb = FakeLink("usb")
    site = Site(usb)
    camera = site.camera
    keeper = RingKeeper(60 * NS_PER_S, 24 * camera.ring.bytes)
    for _ in range(300):
        # It takes half of what comes, and says a second later that it has it.
        usb.room = (usb.room or 0) + 13
        camera.send(25)
        rings = [Held(camera.ring, camera.branch.needed_from, camera.branch.handed_to)]
        for _, gop in keeper.victims(rings, site.host.clock.boot_ns()):
            camera.branch.evicted(gop)
        site.work()
    usb.room = None
    first_utc = int(site.host.clock.utc_ns()) - (camera.source.seq - 1) * FRAME_NS
    held = site.finish()
    gaps = [gap for gap in site.said(GapClosed) if gap.cause == Cause.STORAGE_SLOW]
    booked = [
        n for gap in gaps for n in range((gap.start_utc - first_utc) // FRAME_NS, (gap.end_utc - first_utc) // FRAME_NS)
    ]
    assert len(gaps) > 3
    assert sorted([*held, *booked]) == list(range(camera.source.seq))
    assert sum(gap.frames_lost or 0 for gap in gaps) == len(booked)
    assert all(gap.start_utc % (25 * FRAME_NS) == gaps[0].start_utc % (25 * FRAME_NS) for gap in gaps), "whole groups"


def test_who_leaves_a_slow_disk_for_another_waits_no_longer_for_room_on_it() -> None:
    usb = FakeLink("usb")
    site = Site(usb, FakeLink("internal", "spill", 1))
    usb.room = 5
    for _ in range(4):
        site.camera.send(25)
    assert site.camera.branch.info(0).volume == "usb"
    usb.congested = True
    site.camera.send(1, key=False)
    assert site.camera.branch.info(0).volume == "internal", "though there is no room for the rest of its group"
    usb.congested, usb.room = False, None
    files = [list(part) for link in site.host.fakes.values() for file in link.files.values() for part in file.fragments]
    assert sorted(n for part in files for n in part) == sorted({n for part in files for n in part}), "nothing twice"
    assert site.finish() == list(range(site.camera.source.seq))
