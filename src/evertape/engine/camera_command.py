"""What a client may ask of one camera of a running recorder: a full restart, or a partial one.

Threads: the owner's loop only.
"""

from __future__ import annotations

from evertape.domain.camera_events import StreamStatus
from evertape.engine.camera import CameraWorker
from evertape.errors import UsageError
from evertape.ipc.messages import CameraCommand, CommandDone
from evertape.types import Stream

COMMANDS = ("restart", "restart-writer", "split", "move")


def answer(worker: CameraWorker | None, asked: CameraCommand) -> CommandDone:
    """Do it, and say what was done."""
    request = asked.request
    if worker is None:
        return CommandDone(request=request, ok=False, text=f"there is no camera {asked.camera}")
    if asked.command == "restart":
        worker.restart()
        return CommandDone(request=request, ok=True, text=_restarted(worker))
    try:
        done = worker.recording.commands.perform(asked.command, asked.volume)
    except UsageError as error:
        return CommandDone(request=request, ok=False, text=str(error))
    if done is None:
        return CommandDone(request=request, ok=False, text=f"{asked.camera} is not being recorded at the moment")
    return CommandDone(request=request, ok=True, text=done)


def _restarted(worker: CameraWorker) -> str:
    if worker.streams[Stream.MAIN].state.status is StreamStatus.AUTH_FAILED:
        return "not asked now: it refused the password, and gets one attempt a minute until that is changed"
    return "session restarted"
