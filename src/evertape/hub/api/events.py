"""``/events``: what happened, newest first; and as it happens, over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, WebSocket
from pydantic import BaseModel, Field
from starlette.websockets import WebSocketDisconnect

from evertape.hub.api.asking import Viewer
from evertape.hub.api.common import Cameras, chosen
from evertape.hub.api.times import Instant, Moment, instant
from evertape.hub.auth.guard import Who
from evertape.hub.errors import HubError, errors
from evertape.hub.services import Shared
from evertape.ipc.events import EVENT_TYPES, AnyEvent, Audited, Event
from evertape.redact import redact
from evertape.store.index import View
from evertape.store.rows import EventRow
from evertape.store.writer import event_type

router = APIRouter(tags=["events"])

KINDS: Mapping[str, type[Event]] = {event_type(kind): kind for kind in EVENT_TYPES}
HIDDEN = frozenset({event_type(Audited)})
"""Who did what is for admins, at ``/trail``."""
MOST = 1000
_ROUNDS = 5
"""So often more is asked for when what was found is about cameras that whoever asks may not see."""


class EventAnswer(BaseModel):
    """One thing that happened; docs/reference/events.md has each kind with its fields."""

    id: str
    at: Instant
    kind: str = Field(examples=["camera_state"])
    source: str = Field(description="The process that says so.")
    camera: str = Field(description="Empty: it is about no camera.")
    fields: dict[str, Any] = Field(description="The fields of its kind. Those that end in `_utc` are UTC nanoseconds.")


class EventList(BaseModel):
    """What happened, newest first."""

    events: list[EventAnswer]
    next: Instant | None = Field(description="There is more: ask again with `before` at this instant.")


Kinds = Annotated[list[str] | None, Query(alias="kind", description="Kinds of docs/reference/events.md; default: all.")]


@router.get("/events", summary="What happened", responses=errors(401, 403, 404, 503))
async def events(
    services: Shared,
    who: Viewer,
    camera: Cameras = None,
    kind: Kinds = None,
    before: Annotated[Moment | None, Query(description="Only what happened before this instant.")] = None,
    after: Annotated[Moment, Query(description="Only what happened at or after this instant.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 200,
) -> EventList:
    """From the index, which follows the journal by a second or so."""
    kinds = known_kinds(kind)
    names = await chosen(services, who, camera) if camera else []
    end = 1 << 62 if before is None else before
    found: list[EventRow] = []
    for _ in range(_ROUNDS):
        rows = await services.reading.ask(_question(kinds, names, after, end, limit + 1))
        found += [row for row in rows if _may_see(who, row)]
        if len(found) > limit or len(rows) <= limit:
            break
        end = rows[-1].at
    more = found[limit - 1].at if len(found) > limit else None
    shown = found[:limit]
    return EventList(events=[row_answer(row) for row in shown], next=None if more is None else instant(more))


def _question(
    kinds: Sequence[type[Event]], cameras: Sequence[str], after: int, before: int, limit: int
) -> Callable[[View], list[EventRow]]:
    def question(index: View) -> list[EventRow]:
        found = [row for name in cameras or [""] for row in index.events(kinds, name, after, before, limit)]
        return sorted(found, key=lambda row: row.at, reverse=True)[:limit]

    return question


@router.websocket("/events/live")
async def live_events(
    socket: WebSocket, services: Shared, who: Viewer, camera: Cameras = None, kind: Kinds = None
) -> None:
    """Text messages: `{"type": "event", …}` as `GET /events` has them; `{"type": "missed"}`: ask for what happened."""
    kinds = {event_type(one) for one in known_kinds(kind)}
    cameras = set(camera or ())

    def wanted(event: AnyEvent) -> bool:
        return (
            event_type(type(event)) in kinds
            and sees(who, event)
            and (not cameras or getattr(event, "camera", "") in cameras)
        )

    await socket.accept()
    with services.news.listen(wanted) as listener:
        leaving = asyncio.ensure_future(_until_gone(socket))
        try:
            while not leaving.done():
                news = asyncio.ensure_future(listener.next())
                await asyncio.wait((news, leaving), return_when=asyncio.FIRST_COMPLETED)
                if not news.done():
                    news.cancel()
                    break
                happened, missed = news.result()
                if missed:
                    await socket.send_json({"type": "missed"})
                for event in happened:
                    await socket.send_json({"type": "event", **of_event(event).model_dump()})
        except (WebSocketDisconnect, RuntimeError):
            pass  # it went while we were talking
        finally:
            leaving.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect):
                await leaving


async def _until_gone(socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()


def known_kinds(kinds: Sequence[str] | None) -> list[type[Event]]:
    """The kinds that were asked for, by default all that a viewer may see; raises 422."""
    for kind in kinds or ():
        if kind not in KINDS or kind in HIDDEN:
            raise HubError(422, "kind_unknown", f"there is no kind {kind!r}", where=["query", "kind"])
    return [KINDS[kind] for kind in kinds or KINDS if kind not in HIDDEN]


def of_event(event: AnyEvent) -> EventAnswer:
    """An event as it is answered."""
    body = msgspec.to_builtins(event)
    return _answer(event.id, event.at, event_type(type(event)), event.source, body)


def sees(who: Who, event: AnyEvent) -> bool:
    """Whether it is about no camera, or only about those that ``who`` sees."""
    return _visible(who, getattr(event, "camera", ""), getattr(event, "cameras", ()))


def row_answer(row: EventRow) -> EventAnswer:
    """A row of the index as it is answered."""
    return _answer(row.id, row.at, row.type, row.source, row.body)


def _answer(id_: str, at: int, kind: str, source: str, body: Mapping[str, Any]) -> EventAnswer:
    common = {"id", "at", "boot", "source", "service", "type", "camera"}
    fields = {name: _plain(value) for name, value in body.items() if name not in common}
    return EventAnswer(
        id=id_, at=instant(at), kind=kind, source=source, camera=str(body.get("camera", "")), fields=fields
    )


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    # A browser's numbers have 53 bits; an instant in nanoseconds has more.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 53 else value


def _visible(who: Who, camera: str, cameras: Sequence[str]) -> bool:
    return (not camera or who.sees(camera)) and all(who.sees(name) for name in cameras)


def _may_see(who: Who, row: EventRow) -> bool:
    return _visible(who, row.camera, row.body.get("cameras") or ())
