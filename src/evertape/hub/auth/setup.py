"""The one-time link by which the first account is made: whoever can read the data directory, or the log, may.

Blocking; one thread at a time.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from pathlib import Path

FILE = "setup.token"


class SetupLink:
    """The token's file, readable by its owner only.

    Args:
        root: the data directory.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / FILE

    def read(self) -> str:
        """The token that is good; empty if none is."""
        try:
            return self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""

    def open(self) -> str:
        """The token, the same until it is used; a new one if there is none. Raises ``OSError``."""
        if token := self.read():
            return token
        token = secrets.token_urlsafe(32)
        new = self._path.with_suffix(".new")
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        return token

    def is_right(self, token: str) -> bool:
        """Whether it is the one, in a time that does not tell how much of it is."""
        expected = self.read()
        return bool(expected) and hmac.compare_digest(expected.encode(), token.encode("utf-8", "surrogateescape"))

    def close(self) -> None:
        """It has been used."""
        self._path.unlink(missing_ok=True)


def setup_url(base: str, token: str) -> str:
    """The link. What is behind ``#`` a browser sends to nobody, so it is in no log of a proxy."""
    return f"{base}/#setup={token}"
