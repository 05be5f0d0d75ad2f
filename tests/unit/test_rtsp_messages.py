from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.media.rtsp.messages import (
    MAX_BODY,
    MAX_HEAD,
    Request,
    Response,
    RtspSyntaxError,
    build_request,
    build_response,
    parse_message,
)


def parse(data: bytes) -> tuple[Request | Response, int]:
    parsed = parse_message(data, 0, len(data))
    assert parsed is not None
    return parsed


def test_a_reply_with_a_body_is_taken_whole_and_what_follows_is_left() -> None:
    data = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 3\r\n\r\nabc$more"
    message, after = parse(data)
    assert isinstance(message, Response)
    assert (message.status, message.reason, message.body) == (200, "OK", b"abc")
    assert data[after:] == b"$more"


@pytest.mark.parametrize(
    "data",
    [
        b"RTSP/1.0 200 OK\nCSeq: 7\nServer: x\n\n",
        b"RTSP/1.0 200\r\ncseq:7\r\nServer:   x\r\n\r\n",
        b"RTSP/2.0 200 Fine by me\r\nCSEQ : 7\r\nno colon here\r\nServer: x\r\n\r\n",
        b"RTSP/1.0  200 OK\r\nServer:\r\n x\r\nCSeq: 7, really\r\n\r\n",
    ],
)
def test_sloppy_replies_are_understood(data: bytes) -> None:
    message, after = parse(data)
    assert isinstance(message, Response)
    assert (message.status, message.headers.number("cseq"), message.headers.get("SERVER")) == (200, 7, "x")
    assert after == len(data)


def test_a_header_that_comes_twice_is_kept_twice() -> None:
    message, _ = parse(b"RTSP/1.0 401 No\r\nWWW-Authenticate: Basic\r\nwww-authenticate: Digest\r\n\r\n")
    assert message.headers.all("WWW-Authenticate") == ["Basic", "Digest"]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"RTSP/1.0 OK\r\n\r\n",
        b"\x00\x01\x02",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"RTSP/1.0 200 OK\r\n" + b"a: b\r\n" * (MAX_HEAD // 6),
    ],
)
def test_what_is_no_rtsp_or_too_large_is_refused(data: bytes) -> None:
    with pytest.raises(RtspSyntaxError):
        parse_message(data, 0, len(data))


def test_a_request_survives_building_and_parsing() -> None:
    message, _ = parse(build_request("SETUP", "rtsp://h/a b".replace(" ", "%20"), 4, [("Transport", "x;y")]))
    assert isinstance(message, Request)
    assert (message.method, message.uri) == ("SETUP", "rtsp://h/a%20b")
    assert (message.headers.get("cseq"), message.headers.get("transport")) == ("4", "x;y")
    assert "x;y" not in repr(message)
    answer, _ = parse(build_response(message, 200, "OK"))
    assert answer.headers.get("cseq") == "4"


@given(st.integers(0, 200))
def test_every_cut_of_a_message_waits_for_the_rest(cut: int) -> None:
    data = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: 20\r\n\r\n" + b"v" * 20
    cut %= len(data) + 1
    parsed = parse_message(data, 0, cut)
    assert (parsed is None) == (cut < len(data))


@given(st.binary(max_size=300))
def test_garbage_raises_only_a_syntax_error(data: bytes) -> None:
    for prefix in (b"", b"RTSP/1.0 200 OK\r\n", b"OPTIONS * RTSP/1.0\r\nContent-Length: "):
        whole = prefix + data
        try:
            parsed = parse_message(whole, 0, len(whole))
        except RtspSyntaxError:
            continue
        assert parsed is None or 0 < parsed[1] <= len(whole)
