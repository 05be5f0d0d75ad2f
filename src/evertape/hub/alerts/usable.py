"""Addresses that nothing could ever be sent to are refused before they are saved, in words that do not repeat them.

Whether a message arrives is another question, which only a test answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import apprise

from evertape.hub.failure import HubError

_HEARTBEAT = "alerts.heartbeat_url"
_CHANNEL = ("alerts", "channels")


class Mistake(NamedTuple):
    """What is wrong with an address; a program words it by the code."""

    code: str
    what: str
    hint: str = ""


FINE = Mistake("", "")


async def refuse_unusable(values: Mapping[str, Any], *, where: Sequence[str] = ()) -> None:
    """Of keys of the configuration, look at those that are addresses of alerts.

    Args:
        values: dotted keys with their new values.
        where: the part of the request, where it is not the key.

    Raises:
        HubError: 422, with a code per kind of mistake.
    """
    for key, value in values.items():
        if not isinstance(value, str):
            continue
        path, problem = key.split("."), FINE
        if key == _HEARTBEAT:
            problem = heartbeat_problem(value)
        elif len(path) == 4 and tuple(path[:2]) == _CHANNEL and path[3] == "url":
            # It makes an object of some plugin: quick, but nobody promises that.
            problem = await asyncio.to_thread(channel_problem, value)
        if problem is not FINE:
            raise HubError(422, problem.code, problem.what, hint=problem.hint, where=list(where or ["body", key]))


def channel_problem(url: str) -> Mistake:
    """What is wrong with a channel's URL, or ``FINE``. Blocking."""
    scheme = urlsplit(url).scheme if _splits(url) else ""
    if not scheme or "://" not in url:
        return Mistake("url_no_url", "this is no URL of a channel", "it begins like mailto://, tgram:// or json://")
    if scheme in ("http", "https"):
        right = "for a webhook write json:// in place of http://, or jsons:// in place of https://"
        return Mistake("url_of_the_web", f"{scheme}:// is no kind of channel", right)
    if apprise.Apprise.instantiate(url, suppress_exceptions=True) is not None:
        return FINE
    known = {str(name) for plugin in apprise.Apprise().details()["schemas"] for name in _schemes(plugin)}
    if scheme not in known:
        return Mistake("url_kind_unknown", f"there is no kind of channel {scheme}://", "the guide to alerts has a list")
    return Mistake("url_incomplete", f"something is missing or misplaced in this URL of {scheme}://")


def heartbeat_problem(url: str) -> Mistake:
    """The same of the heartbeat's."""
    parts = urlsplit(url) if _splits(url) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        what = "the heartbeat's URL must begin with http:// or https://, and name a host"
        return Mistake("url_of_heartbeat", what)
    return FINE


def _splits(url: str) -> bool:
    try:
        return bool(urlsplit(url).scheme)
    except ValueError:
        return False


def _schemes(plugin: Mapping[str, Any]) -> list[str]:
    return [*(plugin.get("protocols") or ()), *(plugin.get("secure_protocols") or ())]
