"""Checks a bundle, or a list of hashes, with nothing else at hand. Blocking; reads only.

A signature shows that a bundle left the installation whose key it is as it is now. It does not show that the
camera saw what it should have, that its clock was right, or whose key it is: compare the fingerprint for that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evertape.errors import ProtocolError, UsageError
from evertape.evidence.bundle import Bundle, open_bundle
from evertape.evidence.keys import PublicKey, grouped, plain
from evertape.evidence.manifest import MANIFEST, OWN_FILES, PUBLIC_KEY, SIGNATURE, BundledFile, Manifest, read_manifest
from evertape.mp4.digest import ALGORITHM, hash_file, hash_stream

LIST = ".blake3"
"""Ends the name of a list of hashes: lines as ``b3sum`` writes and checks them."""
_MOST_SMALL = 64 << 20

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Verdict:
    """What a check gave.

    Args:
        problems: each in one sentence; none: it is as it was.
        manifest: if it can be read and is signed.
        fingerprint: of the key that signed it; empty for a list of hashes.
        files: checked, and as they were.
    """

    problems: list[str] = field(default_factory=list)
    manifest: Manifest | None = None
    fingerprint: str = ""
    files: int = 0

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


def verify(path: Path, fingerprint: str = "", progress: Progress = lambda _done, _all: None) -> Verdict:
    """Check a bundle, or a list of hashes.

    Args:
        path: a bundle's folder or .zip; a list, or a file that has one beside it.
        fingerprint: the one that the signing key must have; "": any.
        progress: called with files checked, and how many there are.

    Raises:
        UsageError: there is nothing to check.
    """
    if not path.exists():
        raise UsageError(f"there is no {path}")
    verdict = Verdict()
    hashes = path if path.suffix == LIST else path.with_name(path.name + LIST)
    if path.is_file() and hashes.is_file():
        if fingerprint:
            verdict.problems.append(f"{hashes.name} is not signed, so no fingerprint can be compared")
        _list(hashes, verdict, progress)
        return verdict
    try:
        with open_bundle(path) as bundle:
            _bundle(bundle, verdict, fingerprint, progress)
    except (ProtocolError, OSError) as error:
        verdict.problems.append(str(error))
    return verdict


def _bundle(bundle: Bundle, verdict: Verdict, fingerprint: str, progress: Progress) -> None:
    names = bundle.names()
    absent = [name for name in OWN_FILES if name not in names]
    if absent:
        verdict.problems += [f"{name} is missing" for name in absent]
        return
    signed, signature, pem = (_small(bundle, name) for name in (MANIFEST, SIGNATURE, PUBLIC_KEY))
    try:
        key = PublicKey.read(pem)
    except UsageError:
        verdict.problems.append(f"{PUBLIC_KEY} is damaged: it holds no Ed25519 key")
        return
    verdict.fingerprint = key.fingerprint
    if fingerprint and plain(fingerprint) != key.fingerprint:
        verdict.problems.append(f"it is signed with another key: its fingerprint is {grouped(key.fingerprint)}")
    if not key.signed(_signature(signature), signed):
        verdict.problems.append(f"the signature does not fit: {MANIFEST}, {SIGNATURE} or {PUBLIC_KEY} was changed")
        return
    manifest = verdict.manifest = read_manifest(signed)
    if manifest.fingerprint != key.fingerprint:
        verdict.problems.append(f"{MANIFEST} names another key than the one in the bundle")
    for done, file in enumerate(manifest.files):
        progress(done, len(manifest.files))
        problem = _file(bundle, file)
        if problem:
            verdict.problems.append(problem)
        else:
            verdict.files += 1
    progress(len(manifest.files), len(manifest.files))
    known = [*OWN_FILES, *(file.name for file in manifest.files)]
    for name in names:
        if name in known:
            known.remove(name)
        else:
            verdict.problems.append(f"{name} is in the bundle and was not when it was signed")


def _file(bundle: Bundle, file: BundledFile) -> str:
    """What is wrong with one file."""
    if not file.hash.startswith(f"{ALGORITHM}:"):
        return f"{file.name} has a hash of a kind this program does not know"
    try:
        with bundle.open(file.name) as opened:
            found, size = hash_stream(opened)
    except FileNotFoundError:
        return f"{file.name} is missing"
    except (ProtocolError, OSError) as error:
        return f"{file.name} cannot be read: {error}"
    if size != file.bytes:
        return f"{file.name} was changed: it has {size} bytes, and had {file.bytes} when it was signed"
    return "" if found == file.hash else f"{file.name} was changed: its hash is not the one that was signed"


def _small(bundle: Bundle, name: str) -> bytes:
    with bundle.open(name) as file:
        data = file.read(_MOST_SMALL + 1)
    if len(data) > _MOST_SMALL:
        raise ProtocolError(f"{name} is larger than any of ours")
    return data


def _signature(text: bytes) -> bytes:
    with contextlib.suppress(ValueError, UnicodeDecodeError):
        return bytes.fromhex(text.decode("ascii").strip())
    return b""


def list_line(name: str, digest: str) -> str:
    """The line of a list of hashes for a file."""
    return f"{digest.partition(':')[2]}  {name}\n"


def write_list(file: Path, digest: str) -> Path:
    """Put ``FILE.blake3`` beside a file; returns its path. Raises ``OSError``."""
    target = file.with_name(file.name + LIST)
    part = target.with_name(f".{target.name}.part")
    part.write_text(list_line(file.name, digest))
    part.replace(target)
    return target


def _list(hashes: Path, verdict: Verdict, progress: Progress) -> None:
    lines = [line.partition("  ") for line in hashes.read_text(errors="replace").splitlines() if line.strip()]
    if not lines:
        verdict.problems.append(f"{hashes.name} is empty")
    for done, (known, _, name) in enumerate(lines):
        progress(done, len(lines))
        if not name or "/" in name:
            verdict.problems.append(f"{hashes.name} has a line that is no hash and name")
            continue
        try:
            found, _ = hash_file(hashes.with_name(name))
        except FileNotFoundError:
            verdict.problems.append(f"{name} is missing")
            continue
        if found == f"{ALGORITHM}:{known}":
            verdict.files += 1
        else:
            verdict.problems.append(f"{name} was changed: its hash is not the one in {hashes.name}")
