"""Where a scenario plays: cameras, networks, bad servers and the real service; and the verbs of its steps.

Everything that blocks (processes, firewalls, sockets of the proxy) is done in a thread, because the service's
supervisor lives in this event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from evertape.clock import SystemClock
from evertape.errors import UsageError
from evertape.ipc.events import CameraStateChanged, GapClosed
from evertape.redact import join_credentials, split_credentials
from evertape.types import NS_PER_S, BootNs, UtcNs
from evertape_lab.crashes import CrashVerbs
from evertape_lab.deeds import DEEDS, Group, the_proxy
from evertape_lab.disk_deeds import DISK_DEEDS
from evertape_lab.fleet import LabCameras
from evertape_lab.meters import Holdings, Meter, holdings
from evertape_lab.netns import Namespace
from evertape_lab.proxy import TcpProxy
from evertape_lab.rig import Rig
from evertape_lab.script import Cameras, Script, Step, quick
from evertape_lab.served import Served
from evertape_lab.servers import BadServer, Kind
from evertape_lab.stage_disks import DiskVerbs

_PORT = 8554
_USER = "viewer"


class SteppedClock:
    """The machine's clocks, with a wall clock that can be set. Setting the real one would be everybody's trouble."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self._offset_ns = 0

    def step(self, by_ns: int) -> None:
        """Set the wall clock forward, or back."""
        self._offset_ns += by_ns

    def boot_ns(self) -> BootNs:
        """See ``Clock``."""
        return self._real.boot_ns()

    def utc_ns(self) -> UtcNs:
        """See ``Clock``."""
        return UtcNs(self._real.utc_ns() + self._offset_ns)


@dataclass(slots=True)
class Outage:
    """Cameras that fell silent; both clocks at the break and at the moment they answered again."""

    cameras: tuple[str, ...]
    causes: tuple[str, ...]
    broke_boot: int
    broke_utc: int
    answered_boot: int | None = None
    answered_utc: int | None = None


class Stage(CrashVerbs, DiskVerbs):
    """See the module. An asynchronous context manager; its disks stay until ``put_disks_away``.

    Args:
        script: what is played.
        folder: an empty one, for the service.
        is_quick: take the short values.
        follow: called with each line of the time line, for people.
    """

    def __init__(
        self, script: Script, folder: Path, *, is_quick: bool, follow: Callable[[str], None] | None = None
    ) -> None:
        self.script = script
        self.is_quick = is_quick
        self.groups: list[Group] = []
        self.servers: list[BadServer] = []
        self.outages: list[Outage] = []
        self.crashes = []
        self.before: Holdings | None = None
        self.after: Holdings | None = None
        self._folder = folder
        self._clock = SteppedClock()
        self._stack = AsyncExitStack()
        self.set_disks_up(follow)

    async def __aenter__(self) -> Self:
        try:
            await self._build()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()

    @property
    def cameras(self) -> list[str]:
        """Every camera that is one."""
        return [name for group in self.groups for name in group.names]

    @classmethod
    def verbs(cls) -> set[str]:
        """What a step may be."""
        return {name.removeprefix("do_") for name in dir(cls) if name.startswith("do_")} | {*DEEDS, *DISK_DEEDS}

    async def play(self) -> None:
        """Do every step; raises ``AssertionError`` where one does not come true in time."""
        for step in self.script.steps:
            await self.perform(step)

    # -- building -------------------------------------------------------------------------------------------

    async def _build(self) -> None:
        script = self.script
        await self._warm_up()
        for cameras in script.cameras:
            self.groups.append(await self._group(cameras))
        urls = {name: url for group in self.groups for name, url in group.told.items()}
        for server in script.servers:
            urls[server.camera] = server.url
            if server.kind is not None:
                bad = self._stack.enter_context(BadServer(server.kind, server.script))
                self.servers.append(bad)
                urls[server.camera] = join_credentials(bad.url, _USER, "x") if 401 in server.script else bad.url
        own = {
            name: cameras.settings
            for group, cameras in zip(self.groups, script.cameras, strict=True)
            for name in group.names
        }
        for step in script.steps:
            if step.do == "mislead" and "server" in step.options:
                self._bad_url(Kind(str(step.options["server"])))
        clock = self._clock if script.host_clock else None
        kind = Served if script.served else Rig
        self.rig = kind(
            self._folder, urls, await self.build_disks(), script.settings, own=own, clock=clock,
            in_process=script.host_clock or script.in_process, with_keeper=script.keeper,
        )  # fmt: skip
        await self._stack.enter_async_context(self.rig)
        self.watch_disks()
        self.meter = Meter(self.rig)
        task = asyncio.get_running_loop().create_task(self.meter.run())
        self._stack.callback(task.cancel)

    async def _warm_up(self) -> None:
        """Have the loops that a camera changes to encoded before the clock runs."""
        wanted = [
            {**self.script.cameras[step.group].options, **step.options}
            for step in self.script.steps
            if step.do == "restart" and step.options
        ]
        for options in {repr(sorted(options.items())): options for options in wanted}.values():
            await asyncio.to_thread(_start_and_stop, cast(dict[str, Any], options))

    async def _group(self, cameras: Cameras) -> Group:
        network = self._stack.enter_context(Namespace()) if cameras.namespace else None
        lab = LabCameras(
            quick(cameras, "count", self.is_quick),
            host=network.address if network else "127.0.0.1",
            port=_PORT if network else 0,
            prefix=network.prefix if network else (),
            user=_USER if cameras.password is not None else None,
            password=cameras.password,
            **cast(dict[str, Any], {"name_prefix": cameras.prefix, **cameras.options}),
        )
        await asyncio.to_thread(lab.start)
        self._stack.push_async_callback(asyncio.to_thread, lab.stop)
        for command in cameras.before:
            lab.command(command)
        proxy = self._stack.enter_context(TcpProxy(lab.host, lab.port)) if cameras.proxy else None
        right = {url.rpartition("/")[2]: proxy.url(url) if proxy else url for url in lab.urls}
        told = {name: _told(url, cameras.told) for name, url in right.items()}
        return Group(lab, tuple(right), network, proxy, right, told)

    # -- performing -----------------------------------------------------------------------------------------

    async def perform(self, step: Step) -> None:
        """Do one step; those of different cameras may be done at the same time."""
        if step.do not in self.verbs():
            raise UsageError(f"no step is called {step.do}", hint=f"there are {', '.join(sorted(self.verbs()))}")
        if step.outage:
            self.outages.append(Outage(self._names(step), step.outage, *_now()))
        if step.say:
            self.chronicle.step(step.say)
        if step.do in DISK_DEEDS:
            await self.perform_deed(step)
        elif step.do in DEEDS:
            await asyncio.to_thread(DEEDS[step.do], self.groups[step.group], step)
        else:
            await getattr(self, f"do_{step.do}")(step)
        if step.answers:
            boot, utc = _now()
            for outage in self.outages:
                if outage.answered_boot is None and set(outage.cameras) <= set(self._names(step)):
                    outage.answered_boot, outage.answered_utc = boot, utc

    def _names(self, step: Step) -> tuple[str, ...]:
        names = self.groups[step.group].names
        return names if step.camera == "*" else (step.camera,)

    # -- verbs: time and waiting ----------------------------------------------------------------------------

    async def do_wait(self, step: Step) -> None:
        """Let ``seconds`` pass."""
        await asyncio.sleep(quick(step, "seconds", self.is_quick))

    async def do_record(self, step: Step) -> None:
        """Wait until every camera of the group has ``seconds`` more on disk."""
        await self.rig.recorded(self._names(step), quick(step, "seconds", self.is_quick), step.within)

    async def do_until(self, step: Step) -> None:
        """Wait until every camera of the group is in this ``state``, for this ``reason``."""

        def reached() -> bool:
            infos = [self.rig.camera(name) for name in self._names(step)]
            streams = [info.streams[0] if info is not None else None for info in infos]
            return all(
                stream is not None
                and (not step.state or stream.state == step.state)
                and (not step.reason or stream.reason == step.reason)
                for stream in streams
            )

        await self.rig.until(reached, step.within, f"{', '.join(self._names(step))}: {step.state} {step.reason}")

    async def do_reasons(self, step: Step) -> None:
        """Wait until everything that is no camera was shown with its reason, ``times`` times."""
        wanted = {server.camera: server.reason for server in self.script.servers}

        def shown() -> bool:
            seen = dict.fromkeys(wanted, 0)
            for event in self.rig.events(CameraStateChanged):
                if isinstance(event, CameraStateChanged) and wanted.get(event.camera) == event.reason:
                    seen[event.camera] += 1
            return all(count >= step.times for count in seen.values())

        await self.rig.until(shown, step.within, f"{wanted} are shown")

    async def do_ledger(self, step: Step) -> None:
        """Wait until the ledger has ``times`` gaps of a ``reason``."""

        def written() -> bool:
            return sum(gap.cause == step.reason for gap in self.rig.events(GapClosed)) >= step.times  # type: ignore[attr-defined]

        await self.rig.until(written, step.within, f"{step.times} gaps of {step.reason}")

    async def do_repeat(self, step: Step) -> None:
        """Do ``steps``, ``times`` times."""
        for n in range(quick(step, "times", self.is_quick)):
            if step.counted and n:
                self.chronicle.step(f"again, number {n + 1}")
            for inner in step.steps:
                await self.perform(inner)

    async def do_measure(self, step: Step) -> None:
        """Note what the recorders hold, for comparison at the end."""
        self.before = holdings(self.rig)

    async def do_compare(self, step: Step) -> None:
        """Note it again; after this nothing is compared."""
        self.after = holdings(self.rig)

    async def do_step_host_clock(self, step: Step) -> None:
        """Set the service's wall clock ``seconds`` forward."""
        self._clock.step(int(step.seconds * NS_PER_S))

    # -- verbs: the configuration ---------------------------------------------------------------------------

    async def do_correct(self, step: Step) -> None:
        """Correct the URL in the configuration."""
        group = self.groups[step.group]
        for name in self._names(step):
            await self.rig.change_url(name, group.right[name])

    async def do_mislead(self, step: Step) -> None:
        """Change the URL in the configuration to one that is wrong: ``path``, ``password`` or a bad ``server``."""
        group, wrong = self.groups[step.group], cast(dict[str, str], step.options)
        for name in self._names(step):
            url = self._bad_url(Kind(wrong["server"])) if "server" in wrong else _told(group.right[name], wrong)
            await self.rig.change_url(name, url)

    def _bad_url(self, kind: Kind) -> str:
        server = next((server for server in self.servers if server.kind is kind), None)
        if server is None:
            server = self._stack.enter_context(BadServer(kind))
            self.servers.append(server)
        return server.url

    async def do_logins(self, step: Step) -> None:
        """Check that the cameras of the group were given a password ``times`` times at most so far."""
        logins, most = (
            sum(request.login for request in list(the_proxy(self.groups[step.group], step).requests)),
            self._times(step),
        )
        assert logins <= most, f"{logins} logins, {most} are allowed"

    async def do_describes(self, step: Step) -> None:
        """Check that the cameras of the group were asked to describe their streams ``times`` times at most so far."""
        asked, most = len(the_proxy(self.groups[step.group], step).asked("DESCRIBE")), self._times(step)
        assert asked <= most, f"{asked} attempts, {most} are allowed"

    def _times(self, step: Step) -> int:
        return cast(int, quick(step, "times", self.is_quick))


def _now() -> tuple[int, int]:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()


def _told(url: str, wrong: dict[str, str]) -> str:
    if "path" in wrong:
        url = url.rpartition("/")[0] + "/" + wrong["path"]
    if "password" in wrong:
        url = join_credentials(split_credentials(url)[0], _USER, wrong["password"])
    return url


def _start_and_stop(options: dict[str, Any]) -> None:
    with LabCameras(count=1, **options):
        pass
