"""What people are told of alerts, and when: grouped, once, not at night if they would rather sleep. Pure.

``take`` and ``tick`` give a new state and what to send now. The owner keeps the state, also across restarts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from enum import StrEnum
from typing import Any

from evertape.types import NS_PER_S


class Severity(StrEnum):
    """How bad it is."""

    WARNING = "warning"
    CRITICAL = "critical"


_WARNINGS = frozenset({"recording_behind", "volume_slow", "volume_forecast", "recording_retry"})
GONE_S = 3.0
"""An alert that is over before it was told, and so soon, is not told at all."""


def severity_of(kind: str) -> Severity:
    """Footage is lost, or could be: critical. A kind that this program does not know is."""
    return Severity.WARNING if kind in _WARNINGS else Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Alerted:
    """Something that is wrong.

    Args:
        kind: of ``ipc.events.Alert``.
        camera: whose, or empty.
        volume: which, or empty.
        text: for people.
        since: UTC ns.
        told: people have heard of it, or nobody has to.
        over: UTC ns; 0: it goes on.
        over_text: for people, at its end.
        detail: the values that ``text`` was made of, for whoever makes one in another language.
    """

    kind: str
    camera: str = ""
    volume: str = ""
    text: str = ""
    since: int = 0
    told: bool = False
    over: int = 0
    over_text: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def key(self) -> tuple[str, str, str]:
        """Two that are wrong in the same way are one, whoever says so."""
        return self.kind, self.camera, self.volume

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return severity_of(self.kind)


@dataclass(frozen=True, slots=True)
class Terms:
    """How people want to be told.

    Args:
        group_ns: what begins or ends within so long is one message.
        quiet: from and until when, local time; between the two only what is critical is told.
        quiet_all: then not even that.
    """

    group_ns: int = NS_PER_S
    quiet: tuple[time, time] | None = None
    quiet_all: bool = False


@dataclass(frozen=True, slots=True)
class Alerting:
    """What is wrong, and what of it has yet to be told.

    Args:
        active: what goes on, or is over and has yet to be told so, by key.
        waiting_since: when the first one that has yet to be told came, UTC ns; 0: there is none.
    """

    active: dict[tuple[str, str, str], Alerted] = field(default_factory=dict)
    waiting_since: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """One message.

    Args:
        began: what began.
        ended: what is over.
        still: what goes on besides.
    """

    began: tuple[Alerted, ...]
    ended: tuple[Alerted, ...]
    still: tuple[Alerted, ...] = ()

    @property
    def severity(self) -> Severity:
        """Of the worst of it."""
        worst = any(one.severity is Severity.CRITICAL for one in (*self.began, *self.ended))
        return Severity.CRITICAL if worst else Severity.WARNING


def begin(state: Alerting, alert: Alerted, now: int) -> Alerting:
    """Something is wrong. What is wrong already is not wrong twice; what was over, and not told, goes on."""
    old = state.active.get(alert.key)
    if old is not None:
        text, detail = (alert.text, alert.detail) if alert.text else (old.text, old.detail)
        new = replace(old, text=text, detail=detail, over=0, over_text="")
        return replace(state, active={**state.active, alert.key: new})
    return Alerting({**state.active, alert.key: alert}, state.waiting_since or now)


def end(state: Alerting, alert: Alerted, now: int) -> Alerting:
    """It is over. What nobody was told of, and was over at once, nobody has to hear of."""
    old = state.active.get(alert.key)
    if old is None or old.over:
        return state
    if not old.told and now - old.since < GONE_S * NS_PER_S:
        active = {key: one for key, one in state.active.items() if key != alert.key}
        waiting = any(not one.told or one.over for one in active.values())
        return Alerting(active, state.waiting_since if waiting else 0)
    over = replace(old, over=now, over_text=alert.text)
    return Alerting({**state.active, alert.key: over}, state.waiting_since or now)


def settle(state: Alerting, active: Iterable[Alerted], now: int) -> Alerting:
    """What is wrong is exactly this, as somebody knows who heard everything: after a time in which nobody listened."""
    wanted = {alert.key: alert for alert in active}
    for alert in wanted.values():
        state = begin(state, alert, now)
    for key, old in list(state.active.items()):
        if key not in wanted:
            state = end(state, old, now)
    return state


def tick(state: Alerting, now: int, local: datetime, terms: Terms) -> tuple[Alerting, Notice | None]:
    """What is to be told now, if the others that belong to it have had the time to come.

    Args:
        state: as it is.
        now: UTC ns.
        local: the same in the zone of the place.
        terms: how people want to be told.
    """
    if not state.waiting_since or now - state.waiting_since < terms.group_ns:
        return state, None
    quiet = terms.quiet is not None and within(terms.quiet, local.time())

    def may(alert: Alerted) -> bool:
        return not quiet or (alert.severity is Severity.CRITICAL and not terms.quiet_all)

    began = tuple(one for one in state.active.values() if not one.told and not one.over and may(one))
    ended = tuple(one for one in state.active.values() if one.over and may(one))
    if not began and not ended:
        return state, None
    told = {one.key for one in began}
    gone = {one.key for one in ended}
    active = {key: replace(one, told=one.told or key in told) for key, one in state.active.items() if key not in gone}
    held = any(not one.told or one.over for one in active.values())
    still = tuple(one for key, one in active.items() if key not in told and not one.over and one.told)
    return Alerting(active, now if held else 0), Notice(began, ended, still)


def within(span: tuple[time, time], at: time) -> bool:
    """Whether ``at`` is in it; one that ends before it begins goes past midnight."""
    begins, ends = span
    return begins <= at < ends if begins <= ends else at >= begins or at < ends


def subject(notice: Notice, place: str) -> str:
    """One line for people."""
    if notice.began:
        first = notice.began[0]
        more = len(notice.began) - 1
        alike = [one for one in notice.began if one.kind == first.kind]
        if more and len(alike) == len(notice.began) and first.camera:
            return f"{place}: {_ALIKE.get(first.kind, first.kind)}: {', '.join(sorted(one.camera for one in alike))}"
        return f"{place}: {first.text}" + (f" (and {more} more)" if more else "")
    more = len(notice.ended) - 1
    return f"{place}: over: {notice.ended[0].text}" + (f" (and {more} more)" if more else "")


_ALIKE = {
    "camera_not_recording": "not recorded",
    "camera_login_refused": "the login is refused",
    "camera_not_found": "no such stream",
    "recording_retry": "no volume takes the footage",
    "recording_behind": "footage waits in memory",
    "footage_damaged": "damaged footage",
}


def body(notice: Notice) -> str:
    """All of it, for people."""
    lines = [f"⚠ {one.text}" for one in notice.began]
    lines += [f"✓ {one.over_text or f'over: {one.text}'} ({_lasted(one)})" for one in notice.ended]
    if notice.still:
        lines += ["", "Still so:", *(f"⚠ {one.text}" for one in notice.still)]
    return "\n".join(lines)


def _lasted(alert: Alerted) -> str:
    seconds = max(0, alert.over - alert.since) // NS_PER_S
    if seconds < 120:
        return f"after {seconds} s"
    return f"after {seconds // 60} min" if seconds < 7200 else f"after {seconds / 3600:.1f} h"
