"""The engine inside another program: a thread, an event loop, and the same supervisor that ``serve`` runs.

Public methods may be called from any thread but the engine's own; each waits for the engine to have done it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from evertape.clock import Clock, SystemClock
from evertape.config.load import LoadedConfig
from evertape.config.paths import DataDir
from evertape.config.schema import Camera, Config
from evertape.config.url import CameraUrl
from evertape.domain.camera_events import StreamStatus
from evertape.domain.wish import Said
from evertape.engine.in_process import InProcessRecorder
from evertape.engine.storage_notice import StorageCallback, StorageNotice
from evertape.engine.supervisor import Machine, Supervisor
from evertape.errors import NotRunningError, UsageError
from evertape.ipc.messages import CameraInfo
from evertape.types import CameraId
from evertape.version import VERSION

T = TypeVar("T")

_ANSWER_S = 10.0
_FINISH_S = 4.0


class EmbeddedEngine:
    """One data directory's engine in this process. Use ``shared`` to get it; several pipelines share it.

    Args:
        directory: the data directory; made if missing.
        clock: both clocks.
    """

    _engines: dict[Path, EmbeddedEngine] = {}  # noqa: RUF012 - one per directory and process, guarded by the lock
    _ending: dict[Path, threading.Thread] = {}  # noqa: RUF012 - likewise
    _lock = threading.Lock()

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.data = DataDir(directory)
        self.data.recordings.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._cameras: dict[str, Camera] = {}
        self._users = 0
        self._loop = asyncio.new_event_loop()
        self._ready: Future[Supervisor] = Future()
        self._thread = threading.Thread(target=self._main, name=f"evertape {directory.name}", daemon=True)

    # -- sharing --------------------------------------------------------------------------------------------

    @classmethod
    def shared(cls, directory: str | Path) -> EmbeddedEngine:
        """The engine of this directory, started if need be; give it back with ``release``."""
        place = Path(os.path.abspath(directory))
        with cls._lock:
            engine = cls._engines.get(place)
            if engine is None:
                if (last := cls._ending.pop(place, None)) is not None:
                    # Two engines in one directory would take each other's sockets.
                    last.join()
                engine = cls(place, SystemClock())
                engine._thread.start()
                engine._ready.result(_ANSWER_S)
                cls._engines[place] = engine
            engine._users += 1
            return engine

    @classmethod
    def running(cls, directory: str | Path) -> EmbeddedEngine:
        """The engine of this directory, if one runs in this process. Raises ``NotRunningError``."""
        # Without the lock, which somebody holds for seconds while an engine starts or ends: windows ask this.
        engine = cls._engines.get(Path(os.path.abspath(directory)))
        if engine is None:
            raise NotRunningError(f"no pipeline of this program records to {directory}", hint="start one first")
        return engine

    @property
    def config(self) -> Config:
        """The configuration in force: the cameras of all pipelines, and defaults."""
        return self._loaded().config

    def release(self) -> None:
        """Done with it; the last one to say so stops the engine and waits until every file is finished."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
            del self._engines[self.data.root]
            self._ending[self.data.root] = self._thread
        supervisor = self._ready.result(_ANSWER_S)
        self._loop.call_soon_threadsafe(supervisor.ask_to_stop, "the program that embeds it")
        self._thread.join()

    # -- cameras --------------------------------------------------------------------------------------------

    def add(self, camera_id: str, url: str, sub_url: str | None) -> None:
        """Begin to stream a camera; it is not recorded yet."""
        camera = Camera(url=CameraUrl(url), sub_url=CameraUrl(sub_url) if sub_url else None, record=False)
        self._call(self._add(camera_id, camera))

    def remove(self, camera_id: str) -> None:
        """Stop streaming a camera; what it recorded is finished first."""
        self._call(self._remove(camera_id))

    def record(self, camera_id: str, wanted: bool) -> None:
        """Record a camera from now on, or no longer."""
        self._call(self._record(camera_id, wanted))

    def camera(self, camera_id: str) -> CameraInfo | None:
        """What it looks like right now; ``None`` in the first moments."""
        supervisor = self._ready.result(_ANSWER_S)
        return supervisor.status.cameras.get(camera_id)

    # -- storage --------------------------------------------------------------------------------------------

    def register_storage_error_callback(self, camera_id: str, callback: StorageCallback) -> None:
        """Have ``callback`` told each time the storage fails or returns while this camera records.

        It is called on the engine's thread: it has to be quick, and may not wait for the engine. What it raises is
        logged, and nobody else notices.
        """
        self._ready.result(_ANSWER_S).children.consumers.register_storage_error_callback(camera_id, callback)

    def unregister_storage_error_callback(self, camera_id: str, callback: StorageCallback) -> None:
        """No longer; one that was never registered is ignored."""
        self._ready.result(_ANSWER_S).children.consumers.unregister_storage_error_callback(camera_id, callback)

    def storage_notice(self, camera_id: str, notice: StorageNotice) -> None:
        """Have this camera's recording act on a notice, as it does on the engine's own; does not wait for it."""
        self._loop.call_soon_threadsafe(self._notice, camera_id, notice)

    # -- inside ---------------------------------------------------------------------------------------------

    def _notice(self, camera_id: str, notice: StorageNotice) -> None:
        for child in self._ready.result().children.values():
            worker = child.camera(camera_id) if isinstance(child, InProcessRecorder) else None
            if worker is not None:
                worker.get_storage_error_callback()(notice)

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        if threading.current_thread() is self._thread:
            work.close()
            raise UsageError("the engine's own thread cannot wait for the engine")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_S)

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            machine = Machine(memory=memory, boot_id="", version=VERSION)
            supervisor = Supervisor(self.data, self._loaded(), self._clock, machine, in_process=True)
            self._loop.call_soon(self._ready.set_result, supervisor)
            self._loop.run_until_complete(supervisor.run())
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            raise
        finally:
            self._loop.close()

    def _loaded(self) -> LoadedConfig:
        config = Config(cameras={CameraId(name): camera for name, camera in self._cameras.items()})
        return LoadedConfig(config, (), self.data.config_file)

    async def _add(self, camera_id: str, camera: Camera) -> None:
        if camera_id in self._cameras:
            raise UsageError(f"there is a camera {camera_id!r} in {self.data.root} already")
        self._cameras[camera_id] = camera
        supervisor = self._ready.result()
        try:
            loaded = self._loaded()
        except ValueError as error:
            del self._cameras[camera_id]
            raise UsageError(f"{camera_id!r} cannot be a camera here: {error}") from error
        # A wish of an earlier run is not this program's.
        supervisor.wishes.book.said[camera_id] = Said(False)
        supervisor.apply(loaded, changed=(f"cameras.{camera_id}",))

    async def _remove(self, camera_id: str) -> None:
        self._cameras.pop(camera_id, None)
        supervisor = self._ready.result()
        supervisor.apply(self._loaded(), changed=(f"cameras.{camera_id}",))
        recorders = [child for child in supervisor.children.values() if isinstance(child, InProcessRecorder)]
        deadline = self._loop.time() + _FINISH_S
        # What a volume does not take by then is written when it does, or when the engine ends.
        while self._loop.time() < deadline and any(camera_id in recorder.leaving for recorder in recorders):
            await asyncio.sleep(0.01)

    async def _record(self, camera_id: str, wanted: bool) -> None:
        self._ready.result().set_wishes((camera_id,), wanted, "the program that embeds it")


class RobustNVRPipeline:
    """Records one RTSP camera, and keeps recording it. The ten-line way to use Evertape.

    The same engine as the service's, in this process (the disk is written by a process of its own, so that a disk
    that hangs does not hang the program). Several pipelines with one directory share an engine. Methods may be
    called from any thread; they wait until it is done.

    Example:
        >>> pipeline = RobustNVRPipeline("rtsp://user:secret@192.0.2.10/stream", "footage", "front_door")
        >>> pipeline.start()
        >>> pipeline.start_recording()

    Args:
        url: ``rtsp://`` or ``rtsps://``, credentials percent-encoded.
        directory: the data directory; footage goes to ``recordings/`` in it. Made if missing.
        camera_id: ``[a-z0-9][a-z0-9_-]*``, at most 48 characters.
        sub_url: a smaller stream for viewing, opened on demand.
    """

    def __init__(self, url: str, directory: str | Path, camera_id: str, *, sub_url: str | None = None) -> None:
        self._url = url
        self._directory = Path(directory)
        self.camera_id = camera_id
        self._sub_url = sub_url
        self._engine: EmbeddedEngine | None = None
        self._storage_callbacks: list[StorageCallback] = []

    @property
    def directory(self) -> Path:
        """The data directory."""
        return self._directory

    def start(self) -> None:
        """Begin to stream, without recording. Does nothing if it has been started.

        Raises:
            UsageError: the URL or the id is unusable, or the id is taken in this directory.
        """
        if self._engine is not None:
            return
        engine = EmbeddedEngine.shared(self._directory)
        try:
            engine.add(self.camera_id, self._url, self._sub_url)
        except BaseException:
            engine.release()
            raise
        self._engine = engine
        for callback in self._storage_callbacks:
            engine.register_storage_error_callback(self.camera_id, callback)

    def start_recording(self) -> None:
        """Record from the last keyframe on, and through every outage until ``stop_recording``."""
        self._started().record(self.camera_id, True)

    def stop_recording(self) -> None:
        """End the file at the last frame; streaming goes on."""
        self._started().record(self.camera_id, False)

    def stop(self) -> None:
        """Stop recording and streaming, and wait until every file is finished. Does nothing if it was not started."""
        engine, self._engine = self._engine, None
        if engine is not None:
            for callback in self._storage_callbacks:
                engine.unregister_storage_error_callback(self.camera_id, callback)
            try:
                engine.remove(self.camera_id)
            finally:
                engine.release()

    def register_storage_error_callback(self, callback: StorageCallback) -> None:
        """Have ``callback`` told each time the storage fails or returns while this camera records.

        It is called with a ``StorageNotice`` on the engine's thread: it has to be quick, and may not call this
        pipeline. May be called before ``start``.
        """
        self._storage_callbacks.append(callback)
        if self._engine is not None:
            self._engine.register_storage_error_callback(self.camera_id, callback)

    def unregister_storage_error_callback(self, callback: StorageCallback) -> None:
        """Tell ``callback`` no longer; one that was never registered is ignored."""
        if callback in self._storage_callbacks:
            self._storage_callbacks.remove(callback)
        if self._engine is not None:
            self._engine.unregister_storage_error_callback(self.camera_id, callback)

    def get_storage_error_callback(self) -> StorageCallback:
        """What to call with a ``StorageNotice``, from any thread, to have this pipeline act on it.

        What was under way to a volume that failed is written again elsewhere, or waits in memory; streaming goes on.
        The engine does so by itself on whatever it notices: this is for a program that knows more, or hands it to
        somebody who tells cameras of their storage. While the pipeline is not started it does nothing.
        """
        return self._storage_notice

    def disconnect(self) -> None:
        """Have nobody told of its storage any more, and ``stop``."""
        for callback in list(self._storage_callbacks):
            self.unregister_storage_error_callback(callback)
        self.stop()

    @property
    def info(self) -> CameraInfo | None:
        """State, rates, file and age of the newest durable unit; ``None`` in the first moments."""
        return self._started().camera(self.camera_id)

    @property
    def status(self) -> StreamStatus:
        """How the stream is."""
        info = self.info if self._engine is not None else None
        return StreamStatus(info.streams[0].state) if info is not None else StreamStatus.STOPPED

    @property
    def recording(self) -> bool:
        """Footage is being written right now."""
        info = self.info if self._engine is not None else None
        return info is not None and info.recording.state == "recording"

    def __enter__(self) -> RobustNVRPipeline:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _storage_notice(self, notice: StorageNotice) -> None:
        engine = self._engine
        if engine is not None:
            engine.storage_notice(self.camera_id, notice)

    def _started(self) -> EmbeddedEngine:
        if self._engine is None:
            raise UsageError(f"the pipeline of {self.camera_id} has not been started", hint="call start() first")
        return self._engine
