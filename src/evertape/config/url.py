"""A camera's URL that masks itself wherever it is printed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from evertape.config.values import value_error
from evertape.redact import MASK, join_credentials, redact, split_credentials

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}
"""RFC 2326 section 3.2; 322 is IANA's registration of ``rtsps``."""

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE_HINT = "percent-encode it ('@' is %40, '/' is %2F, '#' is %23, '?' is %3F), or use the keys user and password"


class UrlError(ValueError):
    """A text is not a camera's URL. ``str()`` says why, and never quotes the text: it may hold a password."""


@dataclass(frozen=True, slots=True, repr=False)
class CameraUrl:
    """An ``rtsp://`` or ``rtsps://`` URL; ``str()`` and ``repr()`` of it never show the password.

    Args:
        secret: the whole URL as written, credentials included. Only ``reveal`` hands it out again.

    Raises:
        UrlError: it is not a URL that a camera can be reached by.
    """

    secret: str

    def __post_init__(self) -> None:
        _check(self.secret)

    @property
    def scheme(self) -> str:
        """``rtsp`` or ``rtsps``."""
        return urlsplit(self.secret).scheme

    @property
    def host(self) -> str:
        """Host name or address, without brackets."""
        return urlsplit(self.secret).hostname or ""

    @property
    def port(self) -> int:
        """The port, or the scheme's default."""
        return urlsplit(self.secret).port or DEFAULT_PORTS[self.scheme]

    @property
    def user(self) -> str | None:
        """The user, percent-decoded."""
        return split_credentials(self.secret)[1]

    @property
    def password(self) -> str | None:
        """The password in clear, percent-decoded."""
        return split_credentials(self.secret)[2]

    @property
    def bare(self) -> str:
        """The URL without user and password."""
        return split_credentials(self.secret)[0]

    @property
    def target(self) -> tuple[str, int, str]:
        """Host, port, and path with query: two URLs of the same target are the same stream."""
        return self.host, self.port, _split(self.secret)[2].rstrip("/")

    @property
    def login_key(self) -> str:
        """Names this login at this camera without telling it: a digest of host, port, user and password."""
        parts = (self.host, str(self.port), self.user or "", self.password or "")
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16, person=b"evertape-login").hexdigest()

    @property
    def redacted(self) -> str:
        """The URL with every password masked; fit for a log or a screen."""
        bare, user, password = split_credentials(self.secret)
        if self.suspicious:  # what looks like the path may be the rest of a password
            return redact(f"{self.scheme}://{MASK}@{self.secret.rpartition('@')[2]}")
        if user is None:
            return redact(bare)
        shown = quote(user, safe="") + ("" if password is None else f":{MASK}")
        return redact(bare.replace("://", f"://{shown}@", 1))

    @property
    def unescaped(self) -> bool:
        """Whether the credentials hold characters that should have been percent-encoded."""
        userinfo = urlsplit(self.secret).netloc.rpartition("@")[0]
        return "@" in userinfo or _BAD_ESCAPE.search(userinfo) is not None

    @property
    def suspicious(self) -> bool:
        """Whether an ``@`` stands behind the host, as it does when a password holds an unescaped ``/``."""
        return "@" in _split(self.secret)[2]

    def reveal(self) -> str:
        """The URL to connect to, in clear, its credentials properly percent-encoded."""
        bare, user, password = split_credentials(self.secret)
        return bare if user is None else join_credentials(bare, user, password)

    def with_credentials(self, user: str, password: str | None) -> CameraUrl:
        """The same URL with these credentials in place of its own."""
        return CameraUrl(join_credentials(self.secret, user, password))

    def __str__(self) -> str:
        return self.redacted

    def __repr__(self) -> str:
        return f"CameraUrl({self.redacted!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        shown = core_schema.plain_serializer_function_ser_schema(str, when_used="json")
        return core_schema.no_info_plain_validator_function(_validate, serialization=shown)


def _validate(value: object) -> CameraUrl:
    if isinstance(value, CameraUrl):
        return value
    if not isinstance(value, str):
        raise value_error("url", 'must be a URL in quotes, like "rtsp://192.0.2.10/stream1"')
    try:
        return CameraUrl(value)
    except UrlError as error:
        raise value_error("url", str(error)) from None


def _split(text: str) -> tuple[str, str, str]:
    """Scheme, authority (credentials, host, port) and the rest, cut where ``urlsplit`` cuts."""
    scheme, _, rest = text.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return scheme.lower(), authority, rest[len(authority) :]


def _check(text: str) -> None:
    """Refuse what no RTSP client could connect to; the messages never quote the URL."""
    if any(c.isspace() or ord(c) < 32 or ord(c) == 127 for c in text):
        raise UrlError("holds a blank or a control character; percent-encode it")
    scheme, _, tail = _split(text)
    if "://" not in text:
        raise UrlError("has no scheme; begin it with rtsp:// or rtsps://")
    if scheme not in DEFAULT_PORTS:
        shown = f"the scheme {scheme!r}" if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,15}", scheme) else "its scheme"
        raise UrlError(f"{shown} is not supported; begin it with rtsp:// or rtsps://")
    broken = f"its password seems to hold an unescaped character; {_ESCAPE_HINT}"
    if "#" in tail and "@" in tail:
        raise UrlError(broken)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UrlError(broken if "@" in tail else "its host or port cannot be read") from None
    if not host:
        raise UrlError("has no host")
    if port == 0:
        raise UrlError("port 0 cannot be connected to")
