"""The real service with its keeper: whatever happens, every second is accounted for, and the audit proves it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from evertape.clock import SystemClock
from evertape.domain.cause import Cause
from evertape.domain.coverage import CoverageReport, GapSpan
from evertape.engine.audit import Audit, volume_roots
from evertape.engine.audit_report import AuditReport
from evertape.engine.keeper_tail import IndexTail
from evertape.ipc.messages import CameraInfo
from evertape.store.index import Index
from evertape_lab.disks import LoopVolume, why_no_loop_mounts
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig

SETTINGS = '[recording]\nrotation = "2s"\n'


def pid_of(rig: Rig, name: str) -> int:
    pid = rig.supervisor.children[name].pid
    assert pid is not None
    return pid


def audit(rig: Rig, *, running: bool, ask: Callable[[], Sequence[CameraInfo]] = tuple) -> AuditReport:
    if not running:
        tail = IndexTail(rig.data.index_file, rig.data.journal)
        tail.catch_up()
        tail.close()
    paths = {name: path for name, (path, _) in rig.volumes.items()} or {"recordings": rig.data.recordings}
    return Audit(rig.data, volume_roots(paths), SystemClock(), running=running, ask=ask, boot="").run()


def account(rig: Rig, camera: str) -> CoverageReport:
    with Index.open_readonly(rig.data.index_file) as index:
        now = SystemClock().utc_ns()
        return index.coverage(camera, now - 3600 * 10**9, now, now, boot="")


def gaps(report: CoverageReport) -> list[str]:
    return [str(span.cause) for span in report.spans if isinstance(span, GapSpan)]


@pytest.mark.faults
def test_recording_alone_leaves_nothing_to_explain(tmp_path: Path) -> None:
    async def scenario(urls: list[str]) -> None:
        cameras = {f"cam_{n}": url for n, url in enumerate(urls)}
        async with Rig(tmp_path, cameras, settings=SETTINGS, with_keeper=True) as rig:
            await rig.recorded(list(cameras), 5)
            living = await asyncio.to_thread(audit, rig, running=True)
            assert [f for f in living.findings if f.serious] == []
            assert living.cameras.keys() == cameras.keys()
            await rig.recorded(list(cameras), 2)
        assert rig.clean
        report = audit(rig, running=False)
        assert report.findings == []
        assert report.files == len(rig.files()) >= 6
        for camera in cameras:
            assert gaps(account(rig, camera)) in (["starting", "service_stopped"], ["starting"])
            assert report.cameras[camera].recorded_s > 7

    with LabCameras(count=2) as lab:
        asyncio.run(scenario(lab.urls))


@pytest.mark.faults
def test_deaths_stops_and_starts_are_all_explained(tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        rig = Rig(tmp_path, {"cam": url}, settings=SETTINGS, with_keeper=True)
        async with rig:
            await rig.recorded(["cam"], 3)
            os.kill(pid_of(rig, "recorder-0"), signal.SIGKILL)
            os.kill(pid_of(rig, "keeper"), signal.SIGKILL)
            await rig.until(lambda: rig.durable_s("cam") < 1, 10, "a new recorder counts from zero")
            await rig.recorded(["cam"], 2)
            os.kill(pid_of(rig, "disk-recordings"), signal.SIGKILL)
            await rig.recorded(["cam"], 3)
            rig.supervisor.set_wishes(("cam",), False, "test")
            await asyncio.sleep(1)
            rig.supervisor.set_wishes(("cam",), True, "test")
            await rig.recorded(["cam"], 2)
        async with rig:
            await rig.recorded(["cam"], 2)
            living = await asyncio.to_thread(audit, rig, running=True)
            assert [f.text for f in living.findings if f.serious] == []
        report = audit(rig, running=False)
        assert [f.text for f in report.findings if f.serious] == []
        found = gaps(account(rig, "cam"))
        assert {"starting", "process_crash", "stopped_by_person", "service_stopped"} <= set(found)
        assert report.cameras["cam"].unexplained_s == 0

    with LabCameras(count=1) as lab:
        asyncio.run(scenario(lab.urls[0]))


def _volume(rig: Rig) -> str:
    info = rig.camera("cam")
    return info.recording.volume if info is not None else ""


@pytest.mark.faults
@pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "works")
def test_a_disk_pulled_and_returned_ends_reconciled(tmp_path: Path) -> None:
    async def scenario(url: str, usb: LoopVolume) -> None:
        spill = tmp_path / "spill"
        spill.mkdir()
        volumes = {"usb1": (usb.mount_point, "primary"), "spill": (spill, "spill")}
        settings = '[recording]\nrotation = "1min"\n'
        async with Rig(tmp_path, {"cam": url}, volumes, settings, with_keeper=True) as rig:
            await rig.recorded(["cam"], 3)
            usb.pull()
            await rig.until(lambda: _volume(rig) == "spill", 5, "recording goes on on the spill volume")
            await rig.recorded(["cam"], 3)
            usb.mount()
            await rig.until(lambda: _volume(rig) == "usb1", 5, "recording is back on the primary")
            await rig.recorded(["cam"], 2)

            def reconciled() -> bool:
                with Index.open_readonly(rig.data.index_file) as index:
                    rows = [row for row in index.every_segment() if row.held]
                    spilled = [row for row in rows if row.supersedes]
                    return bool(spilled) and all(
                        index.segment(old.segment).last_video == old.from_seq - 1  # type: ignore[union-attr]
                        or index.segment(old.segment).state == "deleted"  # type: ignore[union-attr]
                        for row in spilled
                        for old in row.supersedes
                    )

            await rig.until(reconciled, 60, "what both disks held is on one of them")
        report = audit(rig, running=False)
        assert [f.text for f in report.findings] == []
        assert report.cameras["cam"].doubled_units == 0
        assert set(gaps(account(rig, "cam"))) <= {"starting", "service_stopped"}

    with LoopVolume(tmp_path / "disk") as usb, LabCameras(count=1) as lab:
        asyncio.run(scenario(lab.urls[0], usb))


@pytest.mark.faults
@pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "works")
def test_while_the_only_disk_is_away_each_second_is_explained_and_none_when_it_is_back(tmp_path: Path) -> None:
    async def scenario(url: str, usb: LoopVolume) -> None:
        volumes = {"usb": (usb.mount_point, "primary")}
        async with Rig(tmp_path, {"cam": url}, volumes, with_keeper=True) as rig:

            def reported() -> tuple[CameraInfo, ...]:
                return tuple(rig.supervisor.status.cameras.values())

            await rig.recorded(["cam"], 3)
            usb.pull()
            # Longer than what is left unjudged because it may be on its way.
            passed = reported()[0].streams[0].units + 250
            await rig.until(lambda: reported()[0].streams[0].units >= passed, 30, "ten seconds pass")
            away = await asyncio.to_thread(audit, rig, running=True, ask=reported)
            assert [finding.text for finding in away.findings if finding.serious] == []
            assert away.cameras["cam"].unexplained_s == 0
            assert away.cameras["cam"].recorded_s > 2
            assert away.cameras["cam"].causes[Cause.STORAGE_MISSING] > 5
            blind = await asyncio.to_thread(audit, rig, running=True)
            assert blind.cameras["cam"].unexplained_s > 5, "nobody but the recorder can tell"
            usb.mount()
            await rig.until(lambda: _volume(rig) == "usb", 5, "recording goes on")
            await rig.recorded(["cam"], 2)
        report = audit(rig, running=False)
        assert [finding.text for finding in report.findings if finding.serious] == []
        assert set(gaps(account(rig, "cam"))) <= {"starting", "service_stopped"}

    with LoopVolume(tmp_path / "disk") as usb, LabCameras(count=1) as lab:
        asyncio.run(scenario(lab.urls[0], usb))
