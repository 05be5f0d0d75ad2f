"""The hub's certificate: its own, or files that change and break."""

from __future__ import annotations

import logging
import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from evertape.clock import ManualClock
from evertape.config.schema import Config
from evertape.errors import SetupError
from evertape.hub.certificate import (
    DAYS,
    RENEW_DAYS,
    RENEW_S,
    Files,
    Tls,
    ensure,
    fingerprint,
    make,
    names_in,
    open_tls,
    own_addresses,
    wanted_names,
)
from evertape.types import NS_PER_S

NAMES = ["localhost", "recorder.local", "127.0.0.1", "::1"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86400 * NS_PER_S


def parsed(files: Files) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes())


def served(tls: Tls, trust: Path, host: str) -> bytes:
    """Shake hands with ``tls`` as somebody who trusts ``trust``; the certificate that was shown."""
    ours, theirs = socket.socketpair()
    client = ssl.create_default_context(cafile=str(trust))

    def serve() -> None:
        with ours, tls.context.wrap_socket(ours, server_side=True) as line:
            line.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with theirs, client.wrap_socket(theirs, server_hostname=host) as line:
            line.send(b"x")
            return line.getpeercert(binary_form=True) or b""
    finally:
        thread.join(10)


def test_our_own_is_made_once_and_only_we_read_its_key(tmp_path: Path) -> None:
    clock = ManualClock()
    files = ensure(tmp_path, NAMES, clock)
    first = files.certificate.read_bytes()
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.key.parent.stat().st_mode) == 0o700
    assert ensure(tmp_path, NAMES, clock).certificate.read_bytes() == first


def test_our_own_is_what_browsers_accept() -> None:
    pem, _ = make(NAMES, NOW)
    made = x509.load_pem_x509_certificate(pem)
    key = made.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    assert names_in(made) == set(NAMES)
    assert made.not_valid_after_utc - made.not_valid_before_utc <= timedelta(days=398)
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [purpose._name for purpose in usage] == ["serverAuth"]
    assert len(fingerprint(pem)) == 95


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_who_trusts_it_reaches_us_by_name_and_by_address(tmp_path: Path, host: str) -> None:
    files = ensure(tmp_path, NAMES, ManualClock(utc_ns=int(datetime.now(UTC).timestamp()) * NS_PER_S))
    tls = Tls(files, lambda: None, ManualClock())
    assert served(tls, files.certificate, host)


def test_it_is_renewed_before_it_ends(tmp_path: Path) -> None:
    clock = ManualClock()
    first = parsed(ensure(tmp_path, NAMES, clock)).serial_number
    clock.advance((DAYS - RENEW_DAYS) * DAY)
    assert parsed(ensure(tmp_path, NAMES, clock)).serial_number == first
    clock.advance(DAY)
    renewed = parsed(ensure(tmp_path, NAMES, clock))
    assert renewed.serial_number != first
    assert renewed.not_valid_after_utc.timestamp() * NS_PER_S > clock.utc_ns() + (DAYS - 1) * DAY


def test_a_new_name_makes_another_that_is_still_good_for_the_old_ones(tmp_path: Path) -> None:
    clock = ManualClock()
    ensure(tmp_path, ["localhost", "192.0.2.7"], clock)
    assert names_in(parsed(ensure(tmp_path, ["localhost", "192.0.2.8"], clock))) == {
        "localhost", "192.0.2.7", "192.0.2.8",
    }  # fmt: skip


@pytest.mark.parametrize("damage", ["certificate", "key", "other key"])
def test_one_that_cannot_be_used_is_made_anew(tmp_path: Path, damage: str) -> None:
    clock = ManualClock()
    files = ensure(tmp_path, NAMES, clock)
    first = parsed(files).serial_number
    if damage == "other key":
        files.key.write_bytes(make(NAMES, NOW)[1])
    else:
        getattr(files, damage).write_bytes(b"rubbish")
    assert parsed(ensure(tmp_path, NAMES, clock)).serial_number != first
    Tls(files, lambda: None, clock)


def test_a_certificate_of_a_clock_that_ran_ahead_is_made_anew(tmp_path: Path) -> None:
    clock = ManualClock()
    first = parsed(ensure(tmp_path, NAMES, clock)).serial_number
    clock.step_utc(-400 * DAY)
    assert parsed(ensure(tmp_path, NAMES, clock)).serial_number != first


def test_a_running_hub_renews_its_own_and_takes_it_up(tmp_path: Path) -> None:
    clock = ManualClock()
    hub = Config.model_validate({"hub": {"tls": "auto"}}).hub
    tls = open_tls(hub, tmp_path, clock)
    assert tls is not None and not tls.look()
    clock.advance((DAYS - RENEW_DAYS + 1) * DAY)
    assert tls.look() and tls.problem == ""
    clock.advance(RENEW_S * NS_PER_S)
    assert not tls.look()


def test_it_is_good_for_where_this_machine_is_reached() -> None:
    assert {"127.0.0.1", "::1"} <= set(own_addresses())
    names = wanted_names("192.0.2.7", ["cameras.example.org", "kein-ascii-ü.example"])
    assert {"localhost", "127.0.0.1", "192.0.2.7", "cameras.example.org"} <= set(names)
    assert "0.0.0.0" not in wanted_names("0.0.0.0", []) and all(name.isascii() for name in names)


# -- files --------------------------------------------------------------------------------------------------


@pytest.fixture
def given(tmp_path: Path) -> Files:
    files = Files(tmp_path / "site.pem", tmp_path / "site.key")
    for path, content in zip((files.certificate, files.key), make(NAMES, datetime.now(UTC)), strict=True):
        path.write_bytes(content)
    return files


def replace(files: Files) -> None:
    for path, content in zip((files.certificate, files.key), make(NAMES, datetime.now(UTC)), strict=True):
        new = path.with_suffix(".new")
        new.write_bytes(content)
        new.replace(path)


def test_files_that_change_are_taken_up_without_a_restart(given: Files) -> None:
    tls = Tls(given, lambda: None, ManualClock())
    first = served(tls, given.certificate, "localhost")
    assert not tls.look()
    replace(given)
    assert tls.look()
    assert served(tls, given.certificate, "localhost") != first


def test_files_that_break_are_said_once_and_the_old_ones_stay(given: Files, caplog: pytest.LogCaptureFixture) -> None:
    tls = Tls(given, lambda: None, ManualClock())
    trusted = given.certificate.with_name("trusted.pem")
    trusted.write_bytes(given.certificate.read_bytes())
    given.key.write_bytes(make(NAMES, NOW)[1])
    with caplog.at_level(logging.ERROR):
        assert tls.look()
        assert not tls.look()
    assert "not the certificate's" in tls.problem
    assert len(caplog.records) == 1
    assert served(tls, trusted, "localhost")
    given.key.unlink()
    assert tls.look() and "No such file" in tls.problem
    replace(given)
    assert tls.look() and tls.problem == ""
    assert served(tls, given.certificate, "localhost")


@pytest.mark.parametrize(
    "content, words",
    [
        (b"rubbish", "site"),
        (b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n", "site.key"),
        (None, "No such file"),
    ],
)
def test_files_that_cannot_be_used_at_the_start_are_said_in_words(
    given: Files, content: bytes | None, words: str
) -> None:
    given.key.unlink() if content is None else given.key.write_bytes(content)
    with pytest.raises(SetupError, match=words):
        Tls(given, lambda: None, ManualClock())


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(given: Files) -> None:
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key(given.key.read_bytes(), None)
    locked = form.BestAvailableEncryption(b"secret")
    given.key.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked))
    with pytest.raises(SetupError, match="password"):
        Tls(given, lambda: None, ManualClock())
