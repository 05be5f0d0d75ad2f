"""Every volume is pulled for longer than memory reaches, the spill volume returns first: the ledger has the figures."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evertape.clock import SystemClock
from evertape.domain.cause import Cause
from evertape.domain.done import Done, DoneKind
from evertape.engine.keeper_tail import IndexTail
from evertape.ipc.events import SegmentClosed, SegmentOpened
from evertape.store.index import Index
from evertape.store.ledger import LedgerEntry, ledger
from evertape.types import NS_PER_S
from evertape_lab.audit import audit_files, scan_file
from evertape_lab.disks import LoopVolume, why_no_loop_mounts
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "works"),
]

SETTINGS = """
[recording]
rotation = "3s"

[ring]
time = "5s"
budget = "16MiB"
"""


async def writes_to(rig: Rig, volume: str) -> None:
    def there() -> bool:
        info = rig.camera("cam_01")
        return info is not None and info.recording.volume == volume

    await rig.until(there, 10, f"it is written to {volume}")


async def reconciled(rig: Rig, spill: LoopVolume) -> None:
    def said() -> bool:
        news = rig.supervisor.status.homecoming
        return news is not None and len(news.volumes) == 2 and all(volume.reconciled for volume in news.volumes)

    await rig.until(lambda: said() and not list(spill.mount_point.glob("*/*/*.mp4")), 60, "all has come home")


def frames_lost(rig: Rig) -> int:
    info = rig.camera("cam_01")
    return info.recording.frames_lost if info is not None else 0


def entries(rig: Rig) -> list[LedgerEntry]:
    tail = IndexTail(rig.data.index_file, rig.data.journal)
    tail.catch_up()
    tail.close()
    now = SystemClock().utc_ns()
    with Index.open_readonly(rig.data.index_file) as index:
        found = ledger(index, "cam_01", (now - 3600 * NS_PER_S, now), now, boot="")
        return [entry for entry in found if entry.cause is Cause.STORAGE_MISSING]


def test_what_was_lost_replayed_spilled_and_brought_home_is_what_lies_in_the_files(tmp_path: Path) -> None:
    async def scenario(usb: LoopVolume, spill: LoopVolume, url: str) -> Rig:
        volumes = {"usb": (usb.mount_point, "primary"), "internal": (spill.mount_point, "spill")}
        async with Rig(tmp_path, {"cam_01": url}, volumes, SETTINGS, with_keeper=True) as rig:
            await rig.recorded(["cam_01"], 2)
            usb.pull()
            spill.pull()
            await rig.until(lambda: frames_lost(rig) > 25, 40, "memory was not enough")
            spill.mount()
            await writes_to(rig, "internal")
            await rig.recorded(["cam_01"], 5)
            usb.mount()
            await writes_to(rig, "usb")
            await reconciled(rig, spill)
        return rig

    with (
        LoopVolume(tmp_path / "disks", size=256 << 20) as usb,
        LoopVolume(tmp_path / "disks", size=256 << 20, name="internal") as spill,
        LabCameras(count=1, bitrate=16000, size="1280x720") as lab,
    ):
        rig = asyncio.run(scenario(usb, spill, lab.urls[0]))
        check(rig)


def check(rig: Rig) -> None:
    (entry,) = entries(rig)
    done = {one.kind: one for one in entry.done}
    (camera,) = audit_files(rig.files()).cameras.values()
    missing = sum(hole.count for hole in camera.missing)
    assert missing > 25
    assert (done[DoneKind.LOST].units, entry.frames_lost) == (missing, missing)

    first, closed = spilled(rig)
    assert (done[DoneKind.SPILLED].files, done[DoneKind.CAME_HOME].files) == (len(closed), len(closed))
    assert done[DoneKind.SPILLED].units == done[DoneKind.CAME_HOME].units
    assert (done[DoneKind.SPILLED].volume, done[DoneKind.CAME_HOME].volume) == ("internal", "usb")
    assert done[DoneKind.REPLAYED].volume == "internal"
    assert from_memory(rig, first) == pytest.approx(units(done[DoneKind.REPLAYED]), abs=5)


def units(done: Done) -> int:
    assert done.units is not None
    return done.units


def spilled(rig: Rig) -> tuple[SegmentOpened, list[SegmentClosed]]:
    """The first file after the outage, and the ends of all that the spill volume had."""
    ends = [event for event in rig.events(SegmentClosed) if isinstance(event, SegmentClosed) and event.spill]
    kept = {event.segment for event in ends}
    # Between the two pulls one may have been begun there, and nothing ever written to it.
    begun = [event for event in rig.events(SegmentOpened) if isinstance(event, SegmentOpened) and event.segment in kept]
    # The journal has them as they were begun, which is all at once.
    return min(begun, key=lambda event: event.start_utc), ends


def from_memory(rig: Rig, first: SegmentOpened) -> int:
    """How many frames are older than that file, by the camera's own clock, and younger than the outage."""
    frames = [frame for path in rig.files() for frame in scan_file(path)]
    return sum(first.start_utc <= frame.utc_ns < first.at for frame in frames)
