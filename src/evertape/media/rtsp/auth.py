"""Answers to a camera's challenge: Digest (RFC 2617, RFC 7616) and Basic. No input, no output."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_SCHEME = re.compile(r"(?i)(?:^|,)\s*(digest|basic)\s+")
_PARAM = re.compile(r'([A-Za-z][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
# Best first; "" is what RFC 2617 servers leave out.
_STRENGTH = ("SHA-256", "SHA-256-SESS", "MD5", "MD5-SESS", "")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What one ``WWW-Authenticate`` asked for; ``scheme`` is ``digest`` or ``basic``."""

    scheme: str
    params: dict[str, str] = field(default_factory=dict)

    @property
    def algorithm(self) -> str:
        """Upper case; empty where the server left it out, which means MD5."""
        return self.params.get("algorithm", "").upper()

    @property
    def nonce(self) -> str:
        """The server's number used once."""
        return self.params.get("nonce", "")

    @property
    def stale(self) -> bool:
        """The credentials were right and only the nonce was too old."""
        return self.params.get("stale", "").lower() == "true"

    @property
    def name(self) -> str:
        """``basic``, ``digest-md5`` or ``digest-sha-256``, for a person."""
        if self.scheme == "basic":
            return "basic"
        return f"digest-{(self.algorithm or 'MD5').lower().removesuffix('-sess')}"


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Every Digest and Basic challenge in the header fields, those we can answer, best first."""
    found: list[Challenge] = []
    for value in values:
        starts = list(_SCHEME.finditer(value))
        for index, match in enumerate(starts):
            end = starts[index + 1].start() if index + 1 < len(starts) else len(value)
            pairs = _PARAM.finditer(value, match.end(), end)
            found.append(Challenge(match[1].lower(), {m[1].lower(): m[2] if m[2] is not None else m[3] for m in pairs}))
    usable = [c for c in found if c.scheme == "basic" or (c.algorithm in _STRENGTH and _qop_known(c))]
    return sorted(usable, key=lambda c: len(_STRENGTH) if c.scheme == "basic" else _STRENGTH.index(c.algorithm))


def _qop_known(challenge: Challenge) -> bool:
    qop = challenge.params.get("qop", "")
    return not qop.strip() or "auth" in [token.strip().lower() for token in qop.split(",")]


class Authenticator:
    """Holds the credentials of one session and decides whether a 401 deserves another try.

    A wrong password is never sent twice: cameras lock accounts. A second try is made only if the
    server says ``stale=true``, or hands out a new nonce after it had accepted these credentials before.

    Args:
        user: ``None`` where there are no credentials.
        password: goes with it.
        allow_basic: false after a redirect to another host, which must not learn the password.
        make_cnonce: for tests.
    """

    def __init__(
        self,
        user: str | None,
        password: str | None,
        *,
        allow_basic: bool = True,
        make_cnonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._user = user
        self._password = password or ""
        self._allow_basic = allow_basic
        self._make_cnonce = make_cnonce
        self._challenge: Challenge | None = None
        self._count = 0
        self._accepted = False

    @property
    def scheme(self) -> str:
        """What is in use: ``none``, ``basic``, ``digest-md5``, ``digest-sha-256``."""
        return self._challenge.name if self._challenge is not None else "none"

    def accepted(self) -> None:
        """The server took a request that carried our answer."""
        self._accepted = self._accepted or self._challenge is not None

    def challenged(self, values: Iterable[str], *, answered: bool, retried: bool) -> bool:
        """Take the challenge of a 401.

        Args:
            values: the ``WWW-Authenticate`` fields.
            answered: the refused request carried an answer of ours.
            retried: it had been sent with one more than once already.

        Returns:
            Whether to send the request (again) with ``authorize()``.
        """
        usable = [c for c in parse_challenges(values) if c.scheme != "basic" or self._allow_basic]
        if self._user is None or not usable or retried:
            return False
        before, best = self._challenge, usable[0]
        renewed = before is not None and best.scheme == "digest" and best.nonce != before.nonce
        if answered and not (renewed and (best.stale or self._accepted)):
            return False
        self._challenge, self._count = best, 0
        return True

    def authorize(self, method: str, uri: str) -> str | None:
        """The ``Authorization`` field for a request, or ``None`` while nobody asked."""
        challenge = self._challenge
        if challenge is None or self._user is None:
            return None
        if challenge.scheme == "basic":
            return "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        return self._digest(challenge, self._user, method, uri)

    def _digest(self, challenge: Challenge, user: str, method: str, uri: str) -> str:
        algorithm = challenge.algorithm
        new = hashlib.sha256 if algorithm.startswith("SHA-256") else hashlib.md5

        def hashed(text: str) -> str:
            return new(text.encode()).hexdigest()

        params, realm = challenge.params, challenge.params.get("realm", "")
        cnonce = self._make_cnonce()
        ha1 = hashed(f"{user}:{realm}:{self._password}")
        if algorithm.endswith("-SESS"):
            ha1 = hashed(f"{ha1}:{challenge.nonce}:{cnonce}")
        ha2 = hashed(f"{method}:{uri}")
        parts = [f'username="{user}"', f'realm="{realm}"', f'nonce="{challenge.nonce}"', f'uri="{uri}"']
        if params.get("qop", "").strip():
            self._count += 1
            count = f"{self._count:08x}"
            answer = hashed(f"{ha1}:{challenge.nonce}:{count}:{cnonce}:auth:{ha2}")
            parts += [f'response="{answer}"', "qop=auth", f"nc={count}", f'cnonce="{cnonce}"']
        else:
            # RFC 2617 3.2.2.1: without qop, as RFC 2069 had it; most cameras.
            parts.append(f'response="{hashed(f"{ha1}:{challenge.nonce}:{ha2}")}"')
            if algorithm.endswith("-SESS"):
                parts.append(f'cnonce="{cnonce}"')
        if algorithm:
            parts.append(f"algorithm={params['algorithm']}")
        if "opaque" in params:
            parts.append(f'opaque="{params["opaque"]}"')
        return "Digest " + ", ".join(parts)
