"""The supervisor: starts the processes, watches them, replaces them, and answers clients.

No GStreamer, no SQL, no web, no file system beyond the configuration. One thread owns everything.
What happens when it dies: its children notice, finish their files and leave; whoever started it starts it again.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping

from evertape.clock import Clock
from evertape.config.load import LoadedConfig
from evertape.config.paths import DataDir
from evertape.config.schema import Config
from evertape.disk.journal_client import JournalClient
from evertape.engine.assign import place_cameras
from evertape.engine.camera_alarms import CameraAlarms
from evertape.engine.children import DATA, HUB, KEEPER, RESTREAM, Children
from evertape.engine.control import ControlServer
from evertape.engine.declared_volumes import BUILT_IN, Declared, DeclaredVolumes
from evertape.engine.instructions import Instructions
from evertape.engine.memory_watch import MemoryWatch
from evertape.engine.process import Child
from evertape.engine.recent_log import RecentLog
from evertape.engine.refused_logins import RefusedLogins
from evertape.engine.service_status import Machine, Status
from evertape.engine.space_desk import SpaceDesk
from evertape.engine.state_files import VOLUMES, read_volumes, volumes_text
from evertape.engine.state_line import StateLine
from evertape.engine.volume_alarms import VolumeAlarms
from evertape.engine.wish_desk import WishDesk
from evertape.ipc.events import (
    AnyEvent,
    ConfigApplied,
    EventStamp,
    ProcessDied,
    ProcessStarted,
    ServiceStarted,
    ServiceStopped,
)
from evertape.ipc.messages import (
    CommandDone,
    EventNews,
    HomecomingNews,
    HubListens,
    Message,
    RecorderStatus,
    RetentionProgress,
    VolumeInfo,
    VolumeReport,
)
from evertape.ipc.places import run_dir, socket_path

__all__ = ["BUILT_IN", "Declared", "Machine", "Status", "Supervisor"]

log = logging.getLogger(__name__)


class Supervisor:
    """See the module.

    Args:
        data: the data directory; it must exist.
        loaded: the configuration in force.
        clock: both clocks.
        machine: about the machine.
        with_keeper: also run the keeper; without it nothing is indexed, and recording does not notice.
        with_hub: also run the hub, if the configuration has one.
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
        with_hub: bool = False,
        in_process: bool = False,
    ) -> None:
        self.data = data
        self.loaded = loaded
        self.clock = clock
        self.machine = machine
        self.service = uuid.uuid4().hex
        self.status = Status()
        self.started_utc = clock.utc_ns()
        self.children = Children(self, data.root, self.service, clock, machine.log_level, in_process=in_process)
        self.placed: dict[str, int] = {}
        self._with_keeper = with_keeper
        self._with_hub = with_hub
        self._volumes = DeclaredVolumes(data.recordings, lambda name: self._socket(f"disk-{name}"))
        self._stamp = EventStamp("supervisor", self.service, clock)
        self._journal: JournalClient | None = None
        self._state_line: StateLine | None = None
        self._control: ControlServer | None = None
        self._stop: asyncio.Future[str] | None = None
        self._asked_to_stop = ""
        self._requests = 0
        self._commands: dict[int, asyncio.Future[CommandDone]] = {}
        self._instructions = Instructions(self, self._volumes)
        self._memory = MemoryWatch(machine.memory, self._memory_terms)
        self.space = SpaceDesk(self)
        self.wishes = WishDesk(self)
        self.refusals = RefusedLogins(self, machine.boot_id)
        self.recent_log = RecentLog(clock.utc_ns)
        self._camera_alarms = CameraAlarms(self, self.wishes.book.wanted)
        self._volume_alarms = VolumeAlarms(self, lambda: any(map(self.wishes.book.wanted, self.placed)))

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.loaded.config

    # -- life -----------------------------------------------------------------------------------------------

    async def run(self) -> bool:
        """Run until ``ask_to_stop``; True if every process left in time with its files finished."""
        loop = asyncio.get_running_loop()
        self._stop = loop.create_future()
        logging.getLogger().addHandler(self.recent_log)
        run_dir(self.data.root, create=True)
        state = self.data.root / "state"
        self._volumes.known = read_volumes(state)
        self.wishes.load(state)
        self.space.load(state)
        self.refusals.load(state)
        self._camera_alarms.load(state)
        self._control = ControlServer(self, self._socket("control"))
        self._journal = JournalClient(self._socket(DATA), self._stamp)
        self._state_line = StateLine(self._socket(DATA))
        self._journal.put(ServiceStarted(**self._stamp(), version=self.machine.version, host_boot=self.machine.boot_id))
        self.children.spawn_disk(DATA)
        self.apply(self.loaded, first=True)
        if self._with_keeper:
            self.children.spawn_keeper()
        self._apply_hub()
        if self._asked_to_stop:
            self.ask_to_stop(self._asked_to_stop)
        checks = loop.create_task(self.children.watch(self._look))
        try:
            reason = await self._stop
        finally:
            checks.cancel()
        try:
            return await self._shut_down(reason)
        finally:
            logging.getLogger().removeHandler(self.recent_log)

    def ask_to_stop(self, reason: str) -> None:
        """Finish everything and return from ``run``; if that has yet to begin, as soon as it has."""
        self._asked_to_stop = self._asked_to_stop or reason
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(reason)

    async def reload(self) -> tuple[str, ...]:
        """Read the configuration again and bring it into force; returns the keys that changed.

        Raises:
            ConfigError: it cannot be used; the old one stays in force.
        """
        return await self._control.reload() if self._control is not None else ()

    async def _shut_down(self, reason: str) -> bool:
        log.info("[PROCESS] shutting down (%s): finishing every file", reason)
        self.wishes.close()
        self._camera_alarms.close()
        loop = asyncio.get_running_loop()
        began = loop.time()

        def left(until_s: float) -> float:
            # Each may use what those before it left over; together they take 5 s at most, whoever hangs.
            return max(0.2, began + until_s - loop.time())

        clean, _ = await asyncio.gather(self.children.stop_recorders(left(2.6)), self.children.stop_hub(left(2.6)))
        if self._journal is not None:
            self._journal.put(ServiceStopped(**self._stamp(), reason=reason))
            clean &= await self._journal.close(left(3.0))
        if self._state_line is not None:
            clean &= await self._state_line.close(left(3.2))
        if keeper := self.children.get(KEEPER):
            # Before the volumes, because it copies the journal's last words onto them.
            await keeper.stop(left(3.9))
        clean &= await self.children.stop_volumes(left(4.4))
        clean &= await self.children[DATA].stop(left(4.8))
        if self._control is not None:
            self._control.close()
        return clean

    # -- configuration --------------------------------------------------------------------------------------

    def apply(self, loaded: LoadedConfig, *, first: bool = False, changed: tuple[str, ...] = ()) -> None:
        """Bring a configuration into force; touches only what it changes."""
        old, self.loaded = self.loaded.config, loaded
        config = loaded.config
        self._apply_volumes(config)
        ids: list[str] = [name for name, camera in config.cameras.items() if camera.enabled]
        self.placed = place_cameras(ids, self.placed)
        self.wishes.apply(config)
        self.status.keep(self.placed)
        self._camera_alarms.apply(old, config)
        # Those that have no camera left are told so too.
        for number in sorted({*self.placed.values(), *self.children.recorders}):
            if (recorder := self.children.recorders.get(number)) is not None:
                recorder.send(self._instructions.recorder(number))
            else:
                self.children.spawn_recorder(number)
        self.tell_keeper()
        if not first:
            self._apply_hub()
            self.journal(ConfigApplied(**self._stamp(), changed=changed))

    def _apply_volumes(self, config: Config) -> None:
        for name in self._volumes.take(config):
            self.status.volumes.pop(name, None)
            self.children.retire(f"disk-{name}")
        for name in self._volumes:
            process = f"disk-{name}"
            if process not in self.children:
                self.children.spawn_disk(process)
            else:
                self._instructions.tell_disk(process)
        if DATA in self.children:
            self._instructions.tell_disk(DATA)

    def _apply_hub(self) -> None:
        self._apply_restream()
        if not self._with_hub or not self.config.hub.enabled:
            self.status.hub = None
            self.children.retire(HUB)
        elif HUB in self.children:
            self.children[HUB].send(self._instructions.hub())
        else:
            self.children.spawn_hub()

    def _apply_restream(self) -> None:
        if not self._with_hub or not self.config.restream.enabled:
            self.children.retire(RESTREAM)
        elif RESTREAM in self.children:
            self.children[RESTREAM].send(self._instructions.restream())
        else:
            self.children.spawn_restream()

    # -- wishes and commands --------------------------------------------------------------------------------

    def set_wishes(self, cameras: tuple[str, ...], wanted: bool, by: str) -> None:
        """Record these cameras from now on, or no longer; remembered across restarts."""
        self.wishes.say(cameras, wanted, by)

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

    async def on_record(self, event: AnyEvent) -> bool:
        """The same, and whether it is known to be durable."""
        if self._control is not None:
            self._control.news(EventNews(events=(event,)))
        return self._journal is not None and await self._journal.durable(event)

    def tell_keeper(self, message: Message | None = None) -> bool:
        """Say something to the keeper, by default its assignment anew; False if there is none."""
        keeper = self.children.get(KEEPER)
        if keeper is not None:
            keeper.send(message or self._instructions.keeper())
        return keeper is not None

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
        self._instructions.begin(child)
        pid = child.pid or 0
        self.journal(ProcessStarted(**self._stamp(), process=child.name, pid=pid, generation=child.generation))

    def child_said(self, child: Child, message: Message) -> None:
        """Take note."""
        match message:
            case RecorderStatus():
                self.status.recorder_said(child.name, message, self.placed)
                self._camera_alarms.heard(message.cameras)
                self._camera_alarms.look(self.status.cameras)
            case VolumeReport(volume=info):
                if child.name != DATA:
                    self._volume_news(info)
            case RetentionProgress():
                self.space.heard(message)
            case HomecomingNews():
                self.status.homecoming = message
            case HubListens():
                self.status.hub = message
            case EventNews() if child.name == DATA:
                pass  # of the folder that the journal is in, which is nobody's volume
            case EventNews(events=events):
                for event in events:
                    self.refusals.heard(event)
                if self._control is not None:
                    self._control.news(message)
            case CommandDone(request=request):
                if (future := self._commands.get(request)) is not None and not future.done():
                    future.set_result(message)
            case _:
                log.debug("[IPC] %s said %s", child.name, type(message).__name__)

    def child_died(self, child: Child, pid: int, how: str) -> None:
        """Write it down; the child is replaced by itself."""
        how = self._memory.how_it_ended(child, how)
        if child.name == HUB:
            self.status.hub = None
        self.journal(ProcessDied(**self._stamp(), process=child.name, pid=pid, how=how))

    # -- inside ---------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Twice a second."""
        self._memory.look(self.children.values())
        self._volume_alarms.look(self.status.volumes)
        self._camera_alarms.look(self.status.cameras)

    def _memory_terms(self, process: str) -> tuple[int | None, int | None]:
        _, ring = self.status.rings.get(process, (0, None))
        return self.config.processes.limit_bytes, ring

    def _socket(self, name: str) -> str:
        return socket_path(self.data.root, name)

    def _volume_news(self, info: VolumeInfo) -> None:
        self.status.volume_said(info)
        self._volume_alarms.look(self.status.volumes)
        if self._volumes.learn(info):
            self.put_state(VOLUMES, volumes_text(self._volumes.known))
            self._instructions.tell_disk(f"disk-{info.name}")

    def put_state(self, name: str, text: bytes) -> None:
        """Replace a small state file, some time soon."""
        if self._state_line is not None:
            self._state_line.put(name, text)
