"""Names to addresses, in a thread, because nothing else keeps the system's resolver from blocking."""

from __future__ import annotations

import socket
import threading
import time

Address = tuple[int, tuple[str, int]]


class Lookup:
    """One name being resolved. The thread writes ``result`` or ``error`` once, then sets ``done``."""

    def __init__(self, host: str, port: int) -> None:
        self.done = threading.Event()
        self.result: list[Address] = []
        self.error: OSError | UnicodeError | None = None
        self._key = (host, port)
        self._ended = 0.0

    def run(self) -> None:
        """Resolve; on the lookup's own thread."""
        try:
            found = socket.getaddrinfo(*self._key, type=socket.SOCK_STREAM)
            self.result = [(int(family), (str(name[0]), int(name[1]))) for family, _, _, _, name in found]
        except (OSError, UnicodeError) as error:
            self.error = error
        finally:
            self._ended = time.monotonic()
            if self.error is not None:
                with _lookups_lock:
                    _lookups.pop(self._key, None)
            self.done.set()

    @property
    def stale(self) -> bool:
        """It is over, and too long ago to be told to another asker."""
        return self.done.is_set() and time.monotonic() - self._ended > REUSE_S


REUSE_S = 1.0
"""A session asks for its camera's address right after it was looked up to see whether somebody has the stream."""

# Names in flight and those just resolved, shared by all sessions: with the name server away a lookup takes half a
# minute, and sessions that retry meanwhile must not each start another thread.
_lookups: dict[tuple[str, int], Lookup] = {}
_lookups_lock = threading.Lock()


def look_up(host: str, port: int) -> Lookup:
    """Begin to resolve a name, or join whoever is at it, or has just been; never blocks, safe from any thread."""
    with _lookups_lock:
        lookup = _lookups.get((host, port))
        if lookup is None or lookup.stale:
            lookup = _lookups[(host, port)] = Lookup(host, port)
            # A daemon: the resolver cannot be interrupted, and must not hold up the end of the process.
            threading.Thread(target=lookup.run, name=f"resolve {host}", daemon=True).start()
        return lookup
