"""The supervisor's door: what a command line, a hub or a script may ask of a running service.

Threads: the owner's loop only. The verbs are listed in ``docs/design/ipc.md``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from evertape.config.diff import ConfigDiff, diff
from evertape.config.load import load
from evertape.engine.camera_command import COMMANDS
from evertape.engine.volume_check import check_volumes
from evertape.errors import ConfigError, EvertapeError, NotRunningError, UsageError
from evertape.ipc.channel import Channel, Listener
from evertape.ipc.events import Audited, ConfigRefused
from evertape.ipc.messages import (
    PROTOCOL_VERSION,
    CameraCommand,
    CheckSegments,
    EventNews,
    Hello,
    Message,
    Refused,
    Reply,
    Request,
    Welcome,
)
from evertape.ipc.places import socket_path

if TYPE_CHECKING:
    from evertape.engine.supervisor import Supervisor

log = logging.getLogger(__name__)


class ControlServer:
    """See the module."""

    def __init__(self, supervisor: Supervisor, path: str) -> None:
        self._supervisor = supervisor
        self._clients: list[Channel] = []
        self._listening: set[Channel] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = Listener(path, self._connected)
        self._verbs: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "status": self._status,
            "record": self._record,
            "camera": self._camera,
            "reload": self._reload,
            "feed": self._feed,
            "stop": self._stop,
            "check_volumes": self._check_volumes,
            "protect": supervisor.space.protect,
            "unprotect": supervisor.space.unprotect,
            "retention": supervisor.space.retention,
            "check_segments": self._check_segments,
            "audit_trail": self._audit_trail,
            "login_refused": supervisor.refusals.told,
            "log": self._log,
        }

    def news(self, message: EventNews) -> None:
        """Pass events on to the clients that asked for them; one that does not read is cut off, not waited for."""
        for client in list(self._listening):
            if client.queued_bytes > 8 << 20:
                client.close()
            else:
                client.send(message)

    def close(self) -> None:
        """Close the door."""
        self._listener.close()
        for client in list(self._clients):
            client.close()

    # -- connections ----------------------------------------------------------------------------------------

    def _connected(self, sock: socket.socket) -> None:
        self._clients.append(Channel(sock, self._message, self._gone))

    def _gone(self, channel: Channel) -> None:
        if channel in self._clients:
            self._clients.remove(channel)
        self._listening.discard(channel)

    def _message(self, channel: Channel, message: Message, _payload: bytes) -> None:
        match message:
            case Hello(version=version) if version != PROTOCOL_VERSION:
                channel.send(Refused(reason=f"this is version {PROTOCOL_VERSION} of the protocol, not {version}"))
                channel.close()
            case Hello():
                channel.send(Welcome(role="supervisor", name="supervisor", pid=os.getpid()))
            case Request(request=request, verb="events"):
                self._listening.add(channel)
                channel.send(Reply(request=request, ok=True))
            case Request():
                task = asyncio.get_running_loop().create_task(self._answer(channel, message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case _:
                log.debug("[IPC] a client said %s", type(message).__name__)

    async def _answer(self, channel: Channel, request: Request) -> None:
        verb = self._verbs.get(request.verb)
        try:
            if verb is None:
                raise UsageError(f"there is no verb {request.verb!r}")
            data = await verb(request.args)
            reply = Reply(request=request.request, ok=True, data=msgspec.to_builtins(data))
        except EvertapeError as error:
            reply = Reply(request=request.request, ok=False, error=error.what, hint=error.hint)
        except Exception:
            # A request's edge: a mistake of ours must not end the supervisor.
            log.exception("[IPC] the verb %s failed", request.verb)
            reply = Reply(request=request.request, ok=False, error=f"the verb {request.verb} failed; see the log")
        channel.send(reply)

    # -- verbs ----------------------------------------------------------------------------------------------

    async def _log(self, args: dict[str, Any]) -> dict[str, Any]:
        level = logging.getLevelNamesMapping().get(str(args.get("level", "debug")).upper(), logging.DEBUG)
        after, limit = int(args.get("after", 0)), int(args.get("limit", 500))
        return {"lines": self._supervisor.recent_log.lines(after, limit, level)}

    async def _check_segments(self, args: dict[str, Any]) -> dict[str, Any]:
        """Have files checked now, and what is found put on record."""
        segments = tuple(str(segment) for segment in args["segments"])
        if not self._supervisor.tell_keeper(CheckSegments(segments=segments)):
            raise NotRunningError("the keeper is not running; it checks")
        return {"segments": len(segments)}

    async def _audit_trail(self, args: dict[str, Any]) -> dict[str, Any]:
        """Put on record who did what; answers at once, the journal's sender keeps it until it is durable."""
        supervisor = self._supervisor
        fields: dict[str, Any] = {n: str(args.get(n, "")) for n in ("who", "via", "address", "what", "target")}
        event = Audited(**supervisor.stamp(), **fields, ok=bool(args.get("ok")), status=int(args.get("status", 0)))
        supervisor.journal(event)
        return {"event": event.id}

    async def _status(self, _args: dict[str, Any]) -> dict[str, Any]:
        supervisor = self._supervisor
        status = supervisor.status
        return {
            "service": supervisor.service,
            "version": supervisor.machine.version,
            "pid": os.getpid(),
            "started_utc": int(supervisor.started_utc),
            "now_utc": int(supervisor.clock.utc_ns()),
            "data": str(supervisor.data.root),
            "cameras": [status.cameras[name] for name in supervisor.placed if name in status.cameras],
            "waiting": [name for name in supervisor.placed if name not in status.cameras],
            "wishes": {name: supervisor.wishes.shown(name) for name in supervisor.placed},
            "volumes": [
                status.volumes.get(name) or {"name": name, "path": str(declared.path), "role": declared.role}
                for name, declared in supervisor.volumes.items()
            ],
            "ring": {
                "bytes": sum(used for used, _ in status.rings.values()),
                "budget": supervisor.config.ring.budget_bytes(supervisor.machine.memory),
            },
            "retention": supervisor.space.rules,
            "homecoming": status.homecoming,
            "hub": status.hub,
            "processes": [
                {
                    "name": child.name,
                    "pid": child.pid,
                    "generation": child.generation,
                    "rss": child.vitals.rss if child.vitals else 0,
                    "cpu_s": child.vitals.cpu_s if child.vitals else 0.0,
                }
                for child in supervisor.children.values()
            ],
        }

    async def _check_volumes(self, _args: dict[str, Any]) -> dict[str, Any]:
        return {"volumes": await check_volumes(self._supervisor)}

    async def _record(self, args: dict[str, Any]) -> dict[str, Any]:
        supervisor = self._supervisor
        names = tuple(args.get("cameras") or ()) if not args.get("all") else tuple(supervisor.placed)
        self._known(names)
        supervisor.set_wishes(names, bool(args["wanted"]), str(args.get("by", "a client")))
        return {"cameras": list(names), "wanted": bool(args["wanted"])}

    async def _camera(self, args: dict[str, Any]) -> dict[str, Any]:
        supervisor, name, command = self._supervisor, str(args.get("camera", "")), str(args.get("command", ""))
        self._known((name,))
        if command not in COMMANDS:
            raise UsageError(f"a camera cannot {command!r}", hint=f"one of {', '.join(COMMANDS)}")
        volume, request = str(args.get("volume", "")), supervisor.next_request()
        asked = CameraCommand(request=request, camera=name, command=command, volume=volume)
        done = await supervisor.command(asked, name, request)
        if not done.ok:
            raise UsageError(done.text)
        return {"camera": name, "command": command, "text": done.text}

    async def _reload(self, _args: dict[str, Any]) -> dict[str, Any]:
        return {"changed": list(await self.reload())}

    async def reload(self) -> tuple[str, ...]:
        """Read the configuration again; raises ``ConfigError`` and changes nothing if it has errors."""
        supervisor = self._supervisor
        try:
            # A thread: the file may lie on a disk that does not answer.
            loaded = await asyncio.to_thread(load, supervisor.loaded.source)
        except ConfigError as error:
            supervisor.journal(ConfigRefused(**supervisor.stamp(), problems=(error.what,)))
            log.error("[CONFIG] the changed configuration is refused, the old one stays in force: %s", error)
            raise
        changes = diff(supervisor.config, loaded.config)
        if not changes:
            return ()
        changed = changed_keys(changes)
        log.info("[CONFIG] reloaded; changed: %s", ", ".join(changed))
        supervisor.apply(loaded, changed=changed)
        return changed

    async def _feed(self, args: dict[str, Any]) -> dict[str, Any]:
        supervisor, name = self._supervisor, str(args.get("camera", ""))
        self._known((name,))
        return {"socket": socket_path(supervisor.data.root, f"recorder-{supervisor.placed[name]}")}

    async def _stop(self, args: dict[str, Any]) -> dict[str, Any]:
        self._supervisor.ask_to_stop(str(args.get("by", "a client")))
        return {}

    def _known(self, names: tuple[str, ...]) -> None:
        placed = self._supervisor.placed
        unknown = [name for name in names if name not in placed]
        if unknown:
            known = ", ".join(placed) or "none"
            raise UsageError(f"there is no camera {', '.join(map(repr, unknown))}", hint=f"the cameras are: {known}")


def changed_keys(changes: ConfigDiff) -> tuple[str, ...]:
    """What a reload changes, as keys; never values, which may be secret."""
    cameras = {*changes.cameras_added, *changes.cameras_removed, *changes.cameras_changed}
    volumes = {*changes.volumes_added, *changes.volumes_removed, *changes.volumes_changed}
    return (
        *(f"cameras.{name}" for name in sorted(cameras)),
        *(f"volumes.{name}" for name in sorted(volumes)),
        *sorted(changes.sections),
    )
