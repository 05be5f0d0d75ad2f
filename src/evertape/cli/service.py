"""Running the service in this process: the lock, the limits, the watched configuration, the signals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from evertape import __version__
from evertape.cli.place import Place
from evertape.clock import boot_id
from evertape.config.paths import DataDir
from evertape.errors import ConfigError, EvertapeError, UsageError

if TYPE_CHECKING:
    from evertape.config.load import LoadedConfig
    from evertape.config.schema import Config
    from evertape.config.sections import Logging
    from evertape.engine.supervisor import Machine, Supervisor

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the configuration file is looked at, in seconds."""
_LOCK = "serve.lock"


@contextlib.contextmanager
def only_one(data: DataDir) -> Iterator[None]:
    """Hold the data directory for this process; the lock ends with the process, however that ends.

    Raises:
        UsageError: another service has it.
    """
    import fcntl

    with making(data.run):
        data.run.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(data.run / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            raise UsageError(
                f"a service for {data.root} runs already" + (f" (process {holder})" if holder.isdigit() else ""),
                hint="evertape status shows it; --data names another directory",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def making(path: Path) -> Iterator[None]:
    """Turn the system's refusal to make ``path`` into an error for people."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{path} cannot be made: {error.strerror}", hint="choose another directory with --data, or use sudo"
        ) from None


def make_directories(data: DataDir, config: Config) -> list[Path]:
    """Make what is missing of the data directory; returns what was made.

    The built-in volume is made only while it is used. No declared volume's folder is ever made: beneath an absent
    mount point it would be on the wrong disk.
    """
    made = []
    for path in (data.root, *([] if config.volumes else [data.recordings])):
        with making(path):
            if not path.is_dir():
                path.mkdir(parents=True)
                made.append(path)
    return made


def raise_file_limit() -> int:
    """Allow this process and its children as many open files as the system lets us; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS calls its limit infinite and then refuses anything above OPEN_MAX.
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 10240)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return soft


def machine(log_level: str) -> Machine:
    """What the supervisor must know of this machine."""
    from evertape.engine.supervisor import Machine

    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(memory=memory, boot_id=boot_id(), version=__version__, log_level=log_level)


def make_supervisor(place: Place, loaded: LoadedConfig, log_level: str = "") -> Supervisor:
    """A supervisor for this place, not yet running; on the running loop."""
    from evertape.clock import SystemClock
    from evertape.engine.supervisor import Supervisor

    level = log_level or str(loaded.config.logging.level)
    return Supervisor(place.data, loaded, SystemClock(), machine(level), with_hub=True)


async def run_service(place: Place, loaded: LoadedConfig) -> bool:
    """Run until SIGTERM, SIGINT or a client's wish; True if every file was finished.

    SIGHUP, and a change of the configuration file, bring the changed configuration into force.
    """
    from evertape.cli.logging import set_up_logging
    from evertape.engine.manager_news import informed
    from evertape.engine.notify import ServiceManager

    loop = asyncio.get_running_loop()
    supervisor = make_supervisor(place, loaded)
    reloads = Reloads(supervisor, lambda settings: set_up_logging(str(settings.level), str(settings.format)))
    manager = ServiceManager()

    def stop(name: str) -> None:
        manager.stopping()
        supervisor.ask_to_stop(name)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, signal.Signals(number).name)
    loop.add_signal_handler(signal.SIGHUP, reloads.ask)
    watch = FileWatch(place.config, lambda: loop.call_soon_threadsafe(reloads.ask))
    watch.start()
    try:
        async with informed(supervisor, manager):
            return await supervisor.run()
    finally:
        watch.stop()


class Reloads:
    """Reloads one after the other: what is asked for during one is done once, after it. Owner's loop only.

    Args:
        supervisor: who reloads.
        log_as: called with the settings of the log when they have changed, whoever asked for the reload.
    """

    def __init__(self, supervisor: Supervisor, log_as: Callable[[Logging], object]) -> None:
        self._supervisor = supervisor
        self._log_as = log_as
        self._logging = supervisor.config.logging
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def ask(self) -> None:
        """Read the configuration again, soon."""
        if self._task is not None and not self._task.done():
            self._again = True
            return
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            self._again = False
            try:
                await self._supervisor.reload()
            except ConfigError:
                pass  # The supervisor has said what is wrong with it, and goes on with what it has.
            except EvertapeError as error:
                log.error("[CONFIG] the configuration was not reloaded: %s", error)
            if self._logging != self._supervisor.config.logging:
                self._logging = self._supervisor.config.logging
                self._log_as(self._logging)
            if not self._again:
                return


class FileWatch:
    """Tells when a file changes, by looking each second, from a thread of its own: the disk may hang.

    Args:
        path: the file; it may vanish and come back.
        on_change: called from that thread.
        every_s: how often to look, in seconds.
    """

    def __init__(self, path: Path, on_change: Callable[[], object], every_s: float = LOOK_S) -> None:
        self._path = path
        self._on_change = on_change
        self._every_s = every_s
        self._seen = self._look()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="config", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; does not wait for a disk that hangs."""
        self._ending.set()

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _run(self) -> None:
        while not self._ending.wait(self._every_s):
            now = self._look()
            if now is not None and now != self._seen:
                self._seen = now
                try:
                    self._on_change()
                except RuntimeError:
                    return  # the loop is closed: the service is over
