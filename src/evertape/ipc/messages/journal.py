"""The journal, and small files of state: the data folder's disk process."""

from __future__ import annotations

from evertape.ipc.events import AnyEvent
from evertape.ipc.messages.base import Message


class JournalAppend(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Anyone to the data folder's disk process: write these down. ``last`` identifies the batch."""

    events: tuple[AnyEvent, ...]
    last: str


class JournalDurable(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The answer once the batch is synced; until then the sender keeps it and sends it again after a reconnect."""

    last: str


class JournalFailed(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The batch could not be written (full or failing data folder); the sender keeps it and tries again later."""

    last: str
    errno: int = 0
    text: str = ""


class PutState(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to the data folder's disk process: replace the small file ``name`` atomically by the payload."""

    request: int
    name: str
