"""Writes and opens bundles: a folder, or a .zip without compression, which appear whole or not at all. Blocking."""

from __future__ import annotations

import contextlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from io import BufferedIOBase, RawIOBase
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from evertape.errors import ProtocolError
from evertape.evidence.keys import SigningKey
from evertape.evidence.manifest import MANIFEST, PUBLIC_KEY, SIGNATURE, Manifest
from evertape.mp4.digest import named, segment_hash

ZIP = ".zip"


class HashingFile(BufferedIOBase):
    """Writes on to another file, and knows the hash and the length of what went by."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._hash = segment_hash()
        self.size = 0

    def write(self, data: Any, /) -> int:
        """All of it."""
        self._out.write(data)
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    def writable(self) -> bool:
        """It is."""
        return True

    @property
    def hash(self) -> str:
        """Of everything so far."""
        return named(self._hash)


class BundleWriter:
    """A bundle in the making; see ``new_bundle``."""

    def __init__(self, folder: Path | None, archive: zipfile.ZipFile | None) -> None:
        self._folder, self._archive = folder, archive

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[HashingFile]:
        """One file of it, to be written from start to end."""
        if self._archive is not None:
            with self._archive.open(name, "w", force_zip64=True) as out:
                yield HashingFile(out)
        else:
            assert self._folder is not None
            with (self._folder / name).open("xb") as out:
                yield HashingFile(out)
                out.flush()
                os.fsync(out.fileno())

    def seal(self, manifest: Manifest, key: SigningKey) -> None:
        """The last step: manifest, signature, key."""
        data = manifest.encode()
        for name, content in (
            (MANIFEST, data),
            (SIGNATURE, key.sign(data).hex().encode() + b"\n"),
            (PUBLIC_KEY, key.public.pem.encode()),
        ):
            with self.file(name) as out:
                out.write(content)


@contextlib.contextmanager
def new_bundle(target: Path) -> Iterator[BundleWriter]:
    """A bundle that takes the name ``target`` when all went well, and goes when it did not.

    Raises ``OSError``; also if ``target`` is a folder that is not empty.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if target.suffix.lower() == ZIP:
            with zipfile.ZipFile(part, "x", zipfile.ZIP_STORED) as archive:
                yield BundleWriter(None, archive)
        else:
            part.mkdir()
            yield BundleWriter(part, None)
        os.replace(part, target)
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


class Bundle:
    """A bundle that is there, whichever way it came. Names are those within it."""

    def __init__(self, folder: Path | None, archive: zipfile.ZipFile | None) -> None:
        self._folder, self._archive = folder, archive

    def names(self) -> list[str]:
        """Everything in it, sorted; a name that is there twice is told twice."""
        if self._archive is not None:
            return sorted(self._archive.namelist())
        assert self._folder is not None
        return sorted(path.name for path in self._folder.iterdir())

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """One file. Raises ``FileNotFoundError``, ``OSError``; ``ProtocolError`` if the archive is damaged there."""
        if self._archive is None:
            assert self._folder is not None
            with (self._folder / name).open("rb") as plain:
                yield plain
            return
        with _Packed(self._archive, name) as packed:
            yield cast(BinaryIO, packed)


class _Packed(RawIOBase):
    """A file within an archive, opened for reading. What whoever reads it raises is left alone.

    Raises ``FileNotFoundError``; ``ProtocolError``, also later from reading, if the archive is damaged there.
    """

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._name = name
        with self._told():
            self._file = cast(zipfile.ZipExtFile, archive.open(name))

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """As ``RawIOBase``."""
        with self._told():
            return self._file.readinto(buffer)

    def close(self) -> None:
        """As ``RawIOBase``."""
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        super().close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except KeyError:
            raise FileNotFoundError(self._name) from None
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
            raise ProtocolError(f"{self._name} cannot be taken out of the archive: {error}") from error


@contextlib.contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """Open one. Raises ``OSError``, ``ProtocolError``."""
    if path.is_dir():
        yield Bundle(path, None)
        return
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ProtocolError(f"{path} is neither a folder nor a whole .zip: {error}") from error
    with archive:
        yield Bundle(None, archive)
