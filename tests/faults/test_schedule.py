"""A camera whose schedule ends while it is being recorded."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evertape.clock import SystemClock
from evertape.ipc.events import GapOpened
from evertape.types import NS_PER_S, UtcNs
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig

LEAD_S = 6


class AheadClock(SystemClock):
    """The machine's, so far ahead that the next whole minute begins ``LEAD_S`` after it was made."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = (60 - LEAD_S) * NS_PER_S - super().utc_ns() % (60 * NS_PER_S)

    def utc_ns(self) -> UtcNs:
        return UtcNs(super().utc_ns() + self.ahead)


def test_recording_ends_with_the_schedule_and_the_ledger_says_so(tmp_path: Path) -> None:
    clock = AheadClock()  # only the supervisor's, which decides; recorders and cameras have the machine's
    end_utc = clock.utc_ns() - clock.ahead + LEAD_S * NS_PER_S
    end = datetime.fromtimestamp(clock.utc_ns() // NS_PER_S, UTC) + timedelta(seconds=LEAD_S + 2)
    start = end - timedelta(hours=1)
    schedule = f'schedule = "daily {start:%H:%M}-{end:%H:%M}"\ntimezone = "UTC"'

    async def play(cameras: LabCameras) -> None:
        async with Rig(tmp_path, {"cam_01": cameras.urls[0]}, own={"cam_01": schedule}, clock=clock) as rig:
            await rig.until(lambda: recording(rig) == "recording", 15, "it is recorded")
            await rig.until(lambda: recording(rig) == "stopped", LEAD_S + 15, "it is no longer recorded")
            await rig.until(lambda: "outside_schedule" in gaps(rig), 10, "the ledger says so")
            assert abs(gaps(rig)["outside_schedule"] - end_utc) < 1.5 * NS_PER_S
            assert rig.supervisor.wishes.shown("cam_01")["by"] == "schedule"
            rig.supervisor.set_wishes(("cam_01",), True, "a test")
            await rig.until(lambda: recording(rig) == "recording", 15, "a person overrules it")
            assert rig.supervisor.wishes.shown("cam_01")["by"] == "person"

    with LabCameras(count=1) as cameras:
        asyncio.run(play(cameras))


def gaps(rig: Rig) -> dict[str, int]:
    """When the gap of each cause began."""
    return {event.cause: event.start_utc for event in rig.events(GapOpened) if isinstance(event, GapOpened)}


def recording(rig: Rig) -> str:
    info = rig.supervisor.status.cameras.get("cam_01")
    return info.recording.state if info is not None else ""
