"""Passwords: what is one, its Argon2id hash, and the time that checking takes, whoever is asked for.

Threads: hashing runs in two threads of its own, with the interpreter lock released; all else on the loop.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from evertape.hub.auth.refusal import Refusal

T = TypeVar("T")

SHORTEST = 10
LONGEST = 256
"""Characters. A longer one adds nothing, and hashing it costs time."""
AT_ONCE = 2
WAITING = 16
"""Whoever comes while so many wait is told to come again: each takes tens of milliseconds."""


def hasher() -> PasswordHasher:
    """Argon2id with 19 MiB, 3 passes, 1 lane.

    One pass more than OWASP's password storage cheat sheet asks for at this memory, which two at a time may take even
    on a small machine.
    """
    return PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)


def why_not(password: str, name: str = "") -> str:
    """Why this is no password for ``name``; empty if it is one."""
    if len(password) < SHORTEST:
        return f"the password is too short: {SHORTEST} characters at least"
    if len(password) > LONGEST:
        return f"the password is too long: {LONGEST} characters at most"
    if name and prepared(password).casefold() == name.casefold():
        return "the password is the name"
    if len(set(password)) < 4:
        return "the password repeats a few characters"
    return ""


def prepared(password: str) -> str:
    """The same whatever keyboard typed it (RFC 8265: NFC)."""
    return unicodedata.normalize("NFC", password)


class Verdict(NamedTuple):
    """Whether it was the password; ``rehash``: the same by today's parameters, if the old ones were others."""

    ok: bool
    rehash: str = ""


class Passwords:
    """See the module.

    Args:
        argon2: the hasher; tests take a cheap one.
    """

    def __init__(self, argon2: PasswordHasher | None = None) -> None:
        self._argon2 = argon2 or hasher()
        self._pool = ThreadPoolExecutor(AT_ONCE, "password")
        self._pending = 0
        self._nobody = ""

    def close(self) -> None:
        """End the threads, once they have finished what they do."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """The hash to keep. Raises ``Refusal`` when too many are waiting."""
        return await self._in_thread(lambda: self._argon2.hash(prepared(password)))

    async def verify(self, hash_: str | None, password: str) -> Verdict:
        """Whether ``password`` is the one of ``hash_``; without a hash it is not, after the same time.

        Raises:
            Refusal: too many are waiting.
        """
        return await self._in_thread(lambda: self._verify(hash_, password))

    def _verify(self, hash_: str | None, password: str) -> Verdict:
        text = prepared(password[: LONGEST + 1])
        try:
            self._argon2.verify(hash_ or self._hash_of_nobody(), text)
        except (VerificationError, InvalidHashError):
            return Verdict(False)
        if hash_ is None:
            return Verdict(False)
        return Verdict(True, self._argon2.hash(text) if self._argon2.check_needs_rehash(hash_) else "")

    def warm_up(self) -> None:
        """Make the hash that missing names are compared with. Blocking."""
        self._hash_of_nobody()

    def _hash_of_nobody(self) -> str:
        if not self._nobody:
            self._nobody = self._argon2.hash("nobody's password")
        return self._nobody

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._pending >= AT_ONCE + WAITING:
            raise Refusal(503, "busy", "too many are logging in at this moment", headers={"Retry-After": "1"})
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._pending -= 1
