"""Following a recorder: its state, asked for regularly and when something happens; and what happens.

Threads: the link's loop; what is told is told there, and whoever is told takes it to the GUI thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from evertape_desktop.backend.link import Answer, Link
from evertape_desktop.backend.model import EventLook, ServiceLook
from evertape_desktop.backend.problem import Connection, Contact, Problem

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""How often the state is asked for while nothing happens; at once when something does."""
_AGAIN_S = 1.0
_CALM_S = 0.05
"""Events come in bunches; one question serves them all."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what.

    Args:
        saw: state and alerts.
        contact: how it stands with the recorder, if no state came.
        happened: an event.
        missed: events were missed.
    """

    saw: Callable[[ServiceLook, Any], None]
    contact: Callable[[Connection], None]
    happened: Callable[[EventLook], None]
    missed: Callable[[], None]


class Following:
    """See the module.

    Args:
        link: for the events.
        request: asks for something; raises ``Problem``.
        told: see ``Told``.
    """

    def __init__(self, link: Link, request: Callable[[str, str], Awaitable[Answer]], told: Told) -> None:
        self._link = link
        self._request = request
        self._told = told
        self._nudged = asyncio.Event()
        self._behind = False

    def nudge(self) -> None:
        """Ask for the state at once."""
        self._nudged.set()

    async def follow(self) -> None:
        """Ask for the state, for ever."""
        while True:
            self._nudged.clear()
            wait_s = LOOK_S if await self._look() else _AGAIN_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._nudged.wait()
                    await asyncio.sleep(_CALM_S)

    async def listen(self) -> None:
        """Hear what happens, for ever."""
        while True:
            try:
                async for said in self._link.events():
                    self._heard(said)
            except Problem as problem:
                log.debug("[DESKTOP] no events: %s", problem)
            self._behind = True
            self._nudged.set()
            await asyncio.sleep(_AGAIN_S)

    async def _look(self) -> bool:
        try:
            state = await self._request("GET", "/status")
            look = msgspec.json.decode(state.body, type=ServiceLook)
            alerts = json.loads((await self._request("GET", "/alerts")).body)
        except Problem as problem:
            self._told.contact(_contact(problem))
        except (msgspec.MsgspecError, ValueError) as error:
            self._told.contact(Connection(Contact.LOST, f"the recorder speaks another version: {error}"))
        else:
            self._told.saw(look, alerts)
            return True
        return False

    def _heard(self, said: dict[str, Any]) -> None:
        kind = said.get("type")
        if kind == "open" and not self._behind:
            return
        self._nudged.set()
        if kind in ("open", "missed"):
            self._behind = False
            self._told.missed()
            return
        try:
            event = msgspec.convert(said, EventLook)
        except msgspec.ValidationError:
            log.warning("[DESKTOP] an event that this version does not understand: %s", said.get("kind"))
            return
        self._told.happened(event)


def _contact(problem: Problem) -> Connection:
    needs_login = problem.status in (401, 403)
    return Connection(Contact.LOGIN_NEEDED if needs_login else Contact.LOST, str(problem))
