"""A backup of what is not footage: configuration, journal, state, keys, accounts, and the index. Blocking.

It is written while the service runs, and put back into an installation that does not.

An index may be older than the journal beside it, never newer: so it is copied first. A journal's last line may be cut,
which is what a power cut does as well, and its reader knows.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from evertape.config.paths import DataDir
from evertape.errors import ProtocolError, UsageError
from evertape.store.snapshot import snapshot

FORMAT = 1
MANIFEST = "backup.json"
CONFIG = "evertape.toml"
FOLDERS = ("journal", "state", "tls")
DATABASES = ("index.sqlite3", "accounts.sqlite3")
_PART = 1 << 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Args:
        format: of the backup.
        version: of the program that wrote it.
        at: when, ISO 8601.
        data: which data directory it is of.
        files: SHA-256 of each file in it, by its name in the data directory.
    """

    format: int
    version: str
    at: str
    data: str
    files: dict[str, str] = field(default_factory=dict)


# -- writing ------------------------------------------------------------------------------------------------


def write_backup(
    data: DataDir, config: Path, file: Path, version: str, *, with_index: bool = True, progress: Progress | None = None
) -> Manifest:
    """Write a backup to ``file``, which appears whole or not at all, readable by its owner only: it holds passwords.

    Args:
        data: the installation.
        config: its configuration, wherever it is.
        file: compressed (gzip) tar; it must not exist.
        version: of the program.
        with_index: also copy the index, which can be made again from the rest.
        progress: told bytes that are done, and of how many.

    Raises:
        UsageError: there is nothing to back up, ``file`` exists, or a database cannot be read.
        OSError: the disk says no.
    """
    if not config.exists():
        raise UsageError(f"there is no {config}, so there is nothing to back up", hint="--data names the installation")
    if file.exists():
        raise UsageError(f"{file} exists already", hint="choose another name, or remove it")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = Manifest(FORMAT, version, at, str(data.root))
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.parent)
    temporary = Path(name)
    try:
        with tempfile.TemporaryDirectory(prefix=".evertape-backup-", dir=file.parent) as scratch:
            copies = _databases(data, Path(scratch), with_index)
            sources = [*copies.items(), (CONFIG, config), *_plain(data)]
            with os.fdopen(descriptor, "wb") as raw:
                _pack(raw, sources, manifest, progress or (lambda _done, _total: None))
                os.fsync(raw.fileno())
        os.link(temporary, file)  # unlike a rename, never onto another one
    finally:
        temporary.unlink(missing_ok=True)
    return manifest


def _databases(data: DataDir, scratch: Path, with_index: bool) -> dict[str, Path]:
    copies = {}
    for name in DATABASES:
        database = data.root / name
        if database.exists() and (with_index or database != data.index_file):
            copies[name] = scratch / name
            snapshot(database, copies[name])
    return copies


def _plain(data: DataDir) -> Iterator[tuple[str, Path]]:
    for folder in FOLDERS:
        for path in sorted((data.root / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                yield path.relative_to(data.root).as_posix(), path


def _pack(raw: IO[bytes], sources: list[tuple[str, Path]], manifest: Manifest, progress: Progress) -> None:
    total = sum(path.stat().st_size for _, path in sources)
    done = 0
    with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=6) as archive:
        for name, path in sources:
            with open(path, "rb") as source:
                # As long as it is now: a journal grows while it is read.
                size = os.fstat(source.fileno()).st_size
                reader = _Hashed(source, size)
                archive.addfile(_entry(name, size), reader)
            manifest.files[name] = reader.hash.hexdigest()
            done += size
            progress(done, total)
        text = json.dumps(asdict(manifest), indent=1).encode()
        archive.addfile(_entry(MANIFEST, len(text)), io.BytesIO(text))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


class _Hashed:
    """Reads ``size`` bytes of a file, and hashes them on the way."""

    def __init__(self, source: IO[bytes], size: int) -> None:
        self._source = source
        self._left = size
        self.hash = hashlib.sha256()

    def read(self, most: int = -1) -> bytes:
        """As of a file."""
        part = self._source.read(self._left if most < 0 else min(most, self._left))
        self._left -= len(part)
        self.hash.update(part)
        return part


# -- putting back -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back.

    Args:
        manifest: of the backup.
        aside: where what was there before is now; ``None``: there was nothing.
    """

    manifest: Manifest
    aside: Path | None


def restore_backup(
    file: Path, data: DataDir, config: Path, *, force: bool = False, progress: Progress | None = None
) -> Restored:
    """Put a backup back. Nothing is replaced before all of it was read and compared with its hashes.

    What was there is moved aside, never deleted. Footage is not touched. No service may run; the caller holds its lock.

    Args:
        file: the backup.
        data: the installation, which need not exist.
        config: where its configuration goes.
        force: also if there is one already.
        progress: told bytes of ``file`` that are done, and of how many.

    Raises:
        UsageError: there is an installation already, or the file cannot be read.
        ProtocolError: ``file`` is no backup, is damaged, or is of a newer version.
        OSError: the disk says no.
    """
    there = [data.root / name for name in (*FOLDERS, *DATABASES) if (data.root / name).exists()]
    there += [config] if config.exists() else []
    if there and not force:
        raise UsageError(
            f"there is an installation in {data.root} already ({', '.join(path.name for path in there)})",
            hint="--force moves it aside and puts the backup in its place; footage stays where it is",
        )
    data.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=data.root) as scratch:
        manifest = _unpack(file, Path(scratch), progress or (lambda _done, _total: None))
        aside = _move_aside(there, data, force)
        for path in sorted(Path(scratch).iterdir()):
            if path.name == CONFIG:
                config.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(path, config)
            else:
                os.replace(path, data.root / path.name)
    _give_to_owner(data, config)
    return Restored(manifest, aside)


def _unpack(file: Path, scratch: Path, progress: Progress) -> Manifest:
    found: dict[str, str] = {}
    manifest: Manifest | None = None
    try:
        with open(file, "rb") as raw, tarfile.open(fileobj=raw, mode="r:gz") as archive:
            total = os.fstat(raw.fileno()).st_size
            for entry in archive:
                source = archive.extractfile(entry) if entry.isreg() else None
                if source is None:
                    raise ProtocolError(f"{file} holds {entry.name!r}, which is no plain file")
                if entry.name == MANIFEST:
                    manifest = _manifest(source.read(), file)
                    continue
                found[entry.name] = _write(source, scratch / _safe(entry.name, file))
                progress(raw.tell(), total)
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ProtocolError(f"{file} is no backup, or a damaged one: {error}") from None
    if manifest is None:
        raise ProtocolError(f"{file} is no backup of Evertape, or its end is missing")
    wrong = sorted(name for name in found.keys() | manifest.files.keys() if found.get(name) != manifest.files.get(name))
    if wrong:
        raise ProtocolError(f"{file} is damaged: {', '.join(wrong[:5])} is not what was written; nothing was changed")
    return manifest


def _safe(name: str, file: Path) -> PurePosixPath:
    path = PurePosixPath(name)
    known = name in (CONFIG, *DATABASES) or (len(path.parts) > 1 and path.parts[0] in FOLDERS)
    if not known or path.is_absolute() or ".." in path.parts:
        raise ProtocolError(f"{file} holds {name!r}, which belongs into no backup")
    return path


def _write(source: IO[bytes], target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with open(target, "xb") as copy:
        os.fchmod(copy.fileno(), 0o600)
        while part := source.read(_PART):
            digest.update(part)
            copy.write(part)
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()


def _manifest(text: bytes, file: Path) -> Manifest:
    try:
        manifest = Manifest(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ProtocolError(f"{file}: its {MANIFEST} cannot be read: {error}") from None
    if manifest.format > FORMAT:
        raise ProtocolError(
            f"{file} was written by a newer Evertape ({manifest.version})", hint="restore it with that version or later"
        )
    return manifest


def _move_aside(there: list[Path], data: DataDir, force: bool) -> Path | None:
    if not there or not force:
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    aside = data.root / f"before-restore-{stamp}"
    aside.mkdir(mode=0o700)
    # What SQLite keeps beside a database belongs to that one only.
    sides = [path.with_name(path.name + end) for path in there if path.name in DATABASES for end in ("-wal", "-shm")]
    for path in [*there, *(path for path in sides if path.exists())]:
        shutil.move(path, aside / path.name)
    return aside


def _give_to_owner(data: DataDir, config: Path) -> None:
    """Root may restore what a service with a user of its own is to read."""
    if os.geteuid() != 0:
        return
    owner = data.root.stat()
    restored = [data.root / name for name in (*FOLDERS, *DATABASES)]
    for top in [path for path in (*restored, config) if path.exists()]:
        for path in (top, *top.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
