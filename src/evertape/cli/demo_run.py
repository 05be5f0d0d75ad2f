"""A demo while it runs: cameras, service, table.

Threads: the loop's; asking the service happens on a worker, because the client blocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from evertape.cli.demo_place import DemoPlace, Fleet, prepare
from evertape.cli.demo_summary import DemoSummary, Take, summarise
from evertape.cli.service import make_directories, make_supervisor, only_one, raise_file_limit
from evertape.cli.wording import plural
from evertape.config.load import load
from evertape.errors import UsageError
from evertape.hub.auth.setup import SetupLink, setup_url
from evertape.ipc.client import ServiceClient
from evertape_lab.fleet import LabCameras, free_port

if TYPE_CHECKING:
    from rich.live import Live

    from evertape.cli.status_view import ServiceStatus
    from evertape.engine.supervisor import Supervisor

log = logging.getLogger(__name__)

_REFRESH_S = 1.0
_LINES_S = 5.0
_LOOK_S = 0.05
LOG_FILE = "demo.log"
_PLAYERS = (("vlc", "vlc"), ("mpv", "mpv"), ("ffplay", "ffplay -autoexit"), ("gst-play-1.0", "gst-play-1.0"))


def process_age_s() -> float:
    """Seconds since this process was started, by the kernel: the launcher's time is part of it."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, ValueError, IndexError, AttributeError):
        return time.monotonic() - _IMPORTED


_IMPORTED = time.monotonic()


class DemoRun:
    """See the module.

    Args:
        where: its directory.
        cameras: how many; ``None``: as the configuration says, else four.
        seconds: when to stop; ``None``: at Ctrl-C.
        quiet: print nothing on standard output.
    """

    def __init__(self, where: DemoPlace, *, cameras: int | None, seconds: float | None, quiet: bool) -> None:
        self._where = where
        self._cameras = cameras
        self._seconds = seconds
        self._quiet = quiet
        self._terminal = sys.stdout.isatty() and not quiet
        self._first_frame_s: float | None = None
        self._hub = self._link = ""
        """Where the page is."""
        self._stop = asyncio.Event()

    def say(self, text: str) -> None:
        """Print something for a person, unless it has to be quiet."""
        if not self._quiet:
            print(text, flush=True)

    async def run(self) -> DemoSummary:
        """Run until it is time to stop; returns what happened."""
        place = self._where.place
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        self._set_up_log()
        with only_one(place.data):
            fleet = prepare(place.config, self._cameras, free_port())
            if fleet.wrote:
                self.say(f"demo: {fleet.wrote}")
            loaded = load(place.config)
            make_directories(place.data, loaded.config)
            raise_file_limit()
            with self._lab(fleet) as lab:
                supervisor = make_supervisor(place, loaded)
                clean = await self._record(supervisor)
            return summarise(
                Take(
                    supervisor=supervisor,
                    clean=clean,
                    first_frame_s=self._first_frame_s,
                    hub=self._hub,
                    not_sent=lab.not_sent,
                    kept=self._where.kept,
                )
            )

    # -- inside ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _lab(self, fleet: Fleet) -> Iterator[LabCameras]:
        began = time.monotonic()
        self.say(f"demo: starting {plural(fleet.count, 'simulated camera')} (the first time, their picture is made)")
        lab = LabCameras(count=fleet.count, port=fleet.port)
        try:
            lab.start()
        except UsageError as error:
            raise UsageError(f"the cameras cannot listen on port {fleet.port}: {error.what}") from None
        log.info("[PROCESS] cameras ready after %.2f s", time.monotonic() - began)
        try:
            yield lab
        finally:
            lab.stop()

    def _set_up_log(self) -> None:
        """Everything to a file, warnings to the person as well (above the table, if there is one)."""
        from evertape.cli.logging import formatter, set_up_logging

        handler = set_up_logging("info", "human")
        handler.setLevel(logging.WARNING)
        file = logging.FileHandler(self._where.place.data.root / LOG_FILE, encoding="utf-8")
        file.setFormatter(formatter("human", terminal=False))
        logging.getLogger().addHandler(file)

    async def _record(self, supervisor: Supervisor) -> bool:
        """Run the service and show it until it is time to stop; whether it ended cleanly."""
        loop = asyncio.get_running_loop()
        service = loop.create_task(supervisor.run())
        service.add_done_callback(lambda _: self._stop.set())
        watchers = [loop.create_task(watch(supervisor)) for watch in (self._await_first_frame, self._await_hub)]
        timer = loop.call_later(self._seconds, self._stop.set) if self._seconds is not None else None
        self.say(f"demo: recording into {supervisor.data.root}" + ("" if self._where.kept else " (removed at the end)"))
        try:
            await (self._show_table() if self._terminal else self._show_lines())
        finally:
            for watcher in watchers:
                watcher.cancel()
            if timer is not None:
                timer.cancel()
            self.say("demo: stopping, finishing every file")
            supervisor.ask_to_stop("the demo is over")
            clean = await service
        return clean

    async def _await_first_frame(self, supervisor: Supervisor) -> None:
        """Note when the first frame was safely on the disk."""
        while not any(camera.recording.frames for camera in supervisor.status.cameras.values()):
            await asyncio.sleep(_LOOK_S)
        self._first_frame_s = process_age_s()
        log.info("[RECORDING] first frame on disk %.2f s after the start of the process", self._first_frame_s)

    async def _await_hub(self, supervisor: Supervisor) -> None:
        """Say where the page is, once it is there."""
        while (said := supervisor.status.hub) is None or not said.url:
            await asyncio.sleep(_LOOK_S)
        # Whoever runs a demo is whom the one-time link is for.
        token = await asyncio.to_thread(SetupLink(supervisor.data.root).read)
        self._hub = said.url
        self._link = setup_url(said.url, token) if token else said.url
        if not self._terminal:
            self.say(f"demo: the page is at {self._link}")

    async def _wait(self, seconds: float) -> bool:
        """Wait; True when it is time to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        return self._stop.is_set()

    async def _status(self) -> ServiceStatus:
        from evertape.cli.status_view import ServiceStatus

        def ask() -> ServiceStatus:
            with ServiceClient(self._where.place.data.root) as client:
                return ServiceStatus.parse(client.request("status"))

        return await asyncio.to_thread(ask)

    async def _show_table(self) -> None:
        from rich.live import Live

        with Live(auto_refresh=False) as live:
            while not await self._wait(0.25 if self._first_frame_s is None else _REFRESH_S):
                await self._refresh(live)

    async def _refresh(self, live: Live) -> None:
        from rich.console import Group
        from rich.text import Text

        from evertape.cli.status_view import status_table

        status = await self._status()
        lines = [Text(f"evertape demo – {self._where.place.data.root} – Ctrl-C stops", "bold"), Text("")]
        if self._hub:
            lines.insert(1, Text(f"the page is at {self._link}"))
        if self._first_frame_s is not None:
            lines.insert(1, Text(f"first frame on disk after {self._first_frame_s:.1f} s; {how_to_open(status)}"))
        live.update(Group(*lines, status_table(status)), refresh=True)

    async def _show_lines(self) -> None:
        from evertape.cli.status_view import status_lines

        while not await self._wait(_LINES_S):
            if not self._quiet:
                status = await self._status()
                self.say("\n".join(status_lines(status)))


def how_to_open(status: ServiceStatus) -> str:
    """The command that plays the newest file of the first camera."""
    roots = {volume.name: volume.path for volume in status.volumes}
    for camera in status.cameras:
        recording = camera.recording
        if recording.file and recording.volume in roots:
            player = next((command for program, command in _PLAYERS if shutil.which(program)), "any player opens")
            return f"{player} {Path(roots[recording.volume]) / recording.file}"
    return ""
