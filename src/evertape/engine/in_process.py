"""A recorder in this process, behind the face of a child process: for programs that embed the engine.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import os

from evertape.clock import Clock
from evertape.engine.camera import CameraWorker
from evertape.engine.child import cpu_seconds, resident_bytes
from evertape.engine.process import ProcessOwner, Vitals
from evertape.engine.recorder import Recorder
from evertape.engine.storage_service import StorageConsumers
from evertape.ipc.messages import Message
from evertape.media.transcode import default_transcoder


class InProcessRecorder:
    """Looks like a ``ChildProcess`` to the supervisor. It cannot be replaced when it hangs: it is the program itself.

    Args:
        name: ``recorder-0``.
        service: the run of the service.
        clock: both clocks.
        feed_socket: where viewers connect.
        owner: the supervisor.
        consumers: whom to tell about the storage of cameras that record.
    """

    def __init__(
        self,
        name: str,
        service: str,
        clock: Clock,
        feed_socket: str,
        owner: ProcessOwner,
        consumers: StorageConsumers | None = None,
    ) -> None:
        self.name = name
        self.generation = 0
        self._service = service
        self._clock = clock
        self._feed_socket = feed_socket
        self._owner = owner
        self._consumers = consumers
        self._recorder: Recorder | None = None

    @property
    def pid(self) -> int | None:
        """This process."""
        return os.getpid()

    @property
    def running(self) -> bool:
        """Started and not stopped."""
        return self._recorder is not None

    @property
    def leaving(self) -> frozenset[str]:
        """The removed cameras whose files are not finished."""
        return self._recorder.leaving if self._recorder is not None else frozenset()

    def camera(self, camera_id: str) -> CameraWorker | None:
        """One of those that stream here."""
        return self._recorder.cameras.get(camera_id) if self._recorder is not None else None

    @property
    def vitals(self) -> Vitals | None:
        """Of this whole process."""
        return Vitals(os.getpid(), 0, resident_bytes(), cpu_seconds())

    def start(self) -> None:
        """Begin, as soon as the loop comes to it."""
        asyncio.get_running_loop().call_soon(self._begin)

    def send(self, message: Message) -> None:
        """Tell the recorder something."""
        if self._recorder is not None:
            self._recorder.message(message)

    def check(self) -> None:
        """Nothing to do: whoever would notice that it hangs hangs with it."""

    def excuse(self, late_s: float) -> None:
        """Nothing to do, as in ``check``."""

    @property
    def said_exhausted(self) -> bool:
        """Never: whatever gets no memory here, the program hears itself."""
        return False

    def replace(self, how: str, deadline_s: float) -> None:
        """Nothing to do: it is the program itself."""

    async def stop(self, deadline_s: float) -> bool:
        """Finish every file."""
        recorder, self._recorder = self._recorder, None
        return await recorder.close(deadline_s) if recorder is not None else True

    def _begin(self) -> None:
        self._recorder = Recorder(
            self.name,
            self._service,
            self._clock,
            lambda message: self._owner.child_said(self, message),
            self._feed_socket,
            default_transcoder,
            self._consumers,
        )
        self._owner.child_up(self)
