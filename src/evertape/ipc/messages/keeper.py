"""Keeper and supervisor."""

from __future__ import annotations

import msgspec

from evertape.ipc.messages.base import Message


class VolumeTidy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether files on a volume hold nothing that is held elsewhere as well, and nothing waits to move away."""

    name: str
    reconciled: bool
    doubled: int = 0
    """Files that hold something that others hold as well; they are cut or removed once those are finished."""
    files: int = 0
    """Files that belong on another volume."""
    bytes: int = 0


class HomecomingNews(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to supervisor: how far homecoming and reconciliation have come; when it changes, at most once a second."""

    volumes: tuple[VolumeTidy, ...] = ()
    files_done: int = 0
    """Come home since the last time that none was left."""
    bytes_done: int = 0
    files: int = 0
    """The same, and those to come."""
    bytes: int = 0
    moving: str = ""
    """The file that is on its way."""
    rate: float = 0.0
    """Bytes per second at the moment."""
    waiting: str = ""
    """Why none is on its way though some should be."""


class RunRetention(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to keeper: apply the rules of retention now; answered by ``RetentionProgress``, again and again."""

    request: int
    camera: str = ""
    """Only this one's; empty: all."""
    older_than: int | None = None
    """Nanoseconds: delete what is older than this, whatever the rules say."""
    segments: tuple[str, ...] = ()
    """Delete exactly these, and nothing else; what is protected or being written stays all the same."""


class RetentionProgress(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to supervisor: how far a ``RunRetention`` has come."""

    request: int
    done: bool = False
    files: int = 0
    bytes: int = 0
    on: dict[str, int] = msgspec.field(default_factory=dict)
    """The files by the name of the volume that they were on."""
    failed: int = 0
    protected: int = 0
    """Files that stay because they are protected."""
    error: str = ""


class CheckSegments(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to keeper: check these files before all others, and put on record what is found."""

    segments: tuple[str, ...]
