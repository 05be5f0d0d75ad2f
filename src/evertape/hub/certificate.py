"""The hub's certificate: one that it signs itself, or the files that are configured, taken up anew when they change.

Blocking, any thread; ``Tls`` is asked by one thread at a time.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evertape.clock import Clock
from evertape.config.sections_hub import Hub
from evertape.config.values import listen_address
from evertape.errors import SetupError
from evertape.hub.auth.origin import listed, own_names
from evertape.types import NS_PER_S

log = logging.getLogger(__name__)

FOLDER = "tls"
CERTIFICATE, KEY = "certificate.pem", "key.pem"
DAYS = 397
"""How long our own is good: browsers accept no longer of anybody (CA/Browser Forum, 6.3.2, since 2020)."""
RENEW_DAYS = 30
RENEW_S = 6 * 3600
LOOK_S = 5.0
"""How often the files are looked at."""
_MOST_NAMES = 40


@dataclass(frozen=True, slots=True)
class Files:
    """Where a certificate and its key are."""

    certificate: Path
    key: Path

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Changes whenever one of them does. Raises ``OSError``."""
        found = (self.certificate.stat(), self.key.stat())
        return tuple((info.st_ino, info.st_mtime_ns, info.st_size) for info in found)


def own_addresses() -> list[str]:
    """The addresses by which this machine is reached, as far as it knows itself. Asks no other machine."""
    found = {"127.0.0.1", "::1"}
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        # Nothing is sent: connecting a datagram socket only chooses the route (RFC 5737 and 3849: nobody's addresses).
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            found.add(str(probe.getsockname()[0]).partition("%")[0])
    return sorted(found)


def wanted_names(listen_host: str, hosts: Iterable[str]) -> list[str]:
    """What our own is to be good for: this machine's names and addresses, those configured, where it listens."""
    names = [*sorted(own_names()), *own_addresses(), *hosts]
    if listen_host not in ("0.0.0.0", "::"):
        names.append(listen_host)
    return list(dict.fromkeys(name for name in map(_canonical, names) if name.isascii()))[:_MOST_NAMES]


def ensure(root: Path, names: Sequence[str], clock: Clock) -> Files:
    """Our own certificate in the data directory, made or renewed if it has to be. Raises ``OSError``.

    Args:
        root: the data directory.
        names: host names and addresses that it has to be good for.
        clock: for its end.
    """
    folder = root / FOLDER
    files = Files(folder / CERTIFICATE, folder / KEY)
    now = datetime.fromtimestamp(clock.utc_ns() // NS_PER_S, UTC)
    reason, before = _why_anew(files, names, now)
    if reason:
        folder.mkdir(mode=0o700, exist_ok=True)
        # What it was good for it stays good for: with an address that comes and goes, a browser that was told to
        # trust it would else have to be told again and again.
        certificate, key = make(list(dict.fromkeys([*names, *sorted(before)]))[:_MOST_NAMES], now)
        # The key first: a certificate without its key would be found fault with, and made anew.
        _put(files.key, key, 0o600)
        _put(files.certificate, certificate, 0o644)
        log.info("[HUB] a certificate was made (%s); its SHA-256 is %s", reason, fingerprint(certificate))
    return files


def make(names: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    """A certificate, signed by its own key, and that key, both PEM: EC P-256, which every browser takes."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Evertape")])
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # An hour ago: the browser's clock may be behind ours.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return built.public_bytes(Encoding.PEM), private


def fingerprint(certificate: bytes) -> str:
    """What a browser shows of it, to be compared by eye."""
    digest = x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256())
    return digest.hex(":").upper()


def names_in(certificate: x509.Certificate) -> set[str]:
    """The names and addresses that it is good for."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = found.get_values_for_type(x509.IPAddress)
    return {*found.get_values_for_type(x509.DNSName), *map(str, addresses)}


def open_tls(hub: Hub, root: Path, clock: Clock) -> Tls | None:
    """As ``[hub]`` says; ``None``: no TLS.

    Raises:
        SetupError: the files cannot be used.
        OSError: our own cannot be made.
    """
    if hub.tls == "off":
        return None
    if hub.tls == "files":
        assert hub.certificate is not None and hub.key is not None
        return Tls(Files(hub.certificate, hub.key), lambda: None, clock)

    def renew() -> Files:
        return ensure(root, wanted_names(listen_address(hub.listen)[0], listed(hub.hosts)), clock)

    return Tls(renew(), renew, clock)


class Tls:
    """A server's context, whose certificate changes with its files while connections go on.

    Args:
        files: the certificate and its key.
        renew: for our own: see ``ensure``; called every ``RENEW_S``.
        clock: tells when that is.

    Raises:
        SetupError: they cannot be used.
    """

    def __init__(self, files: Files, renew: Callable[[], object], clock: Clock) -> None:
        self._files = files
        self._renew = renew
        self._clock = clock
        self._renewed = clock.boot_ns()
        self._stamp = self._now()
        self.context = _context(files)
        self.problem = ""
        """Why the files as they are now are not in use; empty if they are."""

    def look(self) -> bool:
        """Whether they had changed; new handshakes use the new ones, unless they are broken, which is said once."""
        now = self._clock.boot_ns()
        if now - self._renewed >= RENEW_S * NS_PER_S:
            self._renewed = now
            with contextlib.suppress(OSError):  # the old one is still good for days
                self._renew()
        stamp = self._now()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            # First somewhere else: a context that took the certificate and not the key would serve nobody.
            _context(self._files)
            self.context.load_cert_chain(self._files.certificate, self._files.key)
        except (SetupError, OSError) as error:
            self.problem = str(error)
            log.error("[HUB] the changed certificate is not used, the old one stays in force: %s", error)
            return True
        self.problem = ""
        log.info("[HUB] the changed certificate is in use")
        return True

    def _now(self) -> object:
        try:
            return self._files.stamp()
        except OSError as error:
            return str(error)


def _context(files: Files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key with a password would have OpenSSL ask on the terminal.
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except ssl.SSLError as error:
        raise SetupError(f"{files.certificate} and {files.key}: {_reason(error)}", hint=_HINT) from None
    except OSError as error:
        names = f"{files.certificate} or {files.key}"
        raise SetupError(f"{error.filename or names}: {error.strerror}", hint=_HINT) from None
    except ValueError as error:
        raise SetupError(f"{files.key}: {error}", hint=_HINT) from None
    return context


_HINT = "both have to be PEM, readable for Evertape, and belong together; the key has no password"


def _no_password() -> str:
    raise ValueError("the key has a password")


def _reason(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is not the certificate's"
    return (error.reason or "no PEM").replace("_", " ").lower()


def _why_anew(files: Files, names: Sequence[str], now: datetime) -> tuple[str, set[str]]:
    """Why another is needed, if one is; and what the old one is good for."""
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        _context(files)
        good_for = names_in(certificate)
    except FileNotFoundError:
        return "there was none", set()
    except (OSError, ValueError, SetupError, x509.ExtensionNotFound) as error:
        return f"the old one could not be used: {error}", set()
    if certificate.not_valid_after_utc - now < timedelta(days=RENEW_DAYS):
        return "the old one ends soon", good_for
    if certificate.not_valid_before_utc > now:
        return "the old one is not good yet: the clock was wrong", good_for
    missing = [name for name in names if _canonical(name) not in good_for]
    return (f"the old one was not good for {', '.join(missing)}" if missing else ""), good_for


def _canonical(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _put(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by more than ``mode`` says."""
    new = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
