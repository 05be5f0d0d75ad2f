"""The installation's Ed25519 key: made at the first use, kept in the data directory, readable by its owner only.

The one room of the cryptography library. Blocking; any thread.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from evertape.errors import EvertapeError, UsageError

FILE = "signing-key.pem"
"""In the data directory's ``state`` folder; PKCS 8."""
_ENCODING = serialization.Encoding


class SigningKey:
    """A private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    def sign(self, data: bytes) -> bytes:
        """64 bytes (RFC 8032)."""
        return self._key.sign(data)


class PublicKey:
    """A public key.

    Attributes:
        pem: as text.
        fingerprint: SHA-256 of the key's 32 bytes, in hexadecimal.
    """

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.pem = key.public_bytes(_ENCODING.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        self.fingerprint = hashlib.sha256(key.public_bytes_raw()).hexdigest()

    @classmethod
    def read(cls, pem: bytes) -> PublicKey:
        """From text. Raises ``UsageError`` if it is none, or none of this kind."""
        try:
            key = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise UsageError("that is no Ed25519 public key")
        return cls(key)

    def signed(self, signature: bytes, data: bytes) -> bool:
        """Whether the private half of this key signed exactly ``data``."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def installation_key(folder: Path) -> SigningKey:
    """The key in ``folder``, which is made if there is none.

    Raises:
        EvertapeError: the file is there and is no key. It is never replaced.
        OSError: it cannot be read or written.
    """
    try:
        pem = (folder / FILE).read_bytes()
    except FileNotFoundError:
        pem = _make(folder)
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise EvertapeError(
            f"{folder / FILE} is no Ed25519 key",
            hint="put back the key that was there; moved away, another is made, and what it signs has another print",
        )
    return SigningKey(key)


def _make(folder: Path) -> bytes:
    """A new key, durable before it is used; if two make one at a time, both go on with the first."""
    folder.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        _ENCODING.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    part = folder / f".{FILE}.{secrets.token_hex(4)}"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(fd)
        try:
            os.link(part, folder / FILE)
        except FileExistsError:
            return (folder / FILE).read_bytes()
        _sync(folder)
        return pem
    finally:
        part.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def plain(fingerprint: str) -> str:
    """A fingerprint as people write it, down to its digits: without spaces, colons and capitals."""
    return fingerprint.replace(":", "").replace(" ", "").replace("-", "").lower()


def grouped(fingerprint: str) -> str:
    """A fingerprint for reading aloud: groups of four."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))
