"""Accounts as verbs on the same machine change them, with the hub running or not: whoever may write the file, may.

Blocking; one thread.
"""

from __future__ import annotations

import os
from pathlib import Path

from evertape.clock import Clock
from evertape.domain.roles import Role
from evertape.errors import UsageError
from evertape.hub.auth.accounts import Made, clean_name
from evertape.hub.auth.passwords import hasher, prepared, why_not
from evertape.hub.auth.refusal import Refusal
from evertape.hub.auth.sessions import fresh_token, kept
from evertape.hub.auth.setup import SetupLink
from evertape.store.accounts import FILE, Account, AccountStore, Token


class LocalAccounts:
    """See the module.

    Args:
        root: the data directory; it exists.
        clock: for when something was made.

    Everything raises ``UsageError`` for what cannot be done, ``IndexBusyError`` or ``IndexDamagedError`` for the file.
    """

    def __init__(self, root: Path, clock: Clock) -> None:
        path = root / FILE
        is_new = not path.exists()
        self._clock = clock
        self._setup = SetupLink(root)
        self.store = AccountStore(path)
        if is_new and os.name == "posix" and os.geteuid() == 0:
            # The service may run as another user, to whom the directory belongs. SQLite gives its side files to the
            # owner of the database.
            owner = root.stat()
            os.chown(path, owner.st_uid, owner.st_gid)

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()

    def set_password(self, name: str, password: str) -> Account:
        """A new password for somebody, whose sessions end; the first of all becomes an admin."""
        cleaned = self._name(name)
        if self.store.account(cleaned) is None and not self.store.accounts():
            return self.add(name, password, Role.ADMIN, frozenset(), first=True)
        hash_ = self._hash(password, cleaned)
        return self.store.change(cleaned, password=(hash_, int(self._clock.utc_ns())))

    def add(self, name: str, password: str, role: Role, cameras: frozenset[str], *, first: bool = False) -> Account:
        """Somebody new; without anybody else he has to be an admin."""
        cleaned = self._name(name)
        if role is not Role.ADMIN and not self.store.accounts():
            raise UsageError("the first account has to be an admin", hint="add --role admin")
        now = int(self._clock.utc_ns())
        account = Account(cleaned, role, cameras, self._hash(password, cleaned), now, now)
        self.store.add(account, first=first)
        self._setup.close()
        return account

    def add_token(self, account: str, name: str, role: Role, ends: int | None) -> Made:
        """A key for a program of ``account``'s, which may no more than he."""
        owner = self.store.account(self._name(account))
        if owner is not None and not owner.role.may(role):
            raise UsageError(f"{owner.name} is {owner.role}: a token of his cannot be {role}")
        secret = fresh_token()
        now = int(self._clock.utc_ns())
        token = Token(kept(secret + "id")[:12], kept(secret), self._name(account), name, role, now, ends)
        self.store.add_token(token)
        return Made(secret, token)

    def setup_token(self) -> str:
        """The one-time token, if there is no account yet and the hub has begun."""
        return "" if self.store.accounts() else self._setup.read()

    def _hash(self, password: str, name: str) -> str:
        if reason := why_not(password, name):
            raise UsageError(reason)
        return hasher().hash(prepared(password))

    def _name(self, name: str) -> str:
        try:
            return clean_name(name)
        except Refusal as refusal:
            raise UsageError(f"{name!r} is no name for an account", hint=refusal.hint) from None
