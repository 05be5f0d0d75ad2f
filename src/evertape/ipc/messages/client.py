"""Clients (command line, hub) and supervisor."""

from __future__ import annotations

from typing import Any

import msgspec

from evertape.ipc.events import AnyEvent
from evertape.ipc.messages.base import Message


class Request(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Client to supervisor: a verb with arguments, as in ``docs/design/ipc.md``."""

    request: int
    verb: str
    args: dict[str, Any] = msgspec.field(default_factory=dict)


class Reply(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to client."""

    request: int
    ok: bool
    data: Any = None
    error: str = ""
    hint: str = ""


class EventNews(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Child to supervisor and supervisor to subscribed clients: events as they happen (also in the journal)."""

    events: tuple[AnyEvent, ...]
