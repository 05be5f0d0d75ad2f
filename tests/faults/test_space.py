"""Disks that another program fills: what goes, what stays, who is told, and how recording returns."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evertape.cli.volume_usage import label_with
from evertape.clock import SystemClock
from evertape.domain.retention_terms import DAY_NS, ProtectedSpan, Rule, Terms, thresholds
from evertape.ipc.events import Alert, EventStamp, Notice, RetentionPass, SegmentDeleted, VolumeStateChanged
from evertape.ipc.messages import (
    JournalAppend,
    JournalDurable,
    JournalFailed,
    Message,
    SegmentIsClosed,
    SegmentIsOpen,
)
from evertape.store.rows import CLOSED, DELETED
from evertape.types import NS_PER_S
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage, wait_until
from evertape_lab.disks import LoopVolume, why_no_loop_mounts
from evertape_lab.fleet import LabCameras
from evertape_lab.keeper_peer import KeeperUnderTest, look
from evertape_lab.rig import Rig

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "never"),
]

MB = 10**6
NOW = time.time_ns()
TERMS = Terms(rule=Rule(max_age=0), interval=3600 * NS_PER_S)
"""The defaults, but for ages: 5 GB and 1 GB, held within shares of 400 MB."""
LIMITS = {"min_free": TERMS.min_free, "resume_free": TERMS.resume_free, "probe_interval_ns": NS_PER_S // 2}


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: a socket's path may be 107 bytes long.
    made = Path(tempfile.mkdtemp(prefix="evt-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def usb(folder: Path) -> Iterator[LoopVolume]:
    """A disk of 400 MB."""
    with LoopVolume(folder, size=400 * MB) as volume:
        yield volume


class Filler:
    """Another program's file, as large as leaves so much free."""

    def __init__(self, volume: Path) -> None:
        self._volume, self._files = volume, 0

    @property
    def free(self) -> int:
        numbers = os.statvfs(self._volume)
        return numbers.f_bavail * numbers.f_frsize

    def leave(self, free: int) -> None:
        """Take space until only so much is free; there may be less already."""
        wanted = self.free - free
        if wanted > 0:
            self._files += 1
            with contextlib.suppress(OSError), open(self._volume / f"other-{self._files}", "wb") as file:
                os.posix_fallocate(file.fileno(), 0, wanted)

    def give_back(self, size: int) -> None:
        """Free so much again."""
        for file in sorted(self._volume.glob("other-*"), key=lambda file: file.stat().st_size, reverse=True):
            had = file.stat().st_size
            if had > size:
                os.truncate(file, had - size)
                return
            file.unlink()
            size -= had


def archive(disk: DiskUnderTest, count: int) -> list[tuple[Footage, str]]:
    """Segments of 5 MB, one a day, the oldest first; and their paths."""
    made = []
    peer = disk.connect()
    peer.state("online")
    for number in range(count):
        camera = "door" if number % 2 else "yard"
        start = NOW - (count - number) * DAY_NS
        footage = Footage(camera, number + 1, frame_bytes=200_000, start_utc=start)
        peer.send(*footage.open())
        for _ in range(2):
            peer.send(*footage.append())
        peer.send(footage.close("rotate"))
        made.append((footage, peer.wait(SegmentIsOpen).path))
        peer.wait(SegmentIsClosed)
    return made


def remaining(volume: Path) -> set[str]:
    return {path.relative_to(volume).as_posix() for path in volume.glob("*/*/*.mp4")}


def protect(*footages: Footage) -> tuple[ProtectedSpan, ...]:
    return tuple(ProtectedSpan(f"p{n}", f.camera, f.start_utc, f.start_utc + 1) for n, f in enumerate(footages))


def test_the_oldest_goes_first_then_somebody_is_told_and_the_volume_returns_without_flapping(
    folder: Path, usb: LoopVolume
) -> None:
    """B5, as far as disk process and keeper go."""
    volume, filler = usb.mount_point, Filler(usb.mount_point)
    with DiskRig(folder) as rig:
        disk = rig.disk(volume, is_mount=True, **LIMITS)
        made = archive(disk, 24)
        paths = [path for _, path in made]
        terms = replace(TERMS, protected=protect(made[0][0], made[5][0]))
        total = os.statvfs(volume).f_blocks * os.statvfs(volume).f_frsize
        start, stop = thresholds(terms, total)
        with KeeperUnderTest(rig, {"usb1": disk}, retention=terms):
            look(rig, lambda index: len(index.totals_by_camera()) == 2)
            filler.leave(start + 2 * MB)
            time.sleep(1.5)  # a report and a look, after which nothing may have gone
            assert rig.events(SegmentDeleted) == []

            filler.leave(start - 10 * MB)
            done = rig.event(RetentionPass, lambda event: event.files > 0)
            gone = [path for path in paths if path not in remaining(volume)]
            expected = [path for n, path in enumerate(paths) if n not in (0, 5)][: len(gone)]
            assert gone == expected, "the oldest that are not protected, and no others"
            assert 6 <= len(gone) <= 7
            assert done.why == "low"
            assert stop <= filler.free < stop + 6 * MB
            assert [event for event in rig.events(VolumeStateChanged) if event.state == "full"] == []

            # It goes on until nothing is left that may go.
            deadline = time.monotonic() + 40
            while not rig.events(Alert):
                filler.leave(MB)
                assert time.monotonic() < deadline, "nobody was told"
                time.sleep(0.2)
            assert remaining(volume) == {paths[0], paths[5]}
            (alert,) = rig.events(Alert)
            assert (alert.kind, alert.state, alert.volume) == ("volume_full", "raised", "usb1")
            assert alert.text.startswith("Disk full - please free space")
            assert alert.detail["protected"] == 2
            assert rig.events(VolumeStateChanged)[-1].state == "full"

            # A little more is not enough, as much as recording needs is.
            filler.give_back(35 * MB)
            time.sleep(1.5)
            assert rig.events(VolumeStateChanged)[-1].state == "full"
            filler.give_back(60 * MB)
            ended = rig.event(Alert, lambda event: event.state == "ended")
            assert ended.alert == alert.alert
            states = [event.state for event in rig.events(VolumeStateChanged)]
            assert states.count("full") == 1, f"flapping: {states}"
            assert remaining(volume) == {paths[0], paths[5]}


def test_a_full_volume_is_cleared_by_its_folders_while_the_index_is_locked(folder: Path, usb: LoopVolume) -> None:
    """B16: retention still frees space, and what is protected stays."""
    volume, filler = usb.mount_point, Filler(usb.mount_point)
    with DiskRig(folder) as rig:
        disk = rig.disk(volume, is_mount=True, **LIMITS)
        made = archive(disk, 16)
        paths = [path for _, path in made]
        # Names say the day only roughly, so the neighbours of what is protected may be kept too.
        terms = replace(TERMS, protected=protect(made[6][0]))
        with KeeperUnderTest(rig, {"usb1": disk}, retention=terms):
            look(rig, lambda index: index.segment(made[-1][0].segment))
            with contextlib.closing(sqlite3.connect(rig.data / "index.sqlite3", isolation_level=None)) as lock:
                lock.execute("BEGIN EXCLUSIVE")
                lock.execute("DELETE FROM cursor")
                filler.leave(5 * MB)
                done = wait_until(lambda: [e for e in rig.events(RetentionPass) if e.files], 30.0, "a pass")[0]
                lock.execute("ROLLBACK")
            assert not done.indexed
            gone = {path for path in paths if path not in remaining(volume)}
            assert gone
            assert paths[6] not in gone
            assert gone <= set(paths[: len(gone) + 3]), "the oldest"
            wait_until(lambda: rig.events(VolumeStateChanged)[-1].state in ("online", "low"))
            # Afterwards the index knows.
            look(rig, lambda index: {r.path for r in index.every_segment() if r.state == DELETED} >= gone)


def fill_journal(rig: DiskRig, filler: Filler) -> None:
    """Fill the disk, also with what the journal had reserved, and use up what is left of the journal's last block."""
    peer = rig.keeper.connect("supervisor")
    stamp = EventStamp("test", "", SystemClock())
    for size in (2000, 1000, 500, 250, 100, 50, 20, 1):
        for _ in range(10):
            while filler.free:
                filler.leave(0)
            notice = Notice(**stamp(), text="x" * size)
            peer.send(JournalAppend(events=(notice,), last=notice.id))
            answer = peer.wait(Message, lambda m: isinstance(m, JournalDurable | JournalFailed))
            if isinstance(answer, JournalFailed):
                break
        else:
            pytest.fail("the disk is not full")


def test_a_disk_that_is_full_to_the_last_byte_with_the_journal_on_it_is_cleared_all_the_same(
    usb: LoopVolume, capfd: pytest.CaptureFixture[str]
) -> None:
    """The built-in volume: footage, journal and index share a disk, and no record of a deletion can be written."""
    filler = Filler(usb.mount_point)
    volume = usb.mount_point / "volume"
    volume.mkdir()
    with DiskRig(usb.mount_point) as rig:
        disk = rig.disk(volume, **LIMITS)
        made = archive(disk, 12)
        fill_journal(rig, filler)
        with KeeperUnderTest(rig, {"usb1": disk}, retention=TERMS):
            done = wait_until(lambda: [e for e in rig.events(RetentionPass) if e.files], 20.0, "a pass")[0]
            assert "deleted before that is on record" in capfd.readouterr().err
            assert done.free_after > 20 * MB
            gone = [path for _, path in made if path not in remaining(volume)]
            assert gone == [path for _, path in made][: len(gone)]
            # Every deletion is on record once there is room for it.
            deleted = wait_until(lambda: {e.path for e in rig.events(SegmentDeleted)} >= set(gone))
            assert deleted
            look(rig, lambda index: sum(r.state == CLOSED for r in index.every_segment()) == 12 - len(gone))


def alerts(rig: Rig) -> list[Alert]:
    return [event for event in rig.events(Alert) if isinstance(event, Alert)]


def test_a_camera_waits_in_memory_while_its_only_disk_is_full_and_loses_nothing(folder: Path, usb: LoopVolume) -> None:
    """B5 with the real service: the label, who is told, the return, every frame."""
    filler = Filler(usb.mount_point)
    settings = '[retention]\nmin_age = "1d"\nemergency_age = "1d"\n'  # what is there has to stay

    async def scene(lab: LabCameras) -> None:
        volumes = {"usb1": (usb.mount_point, "primary")}
        async with Rig(folder, {"cam_01": lab.urls[0]}, volumes, settings, with_keeper=True) as rig:

            def recording() -> str:
                info = rig.camera("cam_01")
                return "" if info is None else f"{info.recording.state} {info.recording.reason}".strip()

            await rig.until(lambda: rig.durable_s("cam_01") > 1, 20, "the camera is recorded")
            while filler.free:
                filler.leave(0)
            await rig.until(lambda: recording().startswith("waiting"), 10, "recording waits")
            assert "full" in recording()
            label = label_with(rig.supervisor.status.volumes["usb1"], {})
            assert "0.00 GB" in label.text, "the label says how much is left"
            # The camera, which is not recorded meanwhile, has an alert of its own, which may come first.
            await rig.until(lambda: "volume_full" in [alert.kind for alert in alerts(rig)], 20, "somebody is told")
            assert sorted({alert.kind for alert in alerts(rig)} - {"camera_not_recording"}) == ["volume_full"]
            before = rig.durable_s("cam_01")
            filler.give_back(300 * MB)
            await rig.until(
                lambda: recording() == "recording" and rig.durable_s("cam_01") > before + 1, 10, "it returns"
            )
            await rig.until(lambda: alerts(rig)[-1].state == "ended", 10, "the alert ends")
            found = [event for event in rig.events(VolumeStateChanged) if isinstance(event, VolumeStateChanged)]
            states = [event.state for event in found if event.volume == "usb1"]
            assert states.count("full") == 1, f"flapping: {states}"
        assert_every_frame_once(rig.ranges(), cameras=["cam_01"], at_least=75, not_sent=lab.not_sent)

    with LabCameras(1) as lab:
        asyncio.run(scene(lab))
