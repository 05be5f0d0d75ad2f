"""The file of accounts, sessions and tokens: a small database of its own, because it is no cache of anything.

Blocking; one thread at a time per object. The hub writes it, and so do verbs on the same machine, while the hub runs or
not: each change is one transaction that begins by locking, and is synced before it returns.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from evertape.domain.roles import Role
from evertape.store.accounts_rows import (
    Account,
    AccountExistsError,
    AccountUnknownError,
    AlreadySetUpError,
    LastAdminError,
    Session,
    Token,
)
from evertape.store.accounts_tables import SCHEMA, accounts, metadata, sessions, tokens
from evertape.store.database import Schema, prepare, writing_engine
from evertape.store.failures import translated

__all__ = [
    "ACCOUNTS",
    "FILE",
    "Account",
    "AccountExistsError",
    "AccountStore",
    "AccountUnknownError",
    "AlreadySetUpError",
    "LastAdminError",
    "Session",
    "Token",
]

FILE = "accounts.sqlite3"
ACCOUNTS = Schema("the accounts", metadata, SCHEMA, Path(__file__).parent / "accounts_migrations")


class AccountStore:
    """See the module.

    Args:
        path: of the database; made, readable by its owner only, if it does not exist.

    Everything raises ``IndexBusyError`` (locked, or the disk fails: later) or ``IndexDamagedError``.
    """

    def __init__(self, path: Path) -> None:
        # SQLite gives its side files the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._engine = writing_engine(path, synchronous="FULL")
        try:
            prepare(self._engine, ACCOUNTS)
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _change(self) -> Iterator[Connection]:
        with translated("writing the accounts"), self._engine.begin() as connection:
            # Not before the first write, as SQLite's driver would: what is decided on is read under the lock.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextlib.contextmanager
    def _read(self) -> Iterator[Connection]:
        with translated("reading the accounts"), self._engine.connect() as connection:
            yield connection

    # -- accounts -------------------------------------------------------------------------------------------

    def accounts(self) -> list[Account]:
        """All, by name."""
        with self._read() as connection:
            return [_account(row) for row in connection.execute(select(accounts).order_by(accounts.c.name)).mappings()]

    def account(self, name: str) -> Account | None:
        """One."""
        with self._read() as connection:
            return _one(connection, name)

    def add(self, account: Account, *, first: bool = False) -> None:
        """Add one.

        Args:
            account: the new one.
            first: only if there is none at all.

        Raises:
            AccountExistsError: of that name.
            AlreadySetUpError: it was to be the first.
        """
        with self._change() as connection:
            if first and connection.execute(select(func.count()).select_from(accounts)).scalar():
                raise AlreadySetUpError("there is an account already", hint="log in with it")
            if _one(connection, account.name) is not None:
                raise AccountExistsError(f"there is an account {account.name!r} already")
            connection.execute(accounts.insert().values(**_values(account)))

    def change(
        self,
        name: str,
        *,
        role: Role | None = None,
        cameras: frozenset[str] | None = None,
        password: tuple[str, int] | None = None,
        keep_session: str = "",
    ) -> Account:
        """Change one; returns it as it is then.

        Args:
            name: whose.
            role: the new one.
            cameras: those he may see now.
            password: the new hash, and when it was set; his sessions end, his tokens stay.
            keep_session: the hash of the session that may go on.

        Raises:
            AccountUnknownError: there is none.
            LastAdminError: he is the last admin, and would not be one any more.
        """
        values: dict[str, Any] = {}
        if role is not None:
            values["role"] = role.value
        if cameras is not None:
            values["cameras"] = json.dumps(sorted(cameras))
        if password is not None:
            values["hash"], values["password_set"] = password
        with self._change() as connection:
            if _one(connection, name) is None:
                raise _unknown(name)
            if role not in (None, Role.ADMIN):
                _not_the_last(connection, name)
            if values:
                connection.execute(update(accounts).where(accounts.c.name == name).values(**values))
            if password is not None:
                others = (sessions.c.account == name) & (sessions.c.hash != keep_session)
                connection.execute(delete(sessions).where(others))
            changed = _one(connection, name)
            assert changed is not None
            return changed

    def rehash(self, name: str, old: str, new: str) -> None:
        """The same password by other parameters; nothing happens if it was changed meanwhile."""
        with self._change() as connection:
            mine = (accounts.c.name == name) & (accounts.c.hash == old)
            connection.execute(update(accounts).where(mine).values(hash=new))

    def remove(self, name: str) -> None:
        """Remove one, with his sessions and tokens. Raises as ``change``."""
        with self._change() as connection:
            if _one(connection, name) is None:
                raise _unknown(name)
            _not_the_last(connection, name)
            connection.execute(delete(accounts).where(accounts.c.name == name))
            connection.execute(delete(sessions).where(sessions.c.account == name))
            connection.execute(delete(tokens).where(tokens.c.account == name))

    # -- sessions -------------------------------------------------------------------------------------------

    def session(self, hash_: str) -> tuple[Session, Account] | None:
        """The session with this hash, and whose it is."""
        with self._read() as connection:
            row = connection.execute(select(sessions).where(sessions.c.hash == hash_)).mappings().first()
            account = _one(connection, row["account"]) if row is not None else None
            return None if row is None or account is None else (Session(**row), account)

    def begin_session(self, session: Session, *, instead: str = "", oldest: int = 0, most: int = 20) -> None:
        """Add one.

        Args:
            session: the new one.
            instead: the hash of the one that the same browser had before; it ends.
            oldest: those begun before this instant are over, and forgotten.
            most: an account has; its least recently used ends.
        """
        with self._change() as connection:
            connection.execute(delete(sessions).where((sessions.c.hash == instead) | (sessions.c.created < oldest)))
            connection.execute(sessions.insert().values(**asdict(session)))
            his = select(sessions.c.hash).where(sessions.c.account == session.account)
            newest = his.order_by(sessions.c.used.desc(), sessions.c.created.desc())
            surplus = list(connection.execute(newest.offset(most)).scalars())
            connection.execute(delete(sessions).where(sessions.c.hash.in_(surplus)))

    def touch_session(self, hash_: str, used: int) -> None:
        """It was used."""
        with self._change() as connection:
            connection.execute(update(sessions).where(sessions.c.hash == hash_).values(used=used))

    def end_session(self, hash_: str) -> None:
        """It is over; one that does not exist is, too."""
        with self._change() as connection:
            connection.execute(delete(sessions).where(sessions.c.hash == hash_))

    # -- tokens ---------------------------------------------------------------------------------------------

    def tokens(self, account: str = "") -> list[Token]:
        """All, or those of one account, by their age."""
        found = select(tokens).order_by(tokens.c.created, tokens.c.id)
        if account:
            found = found.where(tokens.c.account == account)
        with self._read() as connection:
            return [_token(row) for row in connection.execute(found).mappings()]

    def token(self, hash_: str) -> tuple[Token, Account] | None:
        """The token with this hash, and whose it is."""
        with self._read() as connection:
            row = connection.execute(select(tokens).where(tokens.c.hash == hash_)).mappings().first()
            account = _one(connection, row["account"]) if row is not None else None
            return None if row is None or account is None else (_token(row), account)

    def add_token(self, token: Token) -> None:
        """Add one. Raises ``AccountUnknownError`` if its owner is gone."""
        with self._change() as connection:
            if _one(connection, token.account) is None:
                raise _unknown(token.account)
            connection.execute(tokens.insert().values(**{**asdict(token), "role": token.role.value}))

    def touch_token(self, id_: str, used: int) -> None:
        """It was used."""
        with self._change() as connection:
            connection.execute(update(tokens).where(tokens.c.id == id_).values(used=used))

    def remove_token(self, id_: str, account: str = "") -> Token | None:
        """Remove one, if it is this account's or none is named; what it was."""
        mine = tokens.c.id == id_
        if account:
            mine &= tokens.c.account == account
        with self._change() as connection:
            row = connection.execute(select(tokens).where(mine)).mappings().first()
            if row is None:
                return None
            connection.execute(delete(tokens).where(tokens.c.id == id_))
            return _token(row)


def _one(connection: Connection, name: str) -> Account | None:
    row = connection.execute(select(accounts).where(accounts.c.name == name)).mappings().first()
    return None if row is None else _account(row)


def _not_the_last(connection: Connection, name: str) -> None:
    """Decided within the transaction, so that two admins cannot remove each other."""
    admins = set(connection.execute(select(accounts.c.name).where(accounts.c.role == Role.ADMIN.value)).scalars())
    if admins == {name}:
        raise LastAdminError(f"{name!r} is the last admin", hint="make somebody else an admin first")


def _unknown(name: str) -> AccountUnknownError:
    return AccountUnknownError(f"there is no account {name!r}")


def _account(row: Any) -> Account:
    return Account(**{**row, "role": Role(row["role"]), "cameras": frozenset(json.loads(row["cameras"]))})


def _values(account: Account) -> dict[str, Any]:
    return {**asdict(account), "role": account.role.value, "cameras": json.dumps(sorted(account.cameras))}


def _token(row: Any) -> Token:
    return Token(**{**row, "role": Role(row["role"])})
