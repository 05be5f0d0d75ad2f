"""A key for programs on this machine that may read the data directory: whoever can, may do everything there anyway.

It is in the directory of the sockets, readable by the service's user only, good from this machine only, and a new one
each time the hub begins. So the desktop needs no password where it looks at the recorder of its own user.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
from pathlib import Path

from starlette.requests import HTTPConnection

from evertape.domain.roles import Role
from evertape.hub.auth.guard import Via, Who
from evertape.ipc.places import run_dir

FILE = "local.key"
PREFIX = "el_"
NAME = "this machine"
"""What the trail calls whoever shows the key."""
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip")


def read_local_key(root: Path) -> str:
    """The key of the hub of this data directory; empty if there is none, or it is not for us. Blocking."""
    try:
        return (run_dir(root) / FILE).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


class LocalKey:
    """See the module.

    Args:
        root: the data directory.
    """

    def __init__(self, root: Path) -> None:
        self._path = run_dir(root) / FILE
        self._secret = PREFIX + secrets.token_urlsafe(32)

    def write(self) -> None:
        """Put it where it is looked for. Blocking; raises ``OSError``."""
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(self._secret + "\n")
        new.replace(self._path)

    def who(self, secret: str, connection: HTTPConnection) -> Who | None:
        """Who shows ``secret``; ``None``: it is not this key, or comes from elsewhere."""
        if not hmac.compare_digest(secret.encode("utf-8", "surrogateescape"), self._secret.encode()):
            return None
        address = connection.client.host if connection.client is not None else ""
        if any(name in connection.headers for name in _PASSED_ON) or not _is_loopback(address):
            return None
        return Who(NAME, Role.ADMIN, via=Via.TOKEN, token=NAME, address=address)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
