"""The last 24 hours of each camera in a line, for ``status``: from the index, some milliseconds per camera."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evertape.cli.place import Place
from evertape.cli.wording import plural, span_text
from evertape.domain.account import Account, account, together
from evertape.types import NS_PER_S

if TYPE_CHECKING:
    from evertape.cli.status_view import ServiceStatus

DAY_NS = 24 * 3600 * NS_PER_S
FRESH_S = 30.0
"""So long the lines are good enough for somebody who watches."""


class DayAccounts:
    """Keeps the accounts, and makes them anew when they are old.

    Args:
        place: where the index is.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._at: float | None = None
        self._accounts: dict[str, Account] = {}
        self.problem = ""
        """Why there are none: the index cannot be read now. Recording does not need it."""

    def of(self, status: ServiceStatus) -> Mapping[str, Account]:
        """By camera; without those of which the index knows nothing, empty while it cannot be read."""
        if self._at is None or time.monotonic() - self._at > FRESH_S:
            self._accounts = self._made(status)
            # What cannot be read is asked for again with the next look.
            self._at = None if self.problem else time.monotonic()
        return self._accounts

    def _made(self, status: ServiceStatus) -> dict[str, Account]:
        from evertape.engine.held import held, open_until
        from evertape.store.failures import IndexBusyError, IndexDamagedError
        from evertape.store.index import Index

        now = int(status.raw["now_utc"])
        memory = held(status.cameras, now)
        accounts = {}
        self.problem = ""
        try:
            with Index.open_readonly(self._place.data.index_file) as index:
                reach = open_until(status.cameras, index.open_segments())
                for camera in status.cameras:
                    in_memory = memory.get(camera.id)
                    report = index.coverage(camera.id, now - DAY_NS, now, now, open_until=reach, held=in_memory)
                    if report.spans:
                        accounts[camera.id] = account(camera.id, report)
        except (IndexBusyError, IndexDamagedError) as error:
            self.problem = str(error)
        return accounts


def day_lines(accounts: Mapping[str, Account], problem: str = "") -> list[str]:
    """A line for each camera, and one for all; or why there is none."""
    if problem:
        return [f"last 24 h: not known now ({problem}); recording does not need that"]
    if not accounts:
        return []
    width = max(map(len, ("all", *accounts)))
    lines = [f"{name:{width}}  {account_text(one)}" for name, one in accounts.items()]
    if len(accounts) > 1:
        lines.append(f"{'all':{width}}  {account_text(together(accounts.values()), of_many=True)}")
    return ["last 24 h", *lines]


def account_text(one: Account, *, of_many: bool = False) -> str:
    """``100 % accounted, 99.97 % recorded, 3 gaps, 26.0 s, worst 20.0 s: camera unreachable``."""
    if not one.wanted_s:
        return "not to be recorded"
    text = f"{share_text(one.accounted)} accounted, {share_text(one.recorded)} recorded"
    if one.worst is None:
        return text
    whose = f" of {one.worst_camera}" if of_many else ""
    worst = f"{span_text(one.worst_s)}{whose}: {str(one.worst).replace('_', ' ')}"
    return f"{text}, {plural(one.gaps, 'gap')}, {span_text(one.missing_s)}, worst {worst}"


def share_text(share: float) -> str:
    """A share in percent; 100 % is all, never what is rounded to it."""
    if share >= 1:
        return "100 %"
    return f"{min(99.99, int(share * 10_000) / 100):.2f} %"


def day_json(accounts: Mapping[str, Account]) -> dict[str, Any]:
    """For a program."""
    return {
        name: {
            "wanted_s": one.wanted_s,
            "recorded_s": one.recorded_s,
            "unexplained_s": one.unexplained_s,
            "accounted": one.accounted,
            "recorded": one.recorded,
            "gaps": one.gaps,
            "missing_s": one.missing_s,
            "worst_s": one.worst_s,
            "worst": None if one.worst is None else str(one.worst),
        }
        for name, one in accounts.items()
    }
