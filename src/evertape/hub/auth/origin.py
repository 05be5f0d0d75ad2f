"""Is a request meant for us, and does it come from our own page? Pure.

A page of somebody else's, whose name is pointed at this machine (DNS rebinding), is same-origin with us for the
browser; but the name in ``Host`` is theirs. So only addresses, which nobody can point elsewhere, this machine's own
names, and those that ``hub.hosts`` lists are answered.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?\.?")


def own_names(hostname: str | None = None) -> frozenset[str]:
    """What this machine is called: ``localhost``, its name, and that on the local network (RFC 6762)."""
    name = (socket.gethostname() if hostname is None else hostname).lower()
    short = name.partition(".")[0]
    return frozenset(filter(None, ("localhost", name, short, f"{short}.local" if short else "")))


def listed(text: str | None) -> list[str]:
    """What a key with commas lists, in lower case."""
    return [part for part in (word.strip().lower() for word in (text or "").split(",")) if part]


def split_host(host: str) -> tuple[str, str] | None:
    """The name or address and the port (maybe empty) of a ``Host`` header; ``None`` if it is none."""
    text = host.strip().lower()
    if text.startswith("["):
        inside, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not re.fullmatch(r":\d{1,5}", rest)) or not _is_address(inside):
            return None
        return inside, rest[1:]
    name, colon, port = text.partition(":")
    if (colon and not re.fullmatch(r"\d{1,5}", port)) or not _NAME.fullmatch(name):
        return None
    return name.rstrip("."), port


def is_host_ours(host: str, names: Collection[str]) -> bool:
    """Whether ``Host`` is an address, or one of these names."""
    found = split_host(host)
    return found is not None and (_is_address(found[0]) or found[0] in names)


def is_same_origin(origin: str, host: str, *, secure: bool) -> bool:
    """Whether ``Origin`` is where ``Host`` is.

    Args:
        origin: the header.
        host: the header.
        secure: the request came by TLS; behind a proxy that ends it we may not know.
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or parts.path or (secure and parts.scheme != "https"):
        return False
    theirs, ours = split_host(parts.netloc), split_host(host)
    if theirs is None or ours is None:
        return False
    default = "443" if parts.scheme == "https" else "80"
    return (theirs[0], theirs[1] or default) == (ours[0], ours[1] or default)


def is_local(address: str) -> bool:
    """Whether an address is this machine's loopback."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return found.is_loopback or (mapped is not None and mapped.is_loopback)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
