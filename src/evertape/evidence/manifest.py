"""What a bundle says about itself: ``manifest.json``, see ``docs/reference/file-format.md``.

Instants are UTC nanoseconds, lengths nanoseconds.
"""

from __future__ import annotations

import msgspec

from evertape.errors import ProtocolError

FORMAT = "evertape-bundle/1"
MANIFEST, SIGNATURE, PUBLIC_KEY = "manifest.json", "manifest.sig", "public-key.pem"
OWN_FILES = (MANIFEST, SIGNATURE, PUBLIC_KEY)


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What of one segment is in an exported file: these fragments and video units, all inclusive, from 0."""

    segment: str
    first_fragment: int
    last_fragment: int
    first_video: int
    last_video: int


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A pause in an exported file: where it begins (ns from the file's start), its length, and when it was."""

    at: int
    duration: int
    start_utc: int


class BundledFile(msgspec.Struct, frozen=True, kw_only=True):
    """One exported file."""

    name: str
    bytes: int
    hash: str
    start_utc: int
    end_utc: int
    duration: int
    pictures: int
    parts: tuple[Part, ...]
    pauses: tuple[Pause, ...] = ()


class BundledSegment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment that footage was taken from: as it is on record, and as it was found."""

    segment: str
    volume: str
    path: str
    epoch: str
    state: str
    start_utc: int
    end_utc: int
    utc_source: str
    utc_error: int
    """Nanoseconds by which its times may be wrong."""
    bytes: int
    hash: str = ""
    """On record; empty for one that was still being written, or was never hashed."""
    found: str = ""
    """As it was read now; empty for one that was still being written."""
    damaged: str = ""
    """What is known to be wrong with it."""


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A time without footage, and why."""

    start_utc: int
    end_utc: int
    cause: str
    explanation: str
    wanted: bool = False
    """A person or a rule wanted it so."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it."""

    camera: str
    name: str
    asked_start: int
    asked_end: int
    start_utc: int
    end_utc: int
    files: tuple[BundledFile, ...]
    segments: tuple[BundledSegment, ...]
    ledger: tuple[LedgerEntry, ...]
    left_out: tuple[str, ...]
    """In words: what is on record for the range, and is not in the bundle."""
    made_at: int
    made_by: str
    program: str
    fingerprint: str
    format: str = FORMAT

    def encode(self) -> bytes:
        """The bytes that are signed."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def read_manifest(data: bytes) -> Manifest:
    """Raises ``ProtocolError`` if it is none, or of another format."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"{MANIFEST} is no manifest: {error}") from error
    if manifest.format != FORMAT:
        raise ProtocolError(f"{MANIFEST} is of the format {manifest.format!r}, which this program does not know")
    for file in manifest.files:
        if file.name in ("", ".", "..", *OWN_FILES) or "/" in file.name or "\\" in file.name:
            raise ProtocolError(f"{MANIFEST} names a file {file.name!r}, which no bundle has")
    return manifest
