"""The whole direct receiver against a server of canned words, over real sockets on loopback."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evertape.clock import ManualClock, SystemClock
from evertape.domain.failure import FailureKind
from evertape.errors import UsageError
from evertape.media.capture import (
    AudioTranscoder,
    Backend,
    CaptureEvent,
    CaptureRequest,
    NoticeKind,
    RawAudio,
    SessionFailed,
    SessionOpened,
    StreamNotice,
    Transport,
    open_session,
)
from evertape.media.probe import ProbeFailedError
from evertape.media.rtsp.connection import Connection, ConnectionFailedError, endpoint_of
from evertape.media.rtsp.direct import DirectSession
from evertape.media.rtsp.options_probe import OptionsProbe, ProbeState
from evertape.types import NS_PER_MS, NS_PER_S, AccessUnit, AudioCaps, Codec, Epoch, Track
from evertape_lab.canned import Asked, CannedServer, goodbye, h264_payloads, h264_sdp, interleave, reply, rtp

IDR, INTER = b"\x65\x88" + bytes(50), b"\x41\x9a" + bytes(50)
AAC = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=fmtp:97 config=1408\r\na=control:trackID=1\r\n"
PCMU = "m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n"


class Meeting:
    """A session and a server, stepped in turn until something is true."""

    def __init__(self, server: CannedServer, session: DirectSession, clock: ManualClock | SystemClock) -> None:
        self.server, self.session, self.clock = server, session, clock
        self.events: list[CaptureEvent] = []
        self.units: list[AccessUnit] = []

    def step(self) -> None:
        self.server.step()
        fd = self.session.fileno()
        if fd is not None:
            select.select([fd], [], [], 0.002)
        self.units += self.session.drain()
        self.events += self.session.events()

    def until(self, condition: Callable[[], bool], seconds: float = 5) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{self.events}, asked {self.server.methods()}"
            self.step()

    def play(self) -> SessionOpened:
        self.until(lambda: any(isinstance(e, SessionOpened | SessionFailed) for e in self.events))
        opened = self.events[-1]
        assert isinstance(opened, SessionOpened), opened
        return opened

    def failure(self) -> SessionFailed:
        self.until(lambda: any(isinstance(e, SessionFailed) for e in self.events))
        failed = self.events[-1]
        assert isinstance(failed, SessionFailed)
        return failed

    def count(self, method: str) -> int:
        return self.server.methods().count(method)


Meet = Callable[..., Meeting]


@pytest.fixture
def meet() -> Iterator[Meet]:
    made: list[Meeting] = []

    def make(server: CannedServer | None = None, *, clock: ManualClock | None = None, **request: object) -> Meeting:
        server = server or CannedServer()
        transcoder = request.pop("transcoder", None)
        request = {"url": server.url, "epoch": Epoch("e" * 32), **request}
        hands = clock or SystemClock()
        session = DirectSession(CaptureRequest(**request), hands, transcoder)  # type: ignore[arg-type]
        meeting = Meeting(server, session, hands)
        made.append(meeting)
        session.start()
        return meeting

    yield make
    for meeting in made:
        meeting.session.close()
        meeting.server.close()


def picture(nal: bytes, seq: int, ts: int) -> bytes:
    return b"".join(interleave(rtp(p, seq, ts, marker=True)) for p in h264_payloads([nal]))


def test_a_session_from_options_to_teardown(meet: Meet) -> None:
    meeting = meet(CannedServer(sdp=h264_sdp(audio=AAC)))
    opened = meeting.play()
    assert (opened.codec, opened.width, opened.height, opened.audio) == (Codec.H264, 640, 360, "aac 16000 Hz 1 ch")
    assert (opened.server, opened.auth, opened.encrypted, opened.backend) == ("canned", "none", False, Backend.DIRECT)
    assert meeting.server.methods() == ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY"]
    setups = [a for a in meeting.server.asked if a.method == "SETUP"]
    assert [a.uri.rpartition("/")[2] for a in setups] == ["trackID=0", "trackID=1"]
    assert [a.headers["transport"][-3:] for a in setups] == ["0-1", "2-3"]
    meeting.server.send(picture(IDR, 1, 0) + picture(INTER, 2, 3600))
    meeting.until(lambda: len(meeting.units) == 2)
    assert [u.key for u in meeting.units] == [True, False]
    meeting.session.close()
    meeting.session.close()
    meeting.until(lambda: meeting.count("TEARDOWN") == 1)
    assert meeting.server.asked[-1].headers["session"] == "1234"


def challenge_once(field: str, wrong: bool = False) -> Callable[[Asked], bytes]:
    def answer(asked: Asked) -> bytes:
        if "authorization" in asked.headers and not wrong:
            return reply(asked, headers=[f"Content-Base: {asked.uri}/"], body=h264_sdp())
        return reply(asked, "401 Unauthorized", [f"WWW-Authenticate: {field}"])

    return answer


@pytest.mark.parametrize(
    "field, scheme",
    [
        ('Basic realm="x"', "basic"),
        ('Digest realm="x", nonce="n"', "digest-md5"),
        ('Digest realm="x", nonce="n", algorithm=SHA-256, qop="auth"', "digest-sha-256"),
    ],
)
def test_a_challenge_is_answered(meet: Meet, field: str, scheme: str) -> None:
    meeting = meet(CannedServer({"DESCRIBE": challenge_once(field)}), user="u", password="p")
    assert meeting.play().auth == scheme
    assert meeting.count("DESCRIBE") == 2
    assert all("authorization" in a.headers for a in meeting.server.asked[2:])


def test_a_refused_password_is_sent_once_only(meet: Meet) -> None:
    server = CannedServer({"DESCRIBE": challenge_once('Digest realm="x", nonce="n"', wrong=True)})
    failed = meet(server, user="u", password="secret").failure()
    assert (failed.kind, failed.detail.rtsp_status) == (FailureKind.AUTH_FAILED, 401)
    assert server.methods().count("DESCRIBE") == 2
    assert "secret" not in repr(failed)


def test_without_credentials_a_challenge_fails_at_once(meet: Meet) -> None:
    meeting = meet(CannedServer({"DESCRIBE": challenge_once('Basic realm="x"')}))
    assert meeting.failure().kind is FailureKind.AUTH_FAILED
    assert meeting.count("DESCRIBE") == 1


@pytest.mark.parametrize(
    "status, kind",
    [
        ("403 Forbidden", FailureKind.AUTH_FAILED),
        ("404 Not Found", FailureKind.NOT_FOUND),
        ("453 Not Enough Bandwidth", FailureKind.SERVER_ERROR),
        ("500 Oops", FailureKind.SERVER_ERROR),
        ("503 Service Unavailable", FailureKind.SERVER_ERROR),
        ("400 Bad Request", FailureKind.PROTOCOL),
        ("302 Moved", FailureKind.PROTOCOL),
    ],
)
def test_a_refusal_has_its_kind_and_status(meet: Meet, status: str, kind: FailureKind) -> None:
    failed = meet(CannedServer({"DESCRIBE": lambda asked: reply(asked, status)})).failure()
    assert (failed.kind, failed.detail.element, failed.detail.rtsp_status) == (kind, "DESCRIBE", int(status[:3]))


def test_a_server_that_speaks_udp_only_is_recognised(meet: Meet) -> None:
    failed = meet(CannedServer({"SETUP": lambda a: reply(a, "461 Unsupported Transport")})).failure()
    assert (failed.kind, failed.detail.rtsp_status) == (FailureKind.PROTOCOL, 461)
    assert "transport udp" in failed.detail.debug
    assert "the other transport" in ProbeFailedError(failed.kind, failed.detail).hint


def test_a_server_that_does_not_know_options_still_plays(meet: Meet) -> None:
    meet(CannedServer({"OPTIONS": lambda asked: reply(asked, "501 Not Implemented")})).play()


def test_replies_without_cseq_are_matched(meet: Meet) -> None:
    meet(CannedServer({"OPTIONS": b"RTSP/1.0 200 OK\r\n\r\n"})).play()


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
def test_each_reply_has_a_deadline(meet: Meet, method: str) -> None:
    clock = ManualClock()
    meeting = meet(CannedServer({method: b""}), clock=clock)
    meeting.until(lambda: meeting.count(method) == 1)
    meeting.step()
    assert not meeting.events
    clock.advance(2900 * NS_PER_MS)
    meeting.step()
    assert not meeting.events
    clock.advance(200 * NS_PER_MS)
    failed = meeting.failure()
    assert (failed.kind, failed.detail.element) == (FailureKind.TIMEOUT, method)


def test_a_port_that_nobody_listens_on_is_refused_at_once(meet: Meet) -> None:
    server = CannedServer()
    server.close()
    session = DirectSession(CaptureRequest(url="rtsp://127.0.0.1:9/x", epoch=Epoch("e" * 32)), SystemClock())
    session.start()
    deadline = time.monotonic() + 2
    events: list[CaptureEvent] = []
    while not events and time.monotonic() < deadline:
        session.drain()
        events += session.events()
    assert isinstance(events[0], SessionFailed)
    assert events[0].kind is FailureKind.REFUSED
    assert events[0].detail.errno == 111


@pytest.mark.parametrize(
    "url", ["rtsp://no-such-host.invalid/x", "http://127.0.0.1/", "rtsp://", "rtsp://h:99999/x", ""]
)
def test_a_url_that_leads_nowhere_is_unreachable(meet: Meet, url: str) -> None:
    meeting = meet(url=url)
    assert meeting.failure().kind is FailureKind.UNREACHABLE


@pytest.mark.timed
@pytest.mark.parametrize("reset", [False, True])
def test_a_broken_connection_is_noticed_and_what_came_before_it_counts(meet: Meet, reset: bool) -> None:
    meeting = meet()
    meeting.play()
    meeting.server.send(picture(IDR, 1, 0))
    if reset:
        meeting.until(lambda: len(meeting.units) == 1)
    meeting.server.hang_up(reset=reset)
    began = time.monotonic()
    assert meeting.failure().kind is FailureKind.RESET
    assert time.monotonic() - began < 1
    assert len(meeting.units) == 1
    assert meeting.session.fileno() is None
    assert meeting.session.next_deadline_ns() is None
    assert list(meeting.session.drain()) == []


@pytest.mark.parametrize(
    "said",
    [
        interleave(goodbye(), 1),
        b"TEARDOWN rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        b"ANNOUNCE rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\nNotice: 2101 End-of-Stream Reached\r\n\r\n",
        b"ANNOUNCE rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\nx-notice: 2104\r\n\r\n",
    ],
)
def test_the_camera_that_says_the_end_has_failed(meet: Meet, said: bytes) -> None:
    meeting = meet()
    meeting.play()
    meeting.server.send(picture(IDR, 1, 0) + said)
    assert meeting.failure().kind is FailureKind.EOS
    assert len(meeting.units) == 1


@pytest.mark.parametrize("status", ["200 OK", "501 Not Implemented"])
def test_a_request_of_the_cameras_is_answered_and_media_goes_on(meet: Meet, status: str) -> None:
    meeting = meet()
    meeting.play()
    method = b"OPTIONS" if status.startswith("200") else b"RECORD"
    meeting.server.send(method + b" * RTSP/1.0\r\nCSeq: 77\r\n\r\n" + picture(IDR, 1, 0))
    meeting.until(lambda: b"CSeq: 77" in meeting.server.received)
    assert f"RTSP/1.0 {status}\r\n".encode() in meeting.server.received
    meeting.until(lambda: len(meeting.units) == 1)


def test_garbage_instead_of_rtsp_is_a_protocol_failure(meet: Meet) -> None:
    for garbage in (
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x00\xff" * 100,
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"$\x00\x00\x04abcd" + b"\x01" * 90,
    ):
        assert meet(CannedServer({"OPTIONS": garbage})).failure().kind is FailureKind.PROTOCOL


def test_a_redirect_is_followed_a_few_times_only(meet: Meet) -> None:
    target = CannedServer()
    hop = CannedServer({"DESCRIBE": lambda a: reply(a, "302 Moved", [f"Location: {target.url}"])})
    meeting = meet(hop)
    meeting.until(lambda: hop.methods().count("DESCRIBE") == 1)
    meeting.server = target
    meeting.play()
    hop.close()
    ring = CannedServer()
    ring.replies["DESCRIBE"] = lambda a: reply(a, "301 Moved", [f"Location: {ring.url}"])
    assert meet(ring).failure().kind is FailureKind.PROTOCOL
    assert ring.methods().count("DESCRIBE") == 4


def test_no_video_that_is_stored_is_said(meet: Meet) -> None:
    sdp = b"v=0\r\nm=video 0 RTP/AVP 26\r\na=control:1\r\n"
    failed = meet(CannedServer(sdp=sdp)).failure()
    assert failed.kind is FailureKind.CODEC_UNSUPPORTED
    assert "JPEG" in failed.detail.debug


def test_what_was_just_answered_is_not_asked_again(meet: Meet) -> None:
    clock = ManualClock()
    meeting = meet(clock=clock, public="OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
    meeting.play()
    assert meeting.server.methods() == ["DESCRIBE", "SETUP", "PLAY"]
    meeting.server.send(picture(IDR, 1, 0))
    meeting.until(lambda: len(meeting.units) == 1)
    clock.advance(26 * NS_PER_S)
    meeting.until(lambda: meeting.count("OPTIONS") == 1)  # its way to stay alive: it did not name GET_PARAMETER


def test_no_packet_after_play_is_no_media(meet: Meet) -> None:
    clock = ManualClock()
    meeting = meet(clock=clock)
    meeting.play()
    clock.advance(9 * NS_PER_S)
    meeting.step()
    assert len(meeting.events) == 1
    clock.advance(NS_PER_S)
    assert meeting.failure().kind is FailureKind.NO_MEDIA
    meeting.until(lambda: meeting.count("TEARDOWN") == 1)  # a camera with few sessions gets this one back


def test_keyframes_without_any_parameter_sets_are_said(meet: Meet) -> None:
    clock = ManualClock()
    meeting = meet(CannedServer(sdp=h264_sdp(with_sets=False)), clock=clock)
    meeting.play()
    meeting.server.send(picture(IDR, 1, 0))
    for _ in range(5):
        meeting.step()
    clock.advance(11 * NS_PER_S)
    assert meeting.failure().kind is FailureKind.CODEC_UNSUPPORTED


@pytest.mark.parametrize(
    "public, timeout, method, configured_s, interval_s",
    [
        ("GET_PARAMETER", 60, "GET_PARAMETER", None, 25),
        ("GET_PARAMETER", 10, "GET_PARAMETER", None, 5),
        ("GET_PARAMETER", 10, "GET_PARAMETER", 25, 5),
        ("GET_PARAMETER", 60, "GET_PARAMETER", 7, 7),
        ("PLAY", 60, "OPTIONS", None, 25),
    ],
)
def test_the_session_is_kept_alive(
    meet: Meet, public: str, timeout: int, method: str, configured_s: int | None, interval_s: int
) -> None:
    clock = ManualClock()
    transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
    server = CannedServer(
        {
            "OPTIONS": lambda a: reply(a, headers=[f"Public: {public}"]),
            "SETUP": lambda a: reply(a, headers=[transport, f"Session: 9 ; timeout={timeout}"]),
            "GET_PARAMETER": lambda a: reply(a, "451 Not Understood"),
        }
    )
    meeting = meet(server, clock=clock, keepalive_ns=None if configured_s is None else configured_s * NS_PER_S)
    meeting.play()
    meeting.server.send(picture(IDR, 1, 0))
    meeting.until(lambda: len(meeting.units) == 1)
    before = meeting.count(method)
    clock.advance(interval_s * NS_PER_S - 1)
    meeting.step()
    meeting.step()
    assert meeting.count(method) == before
    clock.advance(1)
    meeting.until(lambda: meeting.count(method) == before + 1)
    assert server.asked[-1].headers["session"] == "9"
    meeting.step()
    options = meeting.count("OPTIONS")
    clock.advance(interval_s * NS_PER_S)  # whoever refuses GET_PARAMETER is asked OPTIONS from then on
    meeting.until(lambda: meeting.count("OPTIONS") == options + 1)
    assert not any(isinstance(e, SessionFailed) for e in meeting.events)


def test_a_keep_alive_that_the_camera_answers_with_session_not_found_ends_it(meet: Meet) -> None:
    clock = ManualClock()
    meeting = meet(CannedServer({"GET_PARAMETER": lambda a: reply(a, "454 Session Not Found")}), clock=clock)
    meeting.play()
    meeting.server.send(picture(IDR, 1, 0))
    meeting.until(lambda: len(meeting.units) == 1)
    clock.advance(25 * NS_PER_S)
    assert meeting.failure().kind is FailureKind.EOS


def test_an_old_nonce_is_renewed_in_mid_session(meet: Meet) -> None:
    clock = ManualClock()

    def stale(asked: Asked) -> bytes:
        if 'nonce="new"' in asked.headers.get("authorization", ""):
            return reply(asked)
        return reply(asked, "401 Unauthorized", ['WWW-Authenticate: Digest realm="x", nonce="new", stale=true'])

    server = CannedServer({"DESCRIBE": challenge_once('Digest realm="x", nonce="old"'), "GET_PARAMETER": stale})
    meeting = meet(server, clock=clock, user="u", password="p")
    meeting.play()
    meeting.server.send(picture(IDR, 1, 0))
    meeting.until(lambda: len(meeting.units) == 1)
    clock.advance(25 * NS_PER_S)
    meeting.until(lambda: meeting.count("GET_PARAMETER") == 2)
    meeting.step()
    assert not any(isinstance(e, SessionFailed) for e in meeting.events)


def test_the_descriptor_is_watched_for_the_first_seconds_only(meet: Meet) -> None:
    clock = ManualClock()
    meeting = meet(clock=clock)
    meeting.play()
    meeting.server.send(picture(IDR, 1, 0))
    meeting.until(lambda: len(meeting.units) == 1)
    assert meeting.session.fileno() is not None
    clock.advance(3100 * NS_PER_MS)
    meeting.step()
    assert meeting.session.fileno() is None
    assert meeting.session.next_deadline_ns() is not None


def test_a_late_first_keyframe_is_still_read_as_it_comes(meet: Meet) -> None:
    clock = ManualClock()
    meeting = meet(clock=clock)
    meeting.play()
    meeting.server.send(picture(INTER, 1, 0))
    meeting.step()
    clock.advance(9 * NS_PER_S)
    meeting.step()
    assert meeting.session.fileno() is not None
    meeting.server.send(picture(IDR, 2, 9 * 90000))
    meeting.until(lambda: len(meeting.units) == 1)
    clock.advance(NS_PER_S + 1)
    meeting.step()
    assert meeting.session.fileno() is None


def test_audio_that_is_refused_or_unknown_leaves_video_alone(meet: Meet) -> None:
    def refuse_audio(asked: Asked) -> bytes:
        if asked.uri.endswith("1"):
            return reply(asked, "500 Internal Server Error")
        return reply(asked, headers=[f"Transport: {asked.headers['transport']}", "Session: 1"])

    unknown = AAC.replace("MPEG4-GENERIC", "OPUS")
    for server in (
        CannedServer({"SETUP": refuse_audio}, sdp=h264_sdp(audio=AAC)),
        CannedServer(sdp=h264_sdp(audio=unknown)),
        CannedServer(sdp=h264_sdp(audio=PCMU)),
    ):
        meeting = meet(server)
        meeting.play()
        kinds = [e.kind for e in meeting.events if isinstance(e, StreamNotice)]
        assert kinds == [NoticeKind.AUDIO_UNSUPPORTED]
        server.send(picture(IDR, 1, 0))
        meeting.until(lambda m=meeting: len(m.units) == 1)  # type: ignore[misc]


class Halver:
    """Makes a "frame" of every second packet."""

    caps = AudioCaps(Codec.AAC, b"\x15\x88", 8000, 1)

    def __init__(self) -> None:
        self.fed: list[tuple[bytes, int]] = []
        self.closed = False
        self.trouble = ""

    def feed(self, data: bytes, pts_ns: int) -> list[tuple[int, bytes]]:
        self.fed.append((data, pts_ns))
        return [(pts_ns, b"aac")] if len(self.fed) % 2 == 0 else []

    def close(self) -> None:
        self.closed = True


def test_a_transcoder_that_fails_and_recovers_is_told_once_each_and_video_goes_on(meet: Meet) -> None:
    halver = Halver()
    meeting = meet(CannedServer(sdp=h264_sdp(audio=PCMU)), transcoder=lambda _raw: halver)
    meeting.play()
    sound = lambda n: interleave(rtp(b"\xff" * 160, n, 160 * n, kind=0), 2)  # noqa: E731
    meeting.server.send(picture(IDR, 1, 0) + sound(0) + sound(1))
    meeting.until(lambda: len(halver.fed) == 2)
    halver.trouble = "the encoder is gone"
    meeting.server.send(sound(2) + sound(3) + picture(INTER, 2, 3600))
    meeting.until(lambda: sum(u.track is Track.VIDEO for u in meeting.units) == 2)
    halver.trouble = ""
    meeting.server.send(sound(4) + sound(5))
    meeting.until(lambda: len(halver.fed) == 6)
    told = [(e.kind, e.text) for e in meeting.events if isinstance(e, StreamNotice)]
    assert told == [(NoticeKind.AUDIO_FAILED, "the encoder is gone"), (NoticeKind.AUDIO_BACK, "")]


def test_g711_goes_through_the_transcoder(meet: Meet) -> None:
    halver, asked = Halver(), []

    def make(raw: RawAudio) -> AudioTranscoder:
        asked.append(raw)
        return halver

    meeting = meet(CannedServer(sdp=h264_sdp(audio=PCMU)), transcoder=make)
    assert meeting.play().audio == "pcmu 8000 Hz 1 ch"
    sound = b"".join(interleave(rtp(b"\xff" * 160, n, 160 * n, kind=0), 2) for n in range(4))
    meeting.server.send(picture(IDR, 1, 0) + sound)
    meeting.until(lambda: len(meeting.units) == 3)
    assert asked == [RawAudio("PCMU", 8000, 1)]
    assert [b - a for (_, a), (_, b) in zip(halver.fed, halver.fed[1:], strict=False)] == [20 * NS_PER_MS] * 3
    audio = [u for u in meeting.units if u.track is Track.AUDIO]
    assert [(u.data, u.seq) for u in audio] == [(b"aac", 0), (b"aac", 1)]
    meeting.session.close()
    assert halver.closed


def test_two_sessions_share_a_buffer_without_mixing(meet: Meet) -> None:
    first, second = meet(), meet()
    first.play()
    second.play()
    for number in range(20):
        for meeting, nal in ((first, IDR + b"first"), (second, IDR + b"other")):
            data = picture(nal, number, 3600 * number)
            meeting.server.send(data[:33])
            meeting.step()
            meeting.server.send(data[33:])
    first.until(lambda: len(first.units) == 20)
    second.until(lambda: len(second.units) == 20)
    assert {u.data[-5:] for u in first.units} == {b"first"}
    assert {u.data[-5:] for u in second.units} == {b"other"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key in one file, as cameras have them."""
    path = tmp_path_factory.mktemp("tls") / "camera.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=camera"
    subprocess.run([*command.split(), "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


class TlsFront:
    """Takes one TLS connection and passes its bytes on to a plain port, on a thread of its own."""

    def __init__(self, certificate: Path, port: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        with client, contextlib.suppress(OSError):
            outer = self._context.wrap_socket(client, server_side=True)
            with outer, socket.create_connection(("127.0.0.1", self._port)) as inner:
                while True:
                    ready, _, _ = select.select([outer, inner], [], [], 10)
                    for source, sink in ((outer, inner), (inner, outer)):
                        if source in ready:
                            data = source.recv(65536)
                            if not data:
                                return
                            sink.sendall(data)

    def close(self) -> None:
        self._listener.close()
        self._thread.join(5)


def test_an_encrypted_camera_with_a_certificate_of_its_own(meet: Meet, certificate: Path) -> None:
    server = CannedServer()
    front = TlsFront(certificate, server.port)
    meeting = meet(server, url=f"rtsps://localhost:{front.port}/live")
    opened = meeting.play()
    assert (opened.encrypted, opened.verified) == (True, False)
    large = [IDR] + [INTER + bytes(90_000 + n) for n in range(5)]
    sent, seq = b"", 0
    for number, nal in enumerate(large):
        payloads = h264_payloads([nal])
        for index, payload in enumerate(payloads):
            sent += interleave(rtp(payload, seq, 3600 * number, marker=index == len(payloads) - 1))
            seq += 1
    for at in range(0, len(sent), 30_000):
        server.send(sent[at : at + 30_000])
        meeting.step()
    meeting.until(lambda: len(meeting.units) == len(large))
    assert [u.size for u in meeting.units] == [4 + len(nal) for nal in large]
    meeting.session.close()
    front.close()


def test_a_certificate_that_cannot_be_verified_is_refused_if_asked(meet: Meet, certificate: Path) -> None:
    server = CannedServer()
    front = TlsFront(certificate, server.port)
    failed = meet(server, url=f"rtsps://localhost:{front.port}/live", tls_verify=True).failure()
    assert failed.kind is FailureKind.TLS
    assert "certificate" in failed.detail.debug.lower()
    front.close()


def test_a_server_without_tls_is_a_tls_failure(meet: Meet) -> None:
    server = CannedServer()
    meeting = meet(server, url=server.url.replace("rtsp", "rtsps"))
    meeting.until(lambda: len(server.received) > 0)
    server.send(b"RTSP/1.0 400 Bad Request\r\n\r\n")
    assert meeting.failure().kind is FailureKind.TLS


def test_credentials_show_nowhere() -> None:
    request = CaptureRequest(url="rtsp://user:hunter2@h/x", epoch=Epoch("e"), user="user", password="hunter2")
    assert "hunter2" not in repr(request)
    assert request.credentials() == ("rtsp://h/x", "user", "hunter2")


def test_udp_is_not_for_the_direct_receiver() -> None:
    request = CaptureRequest(url="rtsp://h/x", epoch=Epoch("e"), transport=Transport.UDP, backend=Backend.DIRECT)
    with pytest.raises(UsageError):
        open_session(request, SystemClock())


def test_the_second_address_is_tried_when_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        connection = Connection(endpoint_of(f"rtsp://camera.example:{port}/"), 3 * NS_PER_S)
        clock, deadline = SystemClock(), time.monotonic() + 3
        while not connection.open and time.monotonic() < deadline:
            connection.advance(clock.boot_ns())
        assert connection.open
        connection.close()


def test_a_swallowed_connection_attempt_times_out() -> None:
    clock = ManualClock()
    with contextlib.ExitStack() as stack:
        # A listener that nobody accepts from: once its queue is full, the kernel drops what else knocks.
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            knocker = stack.enter_context(socket.socket())
            knocker.setblocking(False)
            knocker.connect_ex(listener.getsockname())
        connection = Connection(endpoint_of(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/"), 3 * NS_PER_S)
        stack.callback(connection.close)
        connection.advance(clock.boot_ns())
        clock.advance(3 * NS_PER_S)
        with pytest.raises(ConnectionFailedError) as caught:
            connection.advance(clock.boot_ns())
    assert caught.value.kind is FailureKind.TIMEOUT


def poll(probe: OptionsProbe, server: CannedServer | None, seconds: float = 3) -> ProbeState:
    deadline = time.monotonic() + seconds
    while probe.poll() is ProbeState.PENDING and time.monotonic() < deadline:
        if server is not None:
            server.step()
    return probe.state


def test_the_probe_takes_any_answer_for_one() -> None:
    for answer in ("200 OK", "401 Unauthorized", "404 Not Found"):
        server = CannedServer({"OPTIONS": lambda a, text=answer: reply(a, text)})  # type: ignore[misc]
        probe = OptionsProbe(server.url.replace("//", "//u:p@"), SystemClock())
        probe.start()
        assert poll(probe, server) is ProbeState.ANSWERED
        assert b"u:p" not in server.received
        server.close()


def test_the_probe_of_a_frozen_server_fails_in_time() -> None:
    server, clock = CannedServer(), ManualClock()  # listens, and is never stepped
    probe = OptionsProbe(server.url, clock)
    probe.start()
    assert probe.poll() is ProbeState.PENDING
    clock.advance(999 * NS_PER_MS)
    assert probe.poll() is ProbeState.PENDING
    clock.advance(NS_PER_MS)
    assert probe.poll() is ProbeState.FAILED
    assert probe.failure is not None
    assert probe.failure[0] is FailureKind.TIMEOUT
    assert probe.fileno() is None
    server.close()


def test_the_probe_of_a_closed_port_or_of_no_rtsp_fails_at_once() -> None:
    closed = OptionsProbe("rtsp://127.0.0.1:9/", SystemClock())
    closed.start()
    assert poll(closed, None) is ProbeState.FAILED
    server = CannedServer({"OPTIONS": b"HTTP/1.0 400 Bad\r\n\r\n"})
    other = OptionsProbe(server.url, SystemClock())
    other.start()
    assert poll(other, server) is ProbeState.FAILED
    assert other.failure is not None
    assert other.failure[0] is FailureKind.PROTOCOL
    server.close()
