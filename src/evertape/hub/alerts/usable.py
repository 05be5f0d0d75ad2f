"""Addresses that nothing could ever be sent to are refused before they are saved, in words that do not repeat them.

Whether a message arrives is another question, which only a test answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import apprise

from evertape.hub.failure import HubError

_HEARTBEAT = "alerts.heartbeat_url"
_CHANNEL = ("alerts", "channels")


async def refuse_unusable(values: Mapping[str, Any], *, where: Sequence[str] = ()) -> None:
    """Of keys of the configuration, look at those that are addresses of alerts.

    Args:
        values: dotted keys with their new values.
        where: the part of the request, where it is not the key.

    Raises:
        HubError: 422, `url_unusable`.
    """
    for key, value in values.items():
        if not isinstance(value, str):
            continue
        path, problem = key.split("."), None
        if key == _HEARTBEAT:
            problem = heartbeat_problem(value)
        elif len(path) == 4 and tuple(path[:2]) == _CHANNEL and path[3] == "url":
            # It makes an object of some plugin: quick, but nobody promises that.
            problem = await asyncio.to_thread(channel_problem, value)
        if problem is not None:
            raise HubError(422, "url_unusable", problem[0], hint=problem[1], where=list(where or ["body", key]))


def channel_problem(url: str) -> tuple[str, str] | None:
    """What is wrong with a channel's URL, and a hint; ``None``: nothing. Blocking."""
    scheme = urlsplit(url).scheme if _splits(url) else ""
    if not scheme or "://" not in url:
        return "this is no URL of a channel", "it begins like mailto://, tgram:// or json://"
    if scheme in ("http", "https"):
        mine = "json" if scheme == "http" else "jsons"
        return f"{scheme}:// is no kind of channel", f"for a webhook write {mine}:// in its place"
    if apprise.Apprise.instantiate(url, suppress_exceptions=True) is None:
        known = {str(name) for plugin in apprise.Apprise().details()["schemas"] for name in _schemes(plugin)}
        if scheme not in known:
            return f"there is no kind of channel {scheme}://", "the guide to alerts has a list"
        return f"something is missing or misplaced in this URL of {scheme}://", "the guide to alerts has a list"
    return None


def heartbeat_problem(url: str) -> tuple[str, str] | None:
    """The same of the heartbeat's."""
    parts = urlsplit(url) if _splits(url) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "the heartbeat's URL must begin with http:// or https://, and name a host", ""
    return None


def _splits(url: str) -> bool:
    try:
        return bool(urlsplit(url).scheme)
    except ValueError:
        return False


def _schemes(plugin: Mapping[str, Any]) -> list[str]:
    return [*(plugin.get("protocols") or ()), *(plugin.get("secure_protocols") or ())]
