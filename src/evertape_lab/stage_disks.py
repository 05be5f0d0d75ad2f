"""The disks of a stage: built from the script, broken and mended by its steps, waited for."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from evertape.disk.layout import CONTROL_DIR
from evertape.disk.mounts import read_mounts
from evertape.engine.storage_notice import StorageNotice
from evertape.errors import UsageError
from evertape.ipc.events import Alert, SegmentClosed, SegmentDeleted, SegmentMissing, SegmentOpened
from evertape.ipc.messages import CameraCommand
from evertape.types import NS_PER_S
from evertape_lab.audit import FramesReport, audit_files
from evertape_lab.chronicle import Chronicle
from evertape_lab.disk_deeds import DISK_DEEDS, Bay, make_bay, plug
from evertape_lab.disk_meter import DiskMeter
from evertape_lab.disks import LoopVolume, bytes_beneath
from evertape_lab.fuse_volume import DyingVolume, FuseVolume
from evertape_lab.script import Script, Step, quick
from evertape_lab.watcher import FeedWatcher

if TYPE_CHECKING:
    from evertape_lab.rig import Rig

_USABLE = ("online", "low", "slow")
_COUNTS = 50
"""Attempts to count while files move: each takes milliseconds, a move seconds."""


@dataclass(slots=True)
class Trouble:
    """A volume that was broken; both clocks right before that, and right before it was mended.

    ``rate``: bytes per second that it takes meanwhile, if it is only slow; then also how large its files were.
    """

    volume: str
    states: tuple[str, ...]
    broke_boot: int
    broke_utc: int
    mended_boot: int | None = None
    mended_utc: int | None = None
    rate: float = 0.0
    broke_bytes: int = 0
    mended_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """Frames on all disks at one moment, whether they count or not."""

    frames: int
    missing: int
    doubled: int


class DiskVerbs(ABC):
    """Verbs of a stage; ``volume`` of a step is a disk's name."""

    rig: Rig
    script: Script
    is_quick: bool
    _stack: AsyncExitStack
    _folder: Path

    @property
    @abstractmethod
    def cameras(self) -> list[str]:
        """Every camera that is one."""

    def set_disks_up(self, follow: Callable[[str], None] | None) -> None:
        """Before anything else; ``follow`` is called with each line of the time line."""
        self.bays: dict[str, Bay] = {}
        self.troubles: list[Trouble] = []
        self.beneath = 0
        self.counted: dict[str, Counted] = {}
        self.rotations = 0
        self.watchers: dict[str, FeedWatcher] = {}
        self.chronicle = Chronicle(follow)
        self._disks = ExitStack()
        self._waits = random.Random(4)

    async def build_disks(self) -> dict[str, tuple[Path, str]]:
        """Make and mount the disks of the script; what the rig is told of them."""
        if not self.script.volumes:
            return {}
        self._disks.enter_context(self.chronicle)
        for about in self.script.volumes:
            bay = await asyncio.to_thread(make_bay, about, self._folder / "disks")
            self.bays[about.name] = bay
            if not isinstance(bay.disk, Path):
                self._disks.push(bay.disk)
                if about.declared or about.role == "data":
                    await asyncio.to_thread(plug, bay, Step(do="plug"))
                if about.role == "data":
                    (self._folder / "data").symlink_to(bay.point)
        return {name: (bay.point, bay.about.role) for name, bay in self.bays.items() if bay.about.declared}

    def watch_disks(self) -> None:
        """The service is about to run: look at it from outside."""
        self.disk_meter = DiskMeter(self.rig)
        if self.bays:
            self._run(self.disk_meter.beats())

    def make_disks_readable(self) -> None:
        """Whatever state a scenario that failed has left them in; what lies beneath them is counted before."""
        self._look_beneath()
        for bay in self.bays.values():
            if isinstance(bay.disk, LoopVolume):
                bay.disk.thaw()
            if isinstance(bay.disk, FuseVolume) and bay.disk.mounted:
                bay.disk.be("ok")
            if isinstance(bay.disk, LoopVolume) and bay.mounted and not _readable(bay.point):
                _revive(bay.disk)
            if not bay.mounted and bay.about.declared:
                plug(bay, Step(do="plug"))

    def put_disks_away(self) -> None:
        """After everything was looked at."""
        self._disks.close()

    # -- breaking and mending -------------------------------------------------------------------------------

    async def perform_deed(self, step: Step) -> None:
        """A verb of ``DISK_DEEDS``."""
        bay = self._bay(step.volume)
        self._look_beneath()
        if step.trouble:
            self.troubles.append(Trouble(step.volume, step.trouble, *_now()))
            if rate := _rate(step):
                self.troubles[-1].rate, self.troubles[-1].broke_bytes = rate, await asyncio.to_thread(_bytes, bay)
        if step.mended:
            # A disk that is worse than slow may not even say how large its files are.
            slow = any(t.rate and t.volume == step.volume and t.mended_boot is None for t in self.troubles)
            self._mended(step.volume, await asyncio.to_thread(_bytes, bay) if slow else 0)
        await asyncio.to_thread(DISK_DEEDS[step.do], bay, step)
        if step.do == "plug" and step.volume in self.rig.volumes:
            self.rig.volumes[step.volume] = (bay.point, bay.about.role)

    async def do_swap(self, step: Step) -> None:
        """Pull it, and mount the disk ``options.with`` in its place."""
        await self.perform_deed(msgspec.structs.replace(step, do="pull", mended=False))
        other = self._bay(str(step.options["with"]))
        if not isinstance(other.disk, LoopVolume):
            raise UsageError("swap needs another LoopVolume")
        await asyncio.to_thread(other.disk.mount, self._bay(step.volume).point)

    async def do_unswap(self, step: Step) -> None:
        """Take that disk out again, on which nothing may have been written, and mount the right one."""
        other = self._bay(str(step.options["with"])).disk
        if not isinstance(other, LoopVolume):
            raise UsageError("unswap needs another LoopVolume")
        point = self._bay(step.volume).point
        strange = [path.name for path in point.iterdir() if path.name != "lost+found"]
        assert not strange, f"{', '.join(strange)} was written on a disk that is not ours"
        await asyncio.to_thread(other.pull)
        await self.perform_deed(msgspec.structs.replace(step, do="plug", trouble=()))

    async def do_bad_handler(self, step: Step) -> None:
        """Somebody who is told of the storage of ``camera`` raises; the recorders must be in this process."""

        def raising(notice: StorageNotice) -> None:
            raise RuntimeError(f"a handler that cannot bear {notice.state}")

        self.rig.supervisor.children.consumers.register_storage_error_callback(step.camera, raising)

    async def do_spoil_index(self, step: Step) -> None:
        """``word``: ``delete`` it, ``corrupt`` it, ``lock`` it for the rest of the scenario, or ``unlock`` it."""
        path = self.rig.data.index_file
        if step.word == "delete":
            for name in (path, *path.parent.glob(path.name + "-*")):
                name.unlink(missing_ok=True)
        elif step.word == "corrupt":
            path.write_bytes(b"this is no database" * 400)
        elif step.word == "lock":
            self._lock = sqlite3.connect(path, isolation_level=None)
            self._lock.execute("BEGIN EXCLUSIVE")
        else:
            self._lock.close()

    async def do_storm(self, step: Step) -> None:
        """Pull a random declared volume for up to ``seconds``, and put it back for up to so long, ``times`` times."""
        names = [name for name, bay in self.bays.items() if bay.about.declared]
        for _ in range(quick(step, "times", self.is_quick)):
            name = self._waits.choice(names)
            pull = Step(do="pull", volume=name, trouble=("missing", "not_mounted"))
            await self.perform_deed(pull)
            await asyncio.sleep(self._waits.uniform(0.05, step.seconds))
            await self.perform_deed(Step(do="plug", volume=name, mended=True))
            await asyncio.sleep(self._waits.uniform(0.05, step.seconds))

    # -- looking --------------------------------------------------------------------------------------------

    async def do_watch(self, _step: Step) -> None:
        """From now on somebody watches every camera."""
        for name in self.cameras:
            recorder = f"recorder-{self.rig.supervisor.placed[name]}"
            self.watchers[name] = watcher = FeedWatcher(self.rig.data.root, name, recorder)
            self._stack.callback(watcher.close)
        await self.rig.until(lambda: all(w.frames for w in self.watchers.values()), 5.0, "every watcher sees a picture")

    async def do_follow_growth(self, step: Step) -> None:
        """From now on watch how the files of ``camera`` grow on ``volume``, which nobody breaks."""
        self._run(self.disk_meter.growth(step.camera, self._bay(step.volume).point / step.camera))

    async def do_count(self, step: Step) -> None:
        """Count the frames on all disks now; ``word`` names the moment."""
        report = await asyncio.to_thread(_counted, self.rig.files)
        every = report.cameras.values()
        self.counted[step.word] = Counted(
            sum(camera.count for camera in every),
            sum(camera.missing_count for camera in every),
            sum(len(camera.doubled) for camera in every),
        )

    # -- waiting --------------------------------------------------------------------------------------------

    async def do_volume_is(self, step: Step) -> None:
        """Wait until the service says that the volume is in this ``state``, or ``usable``."""
        wanted = _USABLE if step.state == "usable" else (step.state,)
        volumes = self.rig.supervisor.status.volumes
        await self.rig.until(
            lambda: (info := volumes.get(step.volume)) is not None and info.state in wanted,
            step.within,
            f"{step.volume} is {step.state}",
        )

    async def do_writes_to(self, step: Step) -> None:
        """Wait until every camera, or ``camera``, is recorded to this volume."""
        names = self.cameras if step.camera == "*" else [step.camera]
        await self.rig.until(
            lambda: all(
                (info := self.rig.camera(name)) is not None
                and info.recording.volume == step.volume
                and info.recording.state == "recording"
                for name in names
            ),
            step.within,
            f"recording to {step.volume}",
        )

    async def do_waits(self, step: Step) -> None:
        """Wait until footage of every camera waits in memory."""
        await self.rig.until(
            lambda: all(info.recording.state == "waiting" for info in self.rig.infos().values()),
            step.within,
            "recording waits",
        )

    async def do_log_says(self, step: Step) -> None:
        """Wait until ``times`` lines of the log hold ``word``."""
        await self.rig.until(
            lambda: len(self.chronicle.said(step.word)) >= step.times, step.within, f"{step.times} × {step.word}"
        )

    async def do_journal_says(self, step: Step) -> None:
        """Wait until the journal has an event of the type ``word``."""
        await self.rig.until(
            lambda: any(type(event).__struct_config__.tag == step.word for event in self.rig.events()),
            step.within,
            f"an event {step.word}",
        )

    async def do_alert(self, step: Step) -> None:
        """Wait until an alert of this kind, ``word``, was ``raised``; or until every one that was is ``ended``."""

        def reached() -> bool:
            alerts = [e for e in self.rig.events(Alert) if isinstance(e, Alert) and e.kind == step.word]
            ended = {event.alert for event in alerts if event.state == "ended"}
            raised = {event.alert for event in alerts if event.state == "raised"}
            return bool(raised) and (step.state != "ended" or raised <= ended)

        await self.rig.until(reached, step.within, f"an alert of {step.word} is {step.state}")

    async def do_reconciled(self, step: Step) -> None:
        """Wait until all files but the newest are finished, no frame is on the disks twice, none on a spill volume."""
        deadline = time.monotonic() + step.within
        spills = [bay.point for bay in self.bays.values() if bay.about.role == "spill"]
        while True:
            await self.do_count(Step(do="count", word="reconciled"))
            left = [path.name for point in spills for path in footage(point)]
            doubled = self.counted["reconciled"].doubled
            unfinished = len(self._unfinished())
            if not left and not doubled and not unfinished:
                return
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not within {step.within} s: {doubled} frames are doubled, {unfinished} files are unfinished, "
                    f"spilled are {left}"
                )
            await asyncio.sleep(0.3)

    async def do_before_rotation(self, step: Step) -> None:
        """Wait until it is ``seconds``, or by turns ``leads``, to the next rotation: one every ``options.every``."""
        every = float(cast(float, step.options["every"]))
        lead = step.leads[self.rotations % len(step.leads)] if step.leads else step.seconds
        left = (every - time.time() % every) - lead
        await asyncio.sleep(left if left > 0.05 else left + every)
        self.rotations += 1

    async def do_after_rotation(self, step: Step) -> None:
        """Wait until ``seconds`` after the next rotation, of every ``options.every`` seconds."""
        every = float(cast(float, step.options["every"]))
        await asyncio.sleep(every - time.time() % every + step.seconds)

    async def do_command(self, step: Step) -> None:
        """Ask the recorder of ``camera`` for ``word``: ``split``, ``move`` (to ``volume``), ``restart-writer``."""
        supervisor = self.rig.supervisor
        asked = CameraCommand(
            request=supervisor.next_request(), camera=step.camera, command=step.word, volume=step.volume
        )
        done = await supervisor.command(asked, step.camera, asked.request)
        assert done.ok, done.text

    # -- inside ---------------------------------------------------------------------------------------------

    def _bay(self, name: str) -> Bay:
        if name not in self.bays:
            raise UsageError(f"there is no disk {name!r}", hint=f"there are {', '.join(self.bays) or 'none'}")
        return self.bays[name]

    def _mended(self, volume: str, size: int = 0) -> None:
        boot, utc = _now()
        for trouble in self.troubles:
            if trouble.volume == volume and trouble.mended_boot is None:
                trouble.mended_boot, trouble.mended_utc, trouble.mended_bytes = boot, utc, size

    def _unfinished(self) -> set[str]:
        """Segments but each camera's newest of which the journal does not say that they were closed, or are gone."""
        opened: set[str] = set()
        newest: dict[str, str] = {}
        for event in self.rig.events():
            if isinstance(event, SegmentOpened):
                opened.add(event.segment)
                newest[event.camera] = event.segment
            elif isinstance(event, SegmentClosed | SegmentDeleted | SegmentMissing):
                opened.discard(event.segment)
        return opened - set(newest.values())

    def _look_beneath(self) -> None:
        points = {point for bay in self.bays.values() if not isinstance(bay.disk, Path) for point in bay.points}
        mounted = {mount.point for mount in read_mounts()}
        for point in points:
            if str(point) not in mounted:
                self.beneath = max(self.beneath, bytes_beneath(point))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._stack.callback(task.cancel)


def _counted(files: Callable[[], list[Path]]) -> FramesReport:
    """Count the frames of one moment: files may be on their way home while they are read. Blocking."""
    for _ in range(_COUNTS - 1):
        paths = files()
        try:
            report = audit_files(paths)
        except FileNotFoundError:
            continue
        if set(files()) == set(paths):
            return report
    return audit_files(files())


def footage(point: Path) -> list[Path]:
    """Files of footage on a volume."""
    return [path for path in point.glob("*/*/*.mp4") if CONTROL_DIR not in path.parts]


def _rate(step: Step) -> float:
    """Bytes per second that the step makes a disk take; 0: it does something else."""
    word, _, value = step.word.partition(" ")
    return float(value) if step.do == "mood" and word == "rate" else 0.0


def _bytes(bay: Bay) -> int:
    return sum(path.stat().st_size for path in footage(bay.point))


def _readable(point: Path) -> bool:
    try:
        list(point.iterdir())
    except OSError:
        return False
    return True


def _revive(disk: LoopVolume) -> None:
    while disk.mounted:
        disk.pull()
    if isinstance(disk, DyingVolume):
        disk.revive()


def _now() -> tuple[int, int]:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()


def seconds(later: int, earlier: int) -> float:
    """Between two instants of one clock."""
    return (later - earlier) / NS_PER_S
