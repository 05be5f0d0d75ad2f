from __future__ import annotations

import re

import pytest

from evertape.media.rtsp.auth import Authenticator, parse_challenges


def response(field: str | None) -> str:
    match = re.search(r'response="([0-9a-f]+)"', field or "")
    assert match is not None
    return match[1]


def test_digest_as_in_rfc_2617_3_5() -> None:
    auth = Authenticator("Mufasa", "Circle Of Life", make_cnonce=lambda: "0a4f113b")
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    assert auth.challenged([challenge], answered=False, retried=False)
    field = auth.authorize("GET", "/dir/index.html")
    assert response(field) == "6629fae49393a05397450978507c4ef1"
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in (field or "")
    assert "nc=00000002" in (auth.authorize("GET", "/dir/index.html") or "")


@pytest.mark.parametrize(
    "algorithm, expected",
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_as_in_rfc_7616_3_9_1(algorithm: str, expected: str) -> None:
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    auth = Authenticator("Mufasa", "Circle of Life", make_cnonce=lambda: cnonce)
    challenge = (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert auth.challenged([challenge], answered=False, retried=False)
    assert response(auth.authorize("GET", "/dir/index.html")) == expected
    assert auth.scheme == f"digest-{algorithm.lower()}"


def test_digest_without_qop_as_cameras_ask() -> None:
    auth = Authenticator("admin", "12345")
    assert auth.challenged(['Digest realm="IP Camera", nonce="abc", stale="FALSE"'], answered=False, retried=False)
    field = auth.authorize("DESCRIBE", "rtsp://h/1") or ""
    # RFC 2617 3.2.2.1, by hand: md5(md5(admin:IP Camera:12345):abc:md5(DESCRIBE:rtsp://h/1))
    assert response(field) == "5f21480c173da70310b8e372fb6776c7"
    assert "qop" not in field
    assert "algorithm" not in field


def test_the_strongest_challenge_is_answered_wherever_it_stands() -> None:
    fields = ['Basic realm="a", Digest realm="b", nonce="n"', 'Digest realm="c", nonce="m", algorithm=SHA-256']
    assert [c.name for c in parse_challenges(fields)] == ["digest-sha-256", "digest-md5", "basic"]
    assert parse_challenges(fields)[0].params["realm"] == "c"


def test_unknown_schemes_and_algorithms_are_passed_over() -> None:
    assert (
        parse_challenges(['Bearer realm="x"', "Digest nonce=1, algorithm=SHA-512-256", 'Digest qop="auth-int"']) == []
    )


def test_basic() -> None:
    auth = Authenticator("Aladdin", "open sesame")
    assert auth.authorize("OPTIONS", "*") is None
    assert auth.challenged(['Basic realm="x"'], answered=False, retried=False)
    assert auth.authorize("OPTIONS", "*") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_basic_is_not_told_to_another_host() -> None:
    auth = Authenticator("a", "b", allow_basic=False)
    assert not auth.challenged(['Basic realm="x"'], answered=False, retried=False)
    assert auth.authorize("OPTIONS", "*") is None


@pytest.mark.parametrize(
    "first, accepted, second, retried, again",
    [
        ('nonce="1"', False, 'nonce="1"', False, False),  # plainly refused
        ('nonce="1"', False, 'nonce="2"', False, False),  # a new nonce is no reason to guess again
        ('nonce="1"', False, 'nonce="2", stale=true', False, True),
        ('nonce="1"', False, 'nonce="2", stale=TRUE', True, False),  # once only
        ('nonce="1"', False, 'nonce="1", stale=true', False, False),  # stale, and yet the same
        ('nonce="1"', True, 'nonce="2"', False, True),  # it knew us before
        ('nonce="1"', True, 'nonce="1"', False, False),
    ],
)
def test_a_refused_answer_is_repeated_only_for_a_reason(
    first: str, accepted: bool, second: str, retried: bool, again: bool
) -> None:
    auth = Authenticator("a", "b")
    assert auth.challenged([f'Digest realm="r", {first}'], answered=False, retried=False)
    if accepted:
        auth.accepted()
    assert auth.challenged([f'Digest realm="r", {second}'], answered=True, retried=retried) is again


def test_without_credentials_nothing_is_sent() -> None:
    auth = Authenticator(None, None)
    assert not auth.challenged(['Digest realm="r", nonce="1"'], answered=False, retried=False)
    assert auth.scheme == "none"
