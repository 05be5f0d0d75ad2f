"""How a camera checks a login: Basic (RFC 7617), Digest with MD5 (RFC 2617) or SHA-256 (RFC 7616), computed anew here.

On purpose not by the product's own ``media.rtsp.auth``: two that make the same mistake would agree.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field

_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """What one connection is asked; ``field`` is the value of ``WWW-Authenticate``."""

    nonce: str
    field: str


@dataclass(frozen=True, slots=True)
class Login:
    """User, password and how to ask for them.

    Args:
        scheme: ``basic``, ``md5`` or ``sha-256``.
    """

    user: str
    password: str = field(repr=False)
    scheme: str = "md5"

    def challenge(self) -> Challenge:
        """A new one."""
        nonce = secrets.token_hex(8)
        match self.scheme:
            case "basic":
                return Challenge(nonce, 'Basic realm="strict"')
            case "md5":
                # As most cameras ask: without qop and algorithm.
                return Challenge(nonce, f'Digest realm="strict", nonce="{nonce}"')
            case _:
                return Challenge(nonce, f'Digest realm="strict", nonce="{nonce}", qop="auth", algorithm=SHA-256')

    def accepts(self, answer: str, method: str, uri: str, challenge: Challenge) -> bool:
        """Whether ``answer``, an ``Authorization`` field or nothing, is right."""
        scheme, _, rest = answer.partition(" ")
        if self.scheme == "basic":
            given = base64.b64decode(rest) if scheme == "Basic" else b""
            return given == f"{self.user}:{self.password}".encode()
        if scheme != "Digest":
            return False
        told = {name: quoted or bare for name, quoted, bare in _PAIR.findall(rest)}
        wanted = self._response(told, method, challenge)
        same = (told.get("username"), told.get("nonce"), told.get("uri")) == (self.user, challenge.nonce, uri)
        return same and told.get("response") == wanted

    def _response(self, told: dict[str, str], method: str, challenge: Challenge) -> str:
        new = hashlib.md5 if self.scheme == "md5" else hashlib.sha256

        def hashed(*parts: str) -> str:
            return new(":".join(parts).encode()).hexdigest()

        who, what = hashed(self.user, "strict", self.password), hashed(method, told.get("uri", ""))
        if self.scheme == "md5":
            return hashed(who, challenge.nonce, what)
        return hashed(who, challenge.nonce, told.get("nc", ""), told.get("cnonce", ""), "auth", what)
