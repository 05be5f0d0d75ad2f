"""RTSP/1.0 messages (RFC 2326), parsed from a buffer and built as bytes. No input, no output.

Tolerant where cameras are sloppy (bare LF, header lines without a colon, folded lines), strict
where it bounds memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from evertape.errors import ProtocolError

MAX_HEAD = 32 * 1024
MAX_BODY = 256 * 1024
USER_AGENT = "Evertape"

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(r"RTSP/\d\.\d\s+(\d{3})\s*(.*)")
_REQUEST = re.compile(r"([A-Z_]{3,32})\s+(\S+)\s+RTSP/\d\.\d\s*")
# The first bytes of anything that may become a message; more than a start line is needed to say so for sure.
_MAY_START = re.compile(rb"[A-Z_]{1,32}(?:[/ ]|$)")


class RtspSyntaxError(ProtocolError):
    """The peer does not speak RTSP, or more of it than anybody should. Drop the connection."""


class Headers:
    """Header fields in the order they came; names are compared without case."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = [(name.strip().lower(), value.strip()) for name, value in fields]

    def get(self, name: str, default: str = "") -> str:
        """The first field called ``name``."""
        return next(self._of(name), default)

    def all(self, name: str) -> list[str]:
        """Every field called ``name``."""
        return list(self._of(name))

    def number(self, name: str) -> int | None:
        """The leading decimal number of field ``name``, if it has one."""
        match = re.match(r"\d{1,10}", self.get(name))
        return int(match[0]) if match else None

    def _of(self, name: str) -> Iterator[str]:
        wanted = name.lower()
        return (value for key, value in self._fields if key == wanted)


@dataclass(frozen=True, slots=True)
class Response:
    """A reply."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, ours or the server's; ``headers`` never show, because they may carry credentials."""

    method: str
    uri: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)


Message = Request | Response


def build_request(method: str, uri: str, cseq: int, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """A request without a body; values are ours or were parsed from one line, so they hold no line break."""
    lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {cseq}", f"User-Agent: {USER_AGENT}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def build_response(request: Request, status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """A reply to a request of the server's."""
    lines = [f"RTSP/1.0 {status} {reason}", f"CSeq: {request.headers.get('cseq', '0')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def may_start(buffer: bytes | bytearray, pos: int, end: int) -> bool:
    """Whether the bytes at ``pos`` could be the beginning of a message."""
    return _MAY_START.match(buffer, pos, min(end, pos + 33)) is not None


def parse_message(buffer: bytes | bytearray, pos: int, end: int) -> tuple[Message, int] | None:
    """Take one message from ``buffer[pos:end]``.

    Returns:
        The message and where the next byte after it is, or ``None`` while it is incomplete.

    Raises:
        RtspSyntaxError: it is not RTSP, or larger than ``MAX_HEAD`` or ``MAX_BODY``.
    """
    if pos == end:
        return None
    if not may_start(buffer, pos, end):
        raise RtspSyntaxError(f"not an RTSP message: {bytes(buffer[pos : min(end, pos + 40)])!r}")
    match = _HEAD_END.search(buffer, pos, min(end, pos + MAX_HEAD))
    if match is None:
        if end - pos >= MAX_HEAD:
            raise RtspSyntaxError("an RTSP header of more than 32 KiB")
        return None
    head = bytes(buffer[pos : match.start()]).decode("utf-8", "replace")
    lines = re.split(r"\r?\n", head)
    headers = Headers(_fields(lines[1:]))
    length = headers.number("content-length") or 0
    if length > MAX_BODY:
        raise RtspSyntaxError(f"an RTSP body of {length} bytes")
    stop = match.end() + length
    if stop > end:
        return None
    return _message(lines[0], headers, bytes(buffer[match.end() : stop])), stop


def _message(start: str, headers: Headers, body: bytes) -> Message:
    status = _STATUS.fullmatch(start)
    if status is not None:
        return Response(int(status[1]), status[2].strip(), headers, body)
    request = _REQUEST.fullmatch(start)
    if request is None:
        raise RtspSyntaxError(f"not an RTSP start line: {start[:80]!r}")
    return Request(request[1], request[2], headers, body)


def _fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Header fields with folded lines joined (RFC 2822 2.2.3); what has no colon is skipped."""
    name, value = "", ""
    for line in lines:
        if line[:1] in (" ", "\t") and name:
            value += " " + line.strip()
            continue
        if name:
            yield name, value
        name, colon, value = line.partition(":")
        if not colon:
            name = ""
    if name:
        yield name, value
