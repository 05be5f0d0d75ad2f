"""A line of the journal: the event as JSON, a tab, its CRC-32 in eight hexadecimal digits, a newline. Pure.

JSON escapes tabs and newlines, so both can only be ours. File names sort in the order of writing.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Union

import msgspec

from evertape.ipc.events import EVENT_TYPES, AnyEvent, Event

FOLDER = "journal"
_NAME = re.compile(r"([0-9]{8}-[0-9]{6})-([0-9]{3})\.jsonl")
_STAMP = "%Y%m%d-%H%M%S"

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(Union[EVENT_TYPES])  # noqa: UP007


class DamagedLineError(ValueError):
    """The line is torn or altered."""


class UnknownEventError(ValueError):
    """The line is whole, and its event is none this program knows: a newer one wrote it."""


def encode_line(event: Event) -> bytes:
    """The line of one event, newline included."""
    text = _encoder.encode(event)
    return b"%s\t%08x\n" % (text, zlib.crc32(text))


def decode_line(line: bytes) -> AnyEvent:
    """The event of one line, without its newline.

    Raises:
        DamagedLineError: the CRC does not match.
        UnknownEventError: the event is of an unknown type or shape.
    """
    text, tab, crc = line.rpartition(b"\t")
    if not tab or len(crc) != 8 or b"%08x" % zlib.crc32(text) != crc:
        raise DamagedLineError("the checksum does not match")
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UnknownEventError(str(error)) from error


def is_journal_file(name: str) -> bool:
    """Whether ``name`` is one of the journal's files."""
    return _NAME.fullmatch(name) is not None


def next_name(existing: Iterable[str], now: datetime) -> str:
    """The name of a new file, which sorts behind all others even if the clock has been set back."""
    stamp, number = now.astimezone(UTC).strftime(_STAMP), 0
    last = max(filter(is_journal_file, existing), default="")
    if match := _NAME.fullmatch(last):
        if stamp <= match[1]:
            stamp, number = match[1], int(match[2]) + 1
        if number > 999:
            later = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) + timedelta(seconds=1)
            stamp, number = later.strftime(_STAMP), 0
    return f"{stamp}-{number:03d}.jsonl"
