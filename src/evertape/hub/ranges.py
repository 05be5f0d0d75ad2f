"""Bytes of a file as a response: whole, or the range that was asked for (RFC 9110, 14)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

from starlette.responses import StreamingResponse

from evertape.hub.failure import HubError
from evertape.hub.files import OpenFootage

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


def respond(
    opened: OpenFootage, media_type: str, headers: Mapping[str, str], wanted: str | None = None
) -> StreamingResponse:
    """The response; closes the file when it is over, or at once if the range makes no sense.

    Args:
        opened: the file.
        media_type: of it.
        headers: further ones.
        wanted: the header ``Range``.

    Raises:
        HubError: 416.
    """
    try:
        begin, end, status = parse(wanted, opened.size)
    except HubError:
        opened.close()
        raise
    all_headers = {**headers, "Accept-Ranges": "bytes", "Content-Length": str(end - begin)}
    if status == 206:
        all_headers["Content-Range"] = f"bytes {begin}-{end - 1}/{opened.size}"
    return StreamingResponse(_bytes(opened, begin, end), status, all_headers, media_type)


async def _bytes(opened: OpenFootage, begin: int, end: int) -> AsyncIterator[bytes]:
    try:
        async for piece in opened.pieces(begin, end):
            yield piece
    finally:
        opened.close()


def parse(text: str | None, size: int) -> tuple[int, int, int]:
    """First byte, the one behind the last, and the status; several ranges, and what is none, get the whole."""
    found = _RANGE.fullmatch(text.strip()) if text else None
    if found is None or not (found[1] or found[2]):
        return 0, size, 200
    if not found[1]:  # the last so many
        begin, end = max(0, size - int(found[2])), size
    else:
        begin, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < begin:
            return 0, size, 200
    if begin >= end:
        raise HubError(
            416,
            "range_unsatisfiable",
            f"the file has {size} bytes",
            where=["header", "Range"],
            headers={"Content-Range": f"bytes */{size}"},
        )
    return begin, end, 206
