"""What clients may ask about space: keep footage, let it go again, apply the rules now. A part of the supervisor.

Threads: the owner's loop only.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, Protocol

from evertape.config.schema import Config
from evertape.domain.retention_terms import ProtectedSpan, Protection, Terms
from evertape.engine.retention_state import PROTECTED, protected_text, read_protected, retention_terms
from evertape.errors import NotRunningError, UsageError
from evertape.ipc.events import AnyEvent, EventStamp, ProtectionAdded, ProtectionRemoved
from evertape.ipc.messages import Message, RetentionProgress, RunRetention

_FINISHED = 20
"""Finished runs that can still be asked about."""


class SpaceHost(Protocol):
    """What the desk needs from the supervisor."""

    @property
    def config(self) -> Config:
        """In force."""

    @property
    def stamp(self) -> EventStamp:
        """For events."""

    def next_request(self) -> int:
        """A number for a request to a child."""

    async def on_record(self, event: AnyEvent) -> bool:
        """Write an event down, and whether that is known to be durable."""

    def put_state(self, name: str, text: bytes) -> None:
        """Replace a small state file."""

    def tell_keeper(self, message: Message | None = None) -> bool:
        """Say something to the keeper, by default its assignment anew; False if there is none."""


class SpaceDesk:
    """See the module.

    Args:
        host: the supervisor.
    """

    def __init__(self, host: SpaceHost) -> None:
        self._host = host
        self._protected: dict[str, ProtectedSpan] = {}
        self._runs: dict[int, RetentionProgress] = {}

    def load(self, state: Path) -> None:
        """Take up what earlier runs of the service were told."""
        self._protected = {span.id: span for span in read_protected(state)}

    @property
    def terms(self) -> Terms:
        """For the keeper."""
        return retention_terms(self._host.config, self._protected.values())

    @property
    def rules(self) -> Terms:
        """The same without what is protected, which may be much: for clients."""
        return retention_terms(self._host.config)

    def heard(self, progress: RetentionProgress) -> None:
        """The keeper got on."""
        if progress.request in self._runs:
            self._runs[progress.request] = progress

    # -- verbs ----------------------------------------------------------------------------------------------

    async def protect(self, args: dict[str, Any]) -> dict[str, Any]:
        """Keep a camera's footage of ``[start_utc, end_utc)``; answers once that is on record."""
        span = ProtectedSpan(uuid.uuid4().hex[:12], str(args["camera"]), int(args["start_utc"]), int(args["end_utc"]))
        if span.start_utc >= span.end_utc:
            raise UsageError("what is to be protected ends before it begins")
        # First of all the one who deletes has to know.
        self._protected[span.id] = span
        self._tell()
        kept = await self._host.on_record(
            ProtectionAdded(
                **self._host.stamp(), protection=span.id, camera=span.camera, start_utc=span.start_utc,
                end_utc=span.end_utc, who=str(args.get("who", "")), why=str(args.get("why", "")),
            )
        )  # fmt: skip
        return {"protection": span.id, "camera": span.camera, "on_record": kept}

    async def unprotect(self, args: dict[str, Any]) -> dict[str, Any]:
        """It may go again. An id that only the index knows is taken on trust."""
        name = str(args["protection"])
        span = self._protected.pop(name, None)
        camera = span.camera if span is not None else str(args.get("camera", ""))
        kept = await self._host.on_record(
            ProtectionRemoved(**self._host.stamp(), protection=name, camera=camera, who=str(args.get("who", "")))
        )
        self._tell()
        return {"protection": name, "camera": camera, "on_record": kept}

    async def retention(self, args: dict[str, Any]) -> dict[str, Any]:
        """Begin to apply the rules, or to delete ``segments``; or, with ``request``, say how far that is.

        ``segments`` are id, camera, start and end of each; if some are protected, nothing is begun, and the answer says
        which.
        """
        if args.get("request"):
            progress = self._runs.get(int(args["request"]))
            if progress is None:
                raise UsageError(f"there is no run of retention with the number {args['request']}")
            return {name: getattr(progress, name) for name in progress.__struct_fields__}
        age = args.get("older_than")
        chosen = [
            (str(name), str(camera), int(start), int(end)) for name, camera, start, end in args.get("segments", ())
        ]
        # What was protected just now may not be in the index yet, by which the caller chose.
        protection = Protection(self._protected.values())
        if kept := [name for name, camera, start, end in chosen if protection.covers(camera, start, end)]:
            return {"request": 0, "protected": kept}
        number = self._host.next_request()
        wish = RunRetention(
            request=number,
            camera=str(args.get("camera", "")),
            older_than=None if age is None else int(age),
            segments=tuple(name for name, *_ in chosen),
        )
        if not self._host.tell_keeper(wish):
            raise NotRunningError("the keeper is not running; it deletes")
        self._runs[number] = RetentionProgress(request=number)
        for old in list(self._runs)[:-_FINISHED]:
            del self._runs[old]
        return {"request": number}

    def _tell(self) -> None:
        self._host.put_state(PROTECTED, protected_text(self._protected.values()))
        self._host.tell_keeper()
