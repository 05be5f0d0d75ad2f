"""What a browser shows to be let in, and for how long that is good. Pure."""

from __future__ import annotations

import hashlib
import secrets

from evertape.store.accounts import Session, Token
from evertape.types import NS_PER_S

IDLE_NS = 12 * 3600 * NS_PER_S
LONGEST_NS = 14 * 86400 * NS_PER_S
"""See ``docs/design/hub.md``."""
TOUCH_NS = 60 * NS_PER_S
"""How exactly the last use is kept: no write for each request."""
TOKEN_PREFIX = "et_"  # so that whoever finds one lying about, a scanner of sources say, knows what it is


def fresh_secret() -> str:
    """256 random bits, for a URL or a header."""
    return secrets.token_urlsafe(32)


def fresh_token() -> str:
    """An API token."""
    return TOKEN_PREFIX + fresh_secret()


def kept(secret: str) -> str:
    """What is stored of a secret: its SHA-256. It is random and long, so a slow hash would protect nothing more."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def csrf_of(cookie: str) -> str:
    """What a page has to repeat in a header with every change: nobody who cannot read the cookie knows it."""
    return hashlib.sha256(b"csrf:" + cookie.encode("utf-8", "surrogateescape")).hexdigest()


def is_alive(session: Session, now: int) -> bool:
    """Whether a session is still good at ``now``, UTC ns."""
    return now - session.used < IDLE_NS and now - session.created < LONGEST_NS


def is_good(token: Token, now: int) -> bool:
    """The same for a token."""
    return token.ends is None or now < token.ends
