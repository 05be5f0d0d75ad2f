"""Logging in, being known, and changing who may what.

Threads: called on the hub's loop. The file of accounts has one thread of its own, passwords two; neither ever holds up
the loop, and a disk that does not answer is answered with 503.
"""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from evertape.clock import Clock
from evertape.domain.roles import Role
from evertape.hub.auth import sessions
from evertape.hub.auth.limits import AttemptLimit, address_key
from evertape.hub.auth.passwords import Passwords, why_not
from evertape.hub.auth.refusal import Refusal
from evertape.hub.auth.setup import SetupLink
from evertape.store.accounts import Account, AccountStore, AccountUnknownError, Session, Token
from evertape.store.failures import IndexBusyError, IndexDamagedError
from evertape.types import NS_PER_S

log = logging.getLogger(__name__)

T = TypeVar("T")

DEADLINE_S = 5.0
"""How long a request waits for the file of accounts."""
_FRESH_NS = NS_PER_S
"""So long what was found of a cookie or a token is believed: a verb on this machine may have changed it meanwhile."""
_MOST_KNOWN = 1000
_NAME = re.compile(r"\w[\w.@+-]{0,47}")


class Login(NamedTuple):
    """Somebody is logged in now; ``cookie`` is the secret that his browser keeps."""

    cookie: str
    account: Account


class Made(NamedTuple):
    """A token was made; ``secret`` is shown this once."""

    secret: str
    token: Token


def clean_name(name: str) -> str:
    """A name as it is kept: names that look the same are the same. Raises ``Refusal`` if it is none."""
    cleaned = unicodedata.normalize("NFKC", name).strip().casefold()
    if not _NAME.fullmatch(cleaned):
        hint = "letters and digits, and . @ + - _ behind the first; at most 48 characters"
        raise Refusal(422, "name_invalid", "this is no name for an account", hint=hint)
    return cleaned


class Accounts:
    """See the module.

    Args:
        path: of the file of accounts; it is opened at the first question.
        setup: the one-time link.
        clock: both clocks.
        passwords: hashes; tests take cheap ones.
    """

    def __init__(self, path: Path, setup: SetupLink, clock: Clock, passwords: Passwords | None = None) -> None:
        self._path = path
        self._setup = setup
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._limit = AttemptLimit()
        self._thread = ThreadPoolExecutor(1, "accounts")
        self._store: AccountStore | None = None
        self._known: OrderedDict[str, tuple[int, tuple[Session | Token, Account] | None]] = OrderedDict()

    async def begin(self) -> str:
        """Before the first request: open the file; the one-time token, if there is no account yet."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._passwords.warm_up)
        if await self.any():
            return ""
        return await self._in_thread(self._setup.open)

    def close(self) -> None:
        """Let go of the file; does not wait for a disk that hangs."""
        self._passwords.close()
        self._thread.submit(lambda: self._store.close() if self._store is not None else None)
        self._thread.shutdown(wait=False)

    # -- being known ----------------------------------------------------------------------------------------

    async def session(self, cookie: str) -> tuple[Session, Account] | None:
        """The session of a cookie that is still good, and whose it is."""
        hash_ = sessions.kept(cookie)
        found = await self._look_up(hash_, lambda store: store.session(hash_))
        if found is None or not isinstance(session := found[0], Session):
            return None
        now = self._clock.utc_ns()
        if not sessions.is_alive(session, now):
            await self.end_session(cookie)
            return None
        if now - session.used > sessions.TOUCH_NS:
            self._known.pop(hash_, None)
            await self._ask(lambda store: store.touch_session(hash_, now))
        return session, found[1]

    async def token(self, secret: str) -> tuple[Token, Account] | None:
        """The token of a secret that is still good, and whose it is."""
        if not secret.startswith(sessions.TOKEN_PREFIX):
            return None
        hash_ = sessions.kept(secret)
        found = await self._look_up(hash_, lambda store: store.token(hash_))
        if found is None or not isinstance(token := found[0], Token):
            return None
        now = self._clock.utc_ns()
        if not sessions.is_good(token, now):
            return None
        if token.used is None or now - token.used > sessions.TOUCH_NS:
            self._known.pop(hash_, None)
            await self._ask(lambda store: store.touch_token(token.id, now))
        return token, found[1]

    async def _look_up(
        self, hash_: str, question: Callable[[AccountStore], tuple[Session | Token, Account] | None]
    ) -> tuple[Session | Token, Account] | None:
        now = self._clock.boot_ns()
        at, found = self._known.get(hash_, (0, None))
        if hash_ not in self._known or now - at > _FRESH_NS:
            found = await self._ask(question)
            self._known[hash_] = (now, found)
            self._known.move_to_end(hash_)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return found

    async def any(self) -> bool:
        """Whether there is an account at all."""
        return bool(await self._ask(lambda store: store.accounts()))

    # -- logging in -----------------------------------------------------------------------------------------

    async def log_in(self, name: str, password: str, address: str, old_cookie: str = "") -> Login:
        """Begin a session with a new secret; the one that the browser had before ends.

        Raises:
            Refusal: 401 wrong name or password, which are not told apart; 429 too many attempts.
        """
        account = await self.check(name, password, address)
        return await self._begin_session(account, address, old_cookie)

    async def check(self, name: str, password: str, address: str) -> Account:
        """The account of this name and password. Raises as ``log_in``."""
        try:
            key = clean_name(name)
        except Refusal:
            key = ""
        keys = (f"name {key}", f"address {address_key(address)}")
        self._count(keys)
        account = await self._ask(lambda store: store.account(key)) if key else None
        verdict = await self._passwords.verify(account.hash if account else None, password)
        if account is None or not verdict.ok:
            raise Refusal(401, "wrong_password", "there is no such name with this password")
        self._limit.give_back(keys)
        if verdict.rehash:
            hash_, rehash = account.hash, verdict.rehash
            await self._change(lambda store: store.rehash(key, hash_, rehash))
        return account

    def _count(self, keys: tuple[str, ...]) -> None:
        wait = self._limit.take(keys, self._clock.boot_ns())
        if wait:
            seconds = -(-wait // NS_PER_S)
            raise Refusal(
                429, "too_many_attempts", "too many wrong passwords", hint=f"try again in {seconds} s",
                headers={"Retry-After": str(seconds)},
            )  # fmt: skip

    async def _begin_session(self, account: Account, address: str, old_cookie: str) -> Login:
        now, cookie = self._clock.utc_ns(), sessions.fresh_secret()
        new = Session(sessions.kept(cookie), account.name, address, now, now)
        old = sessions.kept(old_cookie) if old_cookie else ""
        await self._change(lambda store: store.begin_session(new, instead=old, oldest=now - sessions.LONGEST_NS))
        return Login(cookie, account)

    async def end_session(self, cookie: str) -> None:
        """Log out."""
        hash_ = sessions.kept(cookie)
        await self._change(lambda store: store.end_session(hash_))

    async def set_up(self, token: str, name: str, password: str, address: str) -> Login:
        """Make the first account, an admin, by the one-time token, and log in.

        Raises:
            Refusal: 403 another token; 429; 422 no name or no password.
            AlreadySetUpError: there is an account.
        """
        keys = (f"address {address_key(address)}",)
        self._count(keys)
        if await self.any() or not await self._in_thread(lambda: self._setup.is_right(token)):
            what = "this link is not good, or not any more"
            raise Refusal(403, "setup_refused", what, hint='"evertape hub url" prints the one that is')
        self._limit.give_back(keys)
        account = await self.make(name, password, Role.ADMIN, frozenset(), first=True)
        await self._in_thread(self._setup.close)
        return await self._begin_session(account, address, "")

    # -- accounts -------------------------------------------------------------------------------------------

    async def all(self) -> list[Account]:
        """Every account, by name."""
        return await self._ask(lambda store: store.accounts())

    async def named(self, name: str) -> Account:
        """One; raises ``AccountUnknownError``."""
        found = await self._ask(lambda store: store.account(name))
        if found is None:
            raise AccountUnknownError(f"there is no account {name!r}")
        return found

    async def make(
        self, name: str, password: str, role: Role, cameras: frozenset[str], *, first: bool = False
    ) -> Account:
        """Add an account. Raises ``Refusal`` (422), ``AccountExistsError``, ``AlreadySetUpError``."""
        cleaned = clean_name(name)
        hash_, now = await self._hashed(password, cleaned), self._clock.utc_ns()
        account = Account(cleaned, role, cameras, hash_, now, now)
        await self._change(lambda store: store.add(account, first=first))
        return account

    async def change(
        self,
        name: str,
        *,
        role: Role | None = None,
        cameras: frozenset[str] | None = None,
        password: str | None = None,
        keep_cookie: str = "",
    ) -> Account:
        """Change an account; a new password ends its sessions but that of ``keep_cookie``.

        Raises ``Refusal`` (422), ``AccountUnknownError``, ``LastAdminError``.
        """
        new = None if password is None else (await self._hashed(password, name), int(self._clock.utc_ns()))
        keep = sessions.kept(keep_cookie) if keep_cookie else ""
        return await self._change(
            lambda store: store.change(name, role=role, cameras=cameras, password=new, keep_session=keep)
        )

    async def remove(self, name: str) -> None:
        """Remove an account and all that is his. Raises ``AccountUnknownError``, ``LastAdminError``."""
        await self._change(lambda store: store.remove(name))

    async def _hashed(self, password: str, name: str) -> str:
        if reason := why_not(password, name):
            raise Refusal(422, "password_unfit", reason)
        return await self._passwords.hash(password)

    # -- tokens ---------------------------------------------------------------------------------------------

    async def tokens(self, account: str = "") -> list[Token]:
        """All, or those of one account."""
        return await self._ask(lambda store: store.tokens(account))

    async def make_token(self, account: str, name: str, role: Role, ends: int | None) -> Made:
        """Make one. Raises ``AccountUnknownError``."""
        secret = sessions.fresh_token()
        id_ = sessions.kept(secret + "id")[:12]
        token = Token(id_, sessions.kept(secret), account, name, role, int(self._clock.utc_ns()), ends)
        await self._change(lambda store: store.add_token(token))
        return Made(secret, token)

    async def remove_token(self, id_: str, account: str = "") -> Token | None:
        """Remove one, if it is this account's or none is named; what it was."""
        return await self._change(lambda store: store.remove_token(id_, account))

    # -- the thread -----------------------------------------------------------------------------------------

    async def _change(self, work: Callable[[AccountStore], T]) -> T:
        try:
            return await self._ask(work)
        finally:
            self._known.clear()

    async def _ask(self, question: Callable[[AccountStore], T]) -> T:
        return await self._in_thread(lambda: question(self._opened()))

    def _opened(self) -> AccountStore:
        if self._store is None:
            self._store = AccountStore(self._path)
        return self._store

    async def _in_thread(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.shield(future)
        except TimeoutError:
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise _away("the disk with the accounts does not answer") from None
        except (IndexBusyError, IndexDamagedError, OSError) as error:
            log.error("[HUB] the accounts cannot be used: %s", error)
            raise _away("the accounts cannot be used at the moment") from None


def _away(what: str) -> Refusal:
    hint = "recording goes on; the log says more"
    return Refusal(503, "accounts_away", what, hint=hint, headers={"Retry-After": "5"})
