"""Credentials never leave: one function masks them, everybody calls it.

RTSP URLs carry passwords in their user-info part, and libraries quote those URLs in
their error texts. ``redact`` works on any text, not only on a whole URL.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

MASK = "***"

# scheme://user:password@ anywhere in a text. The password may itself hold "@" when a person
# pasted it unescaped, so the match runs to the last "@" before the host ends.
_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^\s:/@\"']*):(?P<password>[^\s/\"']*)@")
# Authorization: Basic …, Digest … response="…"; query keys that cameras use for a password.
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization\s*:\s*)(basic|digest|bearer)\s+[^\r\n]+")
_QUERY = re.compile(r"(?i)([?&;](?:pwd|password|passwd|pass|token|auth|secret|key)=)[^&\s\"';]+")


def redact(text: str) -> str:
    """Return ``text`` with every password in it replaced by ``***``."""
    text = _USERINFO.sub(lambda m: f"{m['scheme']}{m['user']}:{MASK}@", text)
    text = _HEADER.sub(lambda m: f"{m[1]}{m[2]} {MASK}", text)
    return _QUERY.sub(lambda m: f"{m[1]}{MASK}", text)


def split_credentials(url: str) -> tuple[str, str | None, str | None]:
    """Take the user-info part out of ``url``.

    Returns:
        The URL without credentials, and the user and password, percent-decoded, or ``None``.
    """
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, None, None
    userinfo, _, host = parts.netloc.rpartition("@")
    user, colon, password = userinfo.partition(":")
    bare = urlunsplit(parts._replace(netloc=host))
    return bare, unquote(user), unquote(password) if colon else None


def join_credentials(url: str, user: str, password: str | None) -> str:
    """Put credentials into ``url``, percent-encoded; replaces those it has."""
    bare, _, _ = split_credentials(url)
    parts = urlsplit(bare)
    userinfo = quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
    return urlunsplit(parts._replace(netloc=f"{userinfo}@{parts.netloc}"))
