"""How often somebody may be wrong. Pure: time is told.

An attempt is counted before it is judged, so that many at once do not slip through, and given back if it was right.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Iterable

from evertape.types import NS_PER_S

PER_MINUTE = 5
"""Wrong passwords of one name, and from one address (``docs/design/hub.md``)."""
WINDOW_NS = 60 * NS_PER_S
MOST_KEYS = 10_000
"""Names and addresses that are remembered: a few megabytes. Beyond it the least recently used are forgotten."""


class AttemptLimit:
    """At most so many attempts of one key within a window that slides.

    Args:
        most: attempts.
        window_ns: nanoseconds of the boot-time clock.
        most_keys: that are remembered.
    """

    def __init__(self, most: int = PER_MINUTE, window_ns: int = WINDOW_NS, most_keys: int = MOST_KEYS) -> None:
        self._most = most
        self._window = window_ns
        self._most_keys = most_keys
        self._attempts: OrderedDict[str, deque[int]] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._attempts)

    def take(self, keys: Iterable[str], now: int) -> int:
        """Count an attempt of all these keys; or, if one of them had too many, count nothing.

        Returns:
            0, or the nanoseconds until the next attempt may be made.
        """
        wanted = list(dict.fromkeys(keys))
        wait = max((self._wait(key, now) for key in wanted), default=0)
        if wait == 0:
            for key in wanted:
                self._attempts.setdefault(key, deque()).append(now)
                self._attempts.move_to_end(key)
            while len(self._attempts) > self._most_keys:
                self._attempts.popitem(last=False)
        return wait

    def give_back(self, keys: Iterable[str]) -> None:
        """The last attempt of these keys was right."""
        for key in dict.fromkeys(keys):
            if attempts := self._attempts.get(key):
                attempts.pop()
                if not attempts:
                    del self._attempts[key]

    def _wait(self, key: str, now: int) -> int:
        attempts = self._attempts.get(key)
        if attempts is None:
            return 0
        while attempts and attempts[0] <= now - self._window:
            attempts.popleft()
        if not attempts:
            del self._attempts[key]
            return 0
        return max(0, attempts[0] + self._window - now) if len(attempts) >= self._most else 0


def address_key(address: str) -> str:
    """The part of an address that one person has: all of IPv4, of IPv6 the network, a /64 (RFC 6177)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
