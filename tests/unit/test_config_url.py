from __future__ import annotations

import pickle
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.config.url import CameraUrl, UrlError


def test_the_parts_of_a_url_are_at_hand() -> None:
    url = CameraUrl("rtsp://admin:p%40ss@192.0.2.1:8554/live?channel=1")
    assert (url.scheme, url.host, url.port, url.user, url.password) == ("rtsp", "192.0.2.1", 8554, "admin", "p@ss")
    assert url.bare == "rtsp://192.0.2.1:8554/live?channel=1"
    assert url.redacted == "rtsp://admin:***@192.0.2.1:8554/live?channel=1"
    assert url.reveal() == "rtsp://admin:p%40ss@192.0.2.1:8554/live?channel=1"


@pytest.mark.parametrize("text,port", [("rtsp://h/", 554), ("rtsps://h/", 322), ("rtsp://[2001:db8::1]:5540", 5540)])
def test_the_port_is_the_schemes_default_unless_given(text: str, port: int) -> None:
    assert CameraUrl(text).port == port


@pytest.mark.parametrize("other", ["rtsp://CAM:554/s", "rtsp://u:p@cam/s/", "rtsp://cam/s"])
def test_urls_of_the_same_stream_have_the_same_target(other: str) -> None:
    assert CameraUrl(other).target == CameraUrl("rtsp://cam/s").target
    assert CameraUrl(other).target != CameraUrl("rtsp://cam/s2").target


def test_credentials_are_percent_encoded_when_put_into_a_url() -> None:
    url = CameraUrl("rtsp://old:one@h:554/s").with_credentials("me@home", "a/b:c#d")
    assert url.reveal() == "rtsp://me%40home:a%2Fb%3Ac%23d@h:554/s"
    assert (url.user, url.password, url.host) == ("me@home", "a/b:c#d", "h")


def test_an_unescaped_at_sign_in_the_password_is_understood_and_noted() -> None:
    url = CameraUrl("rtsp://u:p@ss@h/s")
    assert (url.password, url.host, url.unescaped) == ("p@ss", "h", True)
    assert url.reveal() == "rtsp://u:p%40ss@h/s"


@pytest.mark.parametrize(
    "text,said",
    [
        ("", "no scheme"),
        ("192.0.2.1/live", "no scheme"),
        ("http://h/", "the scheme 'http' is not supported"),
        ("rtsp://", "no host"),
        ("rtsp://:554/x", "no host"),
        ("rtsp://u:geheim@/x", "no host"),
        ("rtsp://h:99999/x", "cannot be read"),
        ("rtsp://h:0/x", "port 0"),
        ("rtsp://u:ge/heim@h/x", "unescaped character"),
        ("rtsp://u:ge#heim@h/x", "unescaped character"),
        ("rtsp://u:ge?heim@h/x", "unescaped character"),
        ("rtsp://u:ge heim@h/x", "a blank"),
        ("rtsp://[::1/x", "cannot be read"),
        ("u:geheim://x@h", "its scheme is not supported"),
    ],
)
def test_what_no_client_could_connect_to_is_refused_without_quoting_it(text: str, said: str) -> None:
    with pytest.raises(UrlError) as caught:
        CameraUrl(text)
    assert said in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "heim@" not in str(caught.value)


@pytest.mark.parametrize("text", ["rtsp://u:123/geheim@h/x", "rtsp://u:123?geheim@h/x"])
def test_what_may_be_the_rest_of_a_password_is_masked(text: str) -> None:
    url = CameraUrl(text)
    assert url.suspicious
    assert "geheim" not in str(url) + repr(url)


def test_a_password_in_the_query_is_masked() -> None:
    assert "geheim" not in str(CameraUrl("rtsp://h/s?user=a&password=geheim"))


_secret = st.text(min_size=6, max_size=20).filter(lambda s: not s.startswith("***") and s.strip())


@given(user=st.text(max_size=10), password=_secret)
def test_no_password_shows_in_str_or_repr_and_it_comes_back_whole(user: str, password: str) -> None:
    url = CameraUrl("rtsp://cam.example:554/s").with_credentials(user, password)
    assert (url.user, url.password) == (user, password)
    assert str(url) == f"rtsp://{quote(user, safe='')}:***@cam.example:554/s"
    assert str(url) in repr(url)
    assert pickle.loads(pickle.dumps(url)) == url
