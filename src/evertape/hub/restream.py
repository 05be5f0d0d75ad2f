"""The restream's life: told by the supervisor what to serve, and by the hub's accounts to whom.

Threads: the owner's loop; the server has threads of its own, which ask for accounts on this loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from evertape.clock import Clock
from evertape.config.values import listen_address
from evertape.errors import SetupError
from evertape.hub.auth.accounts import Accounts
from evertape.hub.auth.refusal import Refusal
from evertape.hub.auth.setup import SetupLink
from evertape.ipc.messages import Message, RestreamAssignment
from evertape.media.restream.server import RestreamServer
from evertape.media.restream.terms import Grant, Served
from evertape.store.accounts import FILE
from evertape.types import Stream

log = logging.getLogger(__name__)

_AGAIN_S = 2.0
_ADMIT_S = 10.0


class RestreamProcess:
    """See the module.

    Args:
        clock: both clocks.
        make: makes the server.
    """

    def __init__(self, clock: Clock, make: Callable[..., RestreamServer] = RestreamServer) -> None:
        self._clock = clock
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._accounts: Accounts | None = None
        self._server: RestreamServer | None = None
        self._told: RestreamAssignment | None = None
        self._listening = ""
        self._refused = ""
        """Where it could not listen, which was said."""
        self._retry: asyncio.TimerHandle | None = None

    def message(self, message: Message) -> None:
        """Do what the supervisor says."""
        if not isinstance(message, RestreamAssignment):
            log.debug("[IPC] the supervisor said %s", type(message).__name__)
            return
        self._told = message
        if self._accounts is None:
            root = Path(message.data)
            self._accounts = Accounts(root / FILE, SetupLink(root), self._clock)
        self._apply()

    async def close(self) -> None:
        """Send every client away."""
        if self._retry is not None:
            self._retry.cancel()
        if self._server is not None:
            # A client's thread may be waiting for this loop.
            await asyncio.to_thread(self._server.close)
        if self._accounts is not None:
            self._accounts.close()

    def _apply(self) -> None:
        told = self._told
        assert told is not None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if told.listen != self._listening:
            self._listen(told.listen)
        if self._server is not None:
            self._server.serve(Served(s.path, s.camera, Stream(s.stream), s.socket) for s in told.streams)

    def _listen(self, where: str) -> None:
        old, self._server, self._listening = self._server, None, ""
        if old is not None:
            self._loop.run_in_executor(None, old.close)
        host, port = listen_address(where)
        server = self._make(self._admit)
        try:
            bound = server.listen(host, port)
        except SetupError as error:
            if where != self._refused:
                log.warning("[RESTREAM] %s; trying again every %.0f s", error.what, _AGAIN_S)
            self._refused = where
            self._retry = self._loop.call_later(_AGAIN_S, self._apply)
            return
        self._server, self._listening, self._refused = server, where, ""
        log.info("[RESTREAM] serving rtsp://%s:%d/CAMERA and /CAMERA/sub", f"[{host}]" if ":" in host else host, bound)
        if host not in ("127.0.0.1", "::1", "localhost"):
            log.warning("[RESTREAM] passwords travel in clear over the networks of %s; they must be trusted", host)

    # -- on the server's threads ----------------------------------------------------------------------------

    def _admit(self, name: str, password: str, address: str) -> Grant | None:
        try:
            asked = asyncio.run_coroutine_threadsafe(self._ask(name, password, address), self._loop)
            return asked.result(_ADMIT_S)
        except Refusal as refusal:
            log.info("[RESTREAM] %s at %s is refused: %s", name, address, refusal.what)
        except TimeoutError:
            log.warning("[RESTREAM] the accounts did not answer within %.0f s", _ADMIT_S)
        except RuntimeError:
            log.debug("[RESTREAM] asked on the way out")
        return None

    async def _ask(self, name: str, password: str, address: str) -> Grant | None:
        """By password, or by a token in its place: programs need no person's password."""
        assert self._accounts is not None
        token = await self._accounts.token(password)
        account = token[1] if token is not None else await self._accounts.check(name, password, address)
        return Grant(account.name, account.cameras or None)
