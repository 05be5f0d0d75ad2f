"""The supervisor: starts the processes, watches them, replaces them, and answers clients.

No GStreamer, no SQL, no web, no file system beyond the configuration. One thread owns everything.
What happens when it dies: its children notice, finish their files and leave; whoever started it starts it again.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from evertape.clock import Clock
from evertape.config.load import LoadedConfig
from evertape.config.paths import DataDir
from evertape.config.schema import Config
from evertape.disk.journal_client import JournalClient
from evertape.disk.mounts import read_mounts
from evertape.engine.assign import camera_settings, place_cameras, ring_share
from evertape.engine.control import ControlServer
from evertape.engine.process import Child, ChildProcess
from evertape.engine.state_files import (
    VOLUMES,
    WISHES,
    KnownVolume,
    read_volumes,
    read_wishes,
    volumes_text,
    wishes_text,
)
from evertape.engine.state_line import StateLine
from evertape.engine.volume_terms import only_while_mounted
from evertape.ipc.events import (
    AnyEvent,
    ConfigApplied,
    EventStamp,
    ProcessDied,
    ProcessStarted,
    RecordWish,
    ServiceStarted,
    ServiceStopped,
)
from evertape.ipc.messages import (
    CameraInfo,
    CommandDone,
    DiskAssignment,
    EventNews,
    KeeperAssignment,
    Message,
    RecorderAssignment,
    RecorderStatus,
    SetWish,
    VolumeEndpoint,
    VolumeInfo,
    VolumeReport,
)
from evertape.ipc.places import run_dir, socket_path
from evertape.types import CameraId

log = logging.getLogger(__name__)

BUILT_IN = "recordings"
"""The volume inside the data directory, used only while no other is declared."""
_CHECK_S = 0.5
_DATA = "disk-data"


@dataclass(frozen=True, slots=True)
class Machine:
    """What the supervisor must know of the machine.

    Args:
        memory: bytes of RAM.
        boot_id: the kernel's boot id, or empty.
        version: of the program.
        log_level: for the children.
    """

    memory: int
    boot_id: str
    version: str
    log_level: str = "info"


@dataclass(slots=True)
class Declared:
    """A volume as it is to be used.

    Args:
        path: where.
        role: ``primary`` or ``spill``.
        is_mount: only while something is mounted there.
        volume_id: the identity it must have; empty: not known yet.
    """

    path: Path
    role: str
    is_mount: bool
    volume_id: str = ""


@dataclass(slots=True)
class Status:
    """The latest news of everybody."""

    cameras: dict[str, CameraInfo] = field(default_factory=dict)
    volumes: dict[str, VolumeInfo] = field(default_factory=dict)
    rings: dict[str, tuple[int, int]] = field(default_factory=dict)
    pipelines: dict[str, int] = field(default_factory=dict)


class Supervisor:
    """See the module.

    Args:
        data: the data directory; it must exist.
        loaded: the configuration in force.
        clock: both clocks.
        machine: about the machine.
        with_keeper: also run the keeper; without it nothing is indexed, and recording does not notice.
        in_process: run the recorders in this process, on this loop, instead of in processes of their own.
    """

    def __init__(
        self,
        data: DataDir,
        loaded: LoadedConfig,
        clock: Clock,
        machine: Machine,
        *,
        with_keeper: bool = True,
        in_process: bool = False,
    ) -> None:
        self.data = data
        self.loaded = loaded
        self.clock = clock
        self.machine = machine
        self.service = uuid.uuid4().hex
        self.status = Status()
        self.started_utc = clock.utc_ns()
        self.children: dict[str, Child] = {}
        self.wishes: dict[str, bool] = {}
        self.placed: dict[str, int] = {}
        self._with_keeper = with_keeper
        self._in_process = in_process
        self._known: dict[str, KnownVolume] = {}
        self._volumes: dict[str, Declared] = {}
        self._stamp = EventStamp("supervisor", self.service, clock)
        self._journal: JournalClient | None = None
        self._state_line: StateLine | None = None
        self._control: ControlServer | None = None
        self._stop: asyncio.Future[str] | None = None
        self._requests = 0
        self._commands: dict[int, asyncio.Future[CommandDone]] = {}
        self._told: dict[str, DiskAssignment] = {}
        self._leaving: set[asyncio.Task[bool]] = set()
        """Processes of volumes that are no longer declared, on their way out."""

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.loaded.config

    # -- life -----------------------------------------------------------------------------------------------

    async def run(self) -> bool:
        """Run until ``ask_to_stop``; True if every process left in time with its files finished."""
        loop = asyncio.get_running_loop()
        self._stop = loop.create_future()
        run_dir(self.data.root, create=True)
        state = self.data.root / "state"
        self.wishes, self._known = read_wishes(state), read_volumes(state)
        self._control = ControlServer(self, socket_path(self.data.root, "control"))
        self._journal = JournalClient(socket_path(self.data.root, _DATA), self._stamp)
        self._state_line = StateLine(socket_path(self.data.root, _DATA))
        self._journal.put(ServiceStarted(**self._stamp(), version=self.machine.version, host_boot=self.machine.boot_id))
        self._spawn_disk(_DATA)
        self.apply(self.loaded, first=True)
        if self._with_keeper:
            self._spawn("keeper", "evertape.engine.keeper_main", "--log-level", self.machine.log_level)
        checks = loop.create_task(self._checks())
        try:
            reason = await self._stop
        finally:
            checks.cancel()
        return await self._shut_down(reason)

    def ask_to_stop(self, reason: str) -> None:
        """Finish everything and return from ``run``."""
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(reason)

    async def reload(self) -> tuple[str, ...]:
        """Read the configuration again and bring it into force; returns the keys that changed.

        Raises:
            ConfigError: it cannot be used; the old one stays in force.
        """
        return await self._control.reload() if self._control is not None else ()

    async def _checks(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(_CHECK_S)
            late = loop.time() - began - _CHECK_S
            for child in list(self.children.values()):
                if late > _CHECK_S:
                    # We did not run; whoever seems silent was not heard, or did not run either.
                    child.excuse(late)
                else:
                    child.check()

    async def _shut_down(self, reason: str) -> bool:
        log.info("[PROCESS] shutting down (%s): finishing every file", reason)
        loop = asyncio.get_running_loop()
        began = loop.time()

        def left(until_s: float) -> float:
            # Each may use what those before it left over; together they take 5 s at most, whoever hangs.
            return max(0.2, began + until_s - loop.time())

        recorders = [c for n, c in self.children.items() if n.startswith("recorder-")]
        disks = [c for n, c in self.children.items() if n.startswith("disk-") and n != _DATA]
        clean = all(await asyncio.gather(*(child.stop(left(2.6)) for child in recorders)))
        clean &= all(await asyncio.gather(*(child.stop(left(3.4)) for child in disks), *self._leaving))
        if self._journal is not None:
            self._journal.put(ServiceStopped(**self._stamp(), reason=reason))
            clean &= await self._journal.close(left(3.8))
        if self._state_line is not None:
            clean &= await self._state_line.close(left(4.0))
        if keeper := self.children.get("keeper"):
            await keeper.stop(left(4.4))
        clean &= await self.children[_DATA].stop(left(4.8))
        if self._control is not None:
            self._control.close()
        return clean

    # -- configuration --------------------------------------------------------------------------------------

    def apply(self, loaded: LoadedConfig, *, first: bool = False, changed: tuple[str, ...] = ()) -> None:
        """Bring a configuration into force; touches only what it changes."""
        self.loaded = loaded
        config = loaded.config
        self._apply_volumes(config)
        ids: list[str] = [name for name, camera in config.cameras.items() if camera.enabled]
        self.placed = place_cameras(ids, self.placed)
        for name in ids:
            self.wishes.setdefault(name, config.cameras[CameraId(name)].record)
        self.status.cameras = {name: info for name, info in self.status.cameras.items() if name in self.placed}
        for number in sorted(set(self.placed.values())):
            name = f"recorder-{number}"
            if name in self.children:
                self.children[name].send(self._recorder_assignment(number))
            else:
                self._spawn_recorder(name)
        if keeper := self.children.get("keeper"):
            keeper.send(self._keeper_assignment())
        for number in {int(n.removeprefix("recorder-")) for n in self.children if n.startswith("recorder-")}:
            if number not in self.placed.values():
                self.children[f"recorder-{number}"].send(self._recorder_assignment(number))
        if not first:
            self.journal(ConfigApplied(**self._stamp(), changed=changed))

    def _apply_volumes(self, config: Config) -> None:
        wanted: dict[str, Declared] = {}
        mounts = read_mounts()
        for name, volume in config.volumes.items():
            known = self._known.get(name)
            if known is not None and known.path != str(volume.path):
                known = None
            wanted[name] = Declared(
                volume.path,
                str(volume.role),
                is_mount=only_while_mounted(volume, known, mounts),
                volume_id=known.volume_id if known is not None else "",
            )
        if not wanted:
            old = self._volumes.get(BUILT_IN)
            learned = old.volume_id if old is not None else ""
            wanted[BUILT_IN] = Declared(self.data.recordings, "primary", is_mount=False, volume_id=learned)
        for name in [name for name in self._volumes if name not in wanted]:
            del self._volumes[name]
            self.status.volumes.pop(name, None)
            child = self.children.pop(f"disk-{name}", None)
            if child is not None:
                task = asyncio.get_running_loop().create_task(child.stop(2.5))
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
        for name, declared in wanted.items():
            self._volumes[name] = declared
            process = f"disk-{name}"
            if process not in self.children:
                self._spawn_disk(process)
            else:
                self._tell_disk(process)
        if _DATA in self.children:
            self._tell_disk(_DATA)

    # -- wishes and commands --------------------------------------------------------------------------------

    def set_wishes(self, cameras: tuple[str, ...], wanted: bool, by: str) -> None:
        """Record these cameras from now on, or no longer; remembered across restarts."""
        for name in cameras:
            self.wishes[name] = wanted
            self.journal(RecordWish(**self._stamp(), camera=name, wanted=wanted, by=by))
        for number in {self.placed[name] for name in cameras if name in self.placed}:
            mine = tuple(name for name in cameras if self.placed.get(name) == number)
            self.children[f"recorder-{number}"].send(SetWish(cameras=mine, wanted=wanted, by=by))
        self._put_state(WISHES, wishes_text(self.wishes))

    async def command(self, message: Message, camera: str, request: int, timeout_s: float = 5.0) -> CommandDone:
        """Have the camera's recorder do something."""
        future: asyncio.Future[CommandDone] = asyncio.get_running_loop().create_future()
        self._commands[request] = future
        self.children[f"recorder-{self.placed[camera]}"].send(message)
        try:
            return await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            return CommandDone(request=request, ok=False, text="its recorder did not answer")
        finally:
            self._commands.pop(request, None)

    def next_request(self) -> int:
        """A number for a request to a child."""
        self._requests += 1
        return self._requests

    def journal(self, event: AnyEvent) -> None:
        """Write an event down and tell the clients that listen."""
        if self._journal is not None:
            self._journal.put(event)
        if self._control is not None:
            self._control.news(EventNews(events=(event,)))

    @property
    def stamp(self) -> EventStamp:
        """For events of the supervisor."""
        return self._stamp

    @property
    def volumes(self) -> Mapping[str, Declared]:
        """The volumes in use, by name, in the order of the configuration."""
        return self._volumes

    # -- what children do (ProcessOwner) --------------------------------------------------------------------

    def child_up(self, child: Child) -> None:
        """Tell it what to do."""
        name = child.name
        if name == "keeper":
            child.send(self._keeper_assignment())
        elif name.startswith("disk-"):
            self._told.pop(name, None)
            self._tell_disk(name)
        else:
            child.send(self._recorder_assignment(int(name.removeprefix("recorder-"))))
        pid = child.pid or 0
        self.journal(ProcessStarted(**self._stamp(), process=name, pid=pid, generation=child.generation))

    def child_said(self, child: Child, message: Message) -> None:
        """Take note."""
        match message:
            case RecorderStatus(cameras=cameras, ring_bytes=used, ring_budget=budget, pipelines=pipelines):
                for camera in cameras:
                    if camera.id in self.placed:
                        self.status.cameras[camera.id] = camera
                self.status.rings[child.name] = (used, budget)
                self.status.pipelines[child.name] = pipelines
            case VolumeReport(volume=info):
                if child.name != _DATA:
                    self._volume_news(info)
            case EventNews():
                if self._control is not None:
                    self._control.news(message)
            case CommandDone(request=request):
                if (future := self._commands.get(request)) is not None and not future.done():
                    future.set_result(message)
            case _:
                log.debug("[IPC] %s said %s", child.name, type(message).__name__)

    def child_died(self, child: Child, pid: int, how: str) -> None:
        """Write it down; the child is replaced by itself."""
        self.journal(ProcessDied(**self._stamp(), process=child.name, pid=pid, how=how))

    # -- inside ---------------------------------------------------------------------------------------------

    def _spawn(self, name: str, module: str, *arguments: str) -> None:
        child = self.children[name] = ChildProcess(name, module, lambda: arguments, self)
        child.start()

    def _spawn_disk(self, name: str) -> None:
        self._spawn(
            name, "evertape.disk.process", "--socket", socket_path(self.data.root, name),
            "--log-level", self.machine.log_level,
        )  # fmt: skip

    def _spawn_recorder(self, name: str) -> None:
        feed = socket_path(self.data.root, name)
        if not self._in_process:
            self._spawn(
                name, "evertape.engine.recorder_main", "--service", self.service, "--feed-socket", feed,
                "--log-level", self.machine.log_level,
            )  # fmt: skip
            return
        # Imported here: a supervisor proper has no business with capture and its memory.
        from evertape.engine.in_process import InProcessRecorder

        child = self.children[name] = InProcessRecorder(name, self.service, self.clock, feed, self)
        child.start()

    def _volume_news(self, info: VolumeInfo) -> None:
        if (old := self.status.volumes.get(info.name)) is not None and old.was_usable and not info.was_usable:
            # Its process was replaced meanwhile, and has not seen what we have.
            info = msgspec.structs.replace(info, was_usable=True)
        self.status.volumes[info.name] = info
        declared = self._volumes.get(info.name)
        if declared is None or not info.volume_id or declared.volume_id == info.volume_id:
            return
        if info.path != str(declared.path):
            return  # said before its process heard that the volume has moved
        if not declared.volume_id and info.state in ("online", "low", "slow", "full"):
            # First use: from now on it has to be this one, mounted or not as it is now.
            declared.volume_id = info.volume_id
            self._known[info.name] = KnownVolume(str(declared.path), info.volume_id, declared.is_mount)
            self._put_state(VOLUMES, volumes_text(self._known))
            self._tell_disk(f"disk-{info.name}")

    def _put_state(self, name: str, text: bytes) -> None:
        if self._state_line is not None:
            self._state_line.put(name, text)

    def _endpoints(self) -> tuple[VolumeEndpoint, ...]:
        return tuple(
            VolumeEndpoint(
                name=name,
                role=declared.role,
                order=order,
                socket=socket_path(self.data.root, f"disk-{name}"),
                path=str(declared.path),
            )
            for order, (name, declared) in enumerate(self._volumes.items())
        )

    def _recorder_assignment(self, number: int) -> RecorderAssignment:
        config = self.config
        mine = [name for name, place in self.placed.items() if place == number]
        budget = config.ring.budget_bytes(self.machine.memory)
        return RecorderAssignment(
            cameras=tuple(camera_settings(config, CameraId(name)) for name in mine),
            volumes=self._endpoints(),
            wishes={name: self.wishes.get(name, False) for name in mine},
            journal_socket=socket_path(self.data.root, _DATA),
            ring_ns=config.ring.time,
            ring_budget=ring_share(budget, len(mine), len(self.placed)),
            drain_ns=config.streaming.drain,
            drain_viewed_ns=config.streaming.drain_viewed,
            hung_after_ns=config.storage.hung_after,
            retry_interval_ns=config.storage.retry_interval,
            retry_max=config.storage.retry_max,
        )

    def _tell_disk(self, process: str) -> None:
        """Tell a disk process its assignment, if it is another one than it was told last."""
        name = process.removeprefix("disk-")
        if process == _DATA:
            new = self._data_assignment()
        elif name in self._volumes and process in self.children:
            new = self._disk_assignment(name)
        else:
            return  # on its way out
        if self._told.get(process) != new:
            self._told[process] = new
            self.children[process].send(new)

    def _disk_assignment(self, name: str) -> DiskAssignment:
        storage, declared = self.config.storage, self._volumes[name]
        return DiskAssignment(
            volume=name,
            path=str(declared.path),
            role=declared.role,
            is_mount=declared.is_mount,
            volume_id=declared.volume_id,
            journal_socket=socket_path(self.data.root, _DATA),
            sync_ns=self.config.recording.sync,
            probe_interval_ns=storage.probe_interval,
            probe_deadline_ns=storage.probe_deadline,
            min_free=storage.min_record_free,
            resume_free=storage.resume_free,
            layers=tuple(layer for layer, on in storage.layers if on),
            service=self.service,
        )

    def _data_assignment(self) -> DiskAssignment:
        return DiskAssignment(
            volume="data", path=str(self.data.root), role="data", sync_ns=self.config.recording.sync,
            service=self.service, journal_socket=socket_path(self.data.root, _DATA),
        )  # fmt: skip

    def _keeper_assignment(self) -> KeeperAssignment:
        return KeeperAssignment(
            data=str(self.data.root),
            volumes=self._endpoints(),
            journal_socket=socket_path(self.data.root, _DATA),
            service=self.service,
        )
