"""What the file of accounts holds, as values, and why a change of it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from evertape.domain.roles import Role
from evertape.errors import UsageError


class AccountExistsError(UsageError):
    """There is one of that name."""


class AccountUnknownError(UsageError):
    """There is none of that name."""


class LastAdminError(UsageError):
    """Nobody would be left who may change anything."""


class AlreadySetUpError(UsageError):
    """The first account exists."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in.

    Args:
        name: as ``hub.auth.accounts.clean_name`` leaves it.
        role: what he may.
        cameras: those he may see; empty: all.
        hash: Argon2id, in PHC form.
        created: UTC ns.
        password_set: UTC ns of the last change of the password.
    """

    name: str
    role: Role
    cameras: frozenset[str]
    hash: str
    created: int
    password_set: int

    def __repr__(self) -> str:
        """Without the hash: objects end up in logs."""
        return f"Account({self.name!r}, {self.role})"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that logged in; ``hash`` is SHA-256 of its cookie, instants are UTC ns."""

    hash: str
    account: str
    address: str
    created: int
    used: int


@dataclass(frozen=True, slots=True)
class Token:
    """A program's key; ``hash`` is SHA-256 of it, instants are UTC ns, ``ends`` may be never."""

    id: str
    hash: str
    account: str
    name: str
    role: Role
    created: int
    ends: int | None = None
    used: int | None = None
