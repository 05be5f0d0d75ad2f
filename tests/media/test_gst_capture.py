"""The ``rtspsrc`` session's own ways: its bus, its clean-up, its keep-alive; and what needs no gi."""

from __future__ import annotations

import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from gi.repository import GLib

from evertape.clock import SystemClock
from evertape.domain.failure import FailureKind
from evertape.errors import UsageError
from evertape.media.capture import Backend, CaptureRequest, NoticeKind, SessionFailed, StreamNotice, Transport
from evertape.media.gst.audio import make_transcoder
from evertape.media.gst.capture import GstCaptureSession
from evertape.media.gst.lib import Gst, join_disposals, pending_disposals
from evertape.media.rtsp.messages import Request, parse_message
from evertape.types import NS_PER_MS, NS_PER_S, AccessUnit, Epoch
from evertape_lab import LabCameras
from evertape_lab.canned import CannedServer, h264_sdp, interleave, reply, rtp
from evertape_lab.sei import find_frames

SIZE = "320x192"


@pytest.fixture(scope="module")
def camera() -> Iterator[LabCameras]:
    with LabCameras(1, size=SIZE, gop=5, audio="pcmu") as cameras:
        yield cameras


def new_session(url: str, **options: Any) -> GstCaptureSession:
    request = CaptureRequest(url, Epoch(uuid4().hex), backend=Backend.RTSPSRC, **options)
    return GstCaptureSession(request, SystemClock(), make_transcoder)


def until(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.01)


def drain_until_units(session: GstCaptureSession, count: int) -> list[AccessUnit]:
    units: list[AccessUnit] = []

    def enough() -> bool:
        units.extend(session.drain())
        return len(units) >= count

    until(enough, f"{count} units")
    return units


@contextmanager
def streaming(camera: LabCameras, **options: Any) -> Iterator[GstCaptureSession]:
    with closing(new_session(camera.urls[0], **options)) as session:
        session.start()
        drain_until_units(session, 3)
        session.events()
        yield session


def post(session: GstCaptureSession, message: Any) -> list[SessionFailed]:
    """Put a message on the bus, as an element would, and see what the session makes of it."""
    assert session.pipeline is not None
    assert session.pipeline.bus.post(message)
    session.drain()
    return [event for event in session.events() if isinstance(event, SessionFailed)]


def details(status: int) -> Any:
    # As rtspsrc does: an unsigned number.
    return Gst.Structure.from_string(f"details,rtsp-status-code=(uint){status}")[0]


def error(domain: Any, code: int, text: str = "Es ging schief") -> Any:
    return Gst.Message.new_error(Gst.ElementFactory.make("rtspsrc"), GLib.Error.new_literal(domain, text, code), "why")


def warning(domain: Any, code: int) -> Any:
    return Gst.Message.new_warning(Gst.ElementFactory.make("rtspsrc"), GLib.Error.new_literal(domain, "x", code), "why")


RESOURCE, STREAM, CORE = Gst.ResourceError.quark(), Gst.StreamError.quark(), Gst.CoreError.quark()


@pytest.mark.parametrize(
    "domain, code, kind",
    [
        (RESOURCE, Gst.ResourceError.READ, FailureKind.RESET),
        (RESOURCE, Gst.ResourceError.OPEN_READ_WRITE, FailureKind.RESET),
        (RESOURCE, Gst.ResourceError.NOT_AUTHORIZED, FailureKind.AUTH_FAILED),
        (RESOURCE, Gst.ResourceError.NOT_FOUND, FailureKind.NOT_FOUND),
        (STREAM, Gst.StreamError.FAILED, FailureKind.INTERNAL),
        (STREAM, Gst.StreamError.CODEC_NOT_FOUND, FailureKind.CODEC_UNSUPPORTED),
        (CORE, Gst.CoreError.MISSING_PLUGIN, FailureKind.INTERNAL),
    ],
)
def test_an_error_ends_the_session_by_its_code(camera: LabCameras, domain: int, code: int, kind: FailureKind) -> None:
    with streaming(camera) as session:
        failures = post(session, error(domain, int(code)))
        assert [failure.kind for failure in failures] == [kind]
        assert failures[0].detail.element == "rtspsrc"
        assert failures[0].detail.code == int(code)
        assert session.pipeline is None
        assert list(session.drain()) == []
        assert list(session.events()) == []


def test_a_password_in_an_error_is_masked(camera: LabCameras) -> None:
    with streaming(camera) as session:
        failures = post(session, error(RESOURCE, 9, "cannot read rtsp://admin:hunter2@cam/x"))
    assert "admin:***@cam" in failures[0].detail.debug


def test_the_rtsp_status_counts_more_than_the_code(camera: LabCameras) -> None:
    with streaming(camera) as session:
        source = Gst.ElementFactory.make("rtspsrc")
        gerror = GLib.Error.new_literal(RESOURCE, "x", int(Gst.ResourceError.READ))
        failures = post(session, Gst.Message.new_error_with_details(source, gerror, "y", details(503)))
    assert (failures[0].kind, failures[0].detail.rtsp_status) == (FailureKind.SERVER_ERROR, 503)


def test_a_warning_alone_changes_nothing_and_before_the_end_says_why(camera: LabCameras) -> None:
    with streaming(camera) as session:
        assert post(session, warning(RESOURCE, int(Gst.ResourceError.READ))) == []
        drain_until_units(session, 10)
        failures = post(session, Gst.Message.new_eos(None))
    assert [failure.kind for failure in failures] == [FailureKind.RESET]


def test_the_end_without_a_warning_is_the_cameras_own(camera: LabCameras) -> None:
    with streaming(camera) as session:
        assert [failure.kind for failure in post(session, Gst.Message.new_eos(None))] == [FailureKind.EOS]


def test_the_videos_end_is_enough_although_audio_goes_on(camera: LabCameras) -> None:
    # The bus tells of an end only when every sink has seen one.
    with streaming(camera) as session:
        assert session.pipeline is not None
        bus_told: list[Any] = []
        for element in session.pipeline.elements("rtph264depay"):
            element.send_event(Gst.Event.new_eos())
        failures: list[SessionFailed] = []

        def over() -> bool:
            session.drain()
            failures.extend(event for event in session.events() if isinstance(event, SessionFailed))
            return failures != []

        until(over, "the session ends")
    assert failures[0].kind is FailureKind.EOS
    assert bus_told == []


def test_rtspsrcs_own_timeout_is_a_timeout(camera: LabCameras) -> None:
    with streaming(camera) as session:
        structure = Gst.Structure.new_empty("GstRTSPSrcTimeout")
        failures = post(session, Gst.Message.new_element(None, structure))
    assert [failure.kind for failure in failures] == [FailureKind.TIMEOUT]


def test_buffering_is_told_and_never_pauses(camera: LabCameras) -> None:
    with streaming(camera) as session:
        assert session.pipeline is not None
        assert session.pipeline.bus.post(Gst.Message.new_buffering(None, 5))
        session.drain()
        told = [event for event in session.events() if isinstance(event, StreamNotice)]
        assert [(notice.kind, notice.value) for notice in told] == [(NoticeKind.BUFFERING, 5)]
        units = drain_until_units(session, 30)
    numbers = [frame.n for unit in units for frame in find_frames(unit.data)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_other_elements_messages_are_nothing(camera: LabCameras) -> None:
    with streaming(camera) as session:
        assert post(session, Gst.Message.new_element(None, Gst.Structure.new_empty("application/x-other"))) == []


def test_what_came_before_a_failure_is_delivered_with_it(camera: LabCameras) -> None:
    with streaming(camera) as session:
        assert session.pipeline is not None
        time.sleep(0.3)  # frames gather; no condition of the session could be waited for without taking them
        session.pipeline.bus.post(Gst.Message.new_eos(None))
        units = session.drain()
        assert any(isinstance(event, SessionFailed) for event in session.events())
    assert len(units) >= 5


def test_pictures_that_make_no_sense_are_counted(camera: LabCameras, monkeypatch: pytest.MonkeyPatch) -> None:
    from evertape.media.gst import intake
    from evertape.media.gst.units import DamagedUnitError

    real, calls = intake.read_unit, [0]

    def sometimes(*args: Any) -> Any:
        calls[0] += 1
        if calls[0] == 5:
            raise DamagedUnitError("on purpose")
        return real(*args)

    monkeypatch.setattr(intake, "read_unit", sometimes)
    notices: list[StreamNotice] = []
    with streaming(camera) as session:

        def told() -> bool:
            session.drain()
            notices.extend(event for event in session.events() if isinstance(event, StreamNotice))
            return notices != []

        until(told, "the notice")
    assert [(notice.kind, notice.value) for notice in notices] == [(NoticeKind.UNIT_DAMAGED, 1)]


def test_a_session_starts_once(camera: LabCameras) -> None:
    with streaming(camera) as session, pytest.raises(UsageError):
        session.start()


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_ten_sessions_leave_no_thread_descriptor_or_child(camera: LabCameras, transport: Transport) -> None:
    def once() -> None:
        with streaming(camera, transport=transport):
            pass
        assert join_disposals(5)

    def counts() -> tuple[int, int]:
        return len(list(Path("/proc/self/task").iterdir())), len(list(Path("/proc/self/fd").iterdir()))

    once()
    once()
    threads, descriptors = counts()
    for _ in range(10):
        once()
    # GLib's pool threads end some time after their last use, so the count may also have fallen.
    until(
        lambda: counts()[0] <= threads and counts()[1] <= descriptors, f"back to {threads}, {descriptors}: {counts()}"
    )


@contextmanager
def canned(replies: dict[str, Any], **options: Any) -> Iterator[tuple[CannedServer, GstCaptureSession]]:
    with closing(CannedServer(replies=replies, sdp=options.pop("sdp", h264_sdp()))) as server:
        with closing(new_session(server.url, **options)) as session:
            session.start()
            yield server, session
        until(lambda: server.step() or pending_disposals() == 0, "the pipeline is down")


@pytest.mark.timed
def test_closing_does_not_block_and_says_teardown() -> None:
    with canned({}) as (server, session):
        step_until(server, session, lambda: "PLAY" in server.methods(), "PLAY")
        begun = time.monotonic()
        session.close()
        session.close()
        assert time.monotonic() - begun < 0.02
        step_until(server, session, lambda: "TEARDOWN" in server.methods(), "TEARDOWN")
        step_until(server, session, lambda: pending_disposals() == 0, "the pipeline is down")
        assert list(session.drain()) == []


@contextmanager
def listening(keepalive_status: str) -> Iterator[tuple[str, list[str]]]:
    """A server that agrees to everything, on a thread, because its client's requests have bodies."""
    asked: list[str] = []

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            buffer = b""
            while data := self.request.recv(4096):
                buffer += data
                while parsed := parse_message(buffer, 0, len(buffer)) if buffer else None:
                    request, used = parsed
                    buffer = buffer[used:]
                    assert isinstance(request, Request)
                    asked.append(request.method)
                    self.request.sendall(self.answer(request))

        def answer(self, request: Request) -> bytes:
            body = h264_sdp() if request.method == "DESCRIBE" else b""
            status = keepalive_status if request.method == "GET_PARAMETER" else "200 OK"
            lines = [f"RTSP/1.0 {status}", f"CSeq: {request.headers.get('cseq')}", "Session: 1234;timeout=60"]
            lines += ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, TEARDOWN"]
            lines += [f"Transport: {request.headers.get('transport')}", f"Content-Length: {len(body)}", "", ""]
            return "\r\n".join(lines).encode() + body

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"rtsp://127.0.0.1:{server.server_address[1]}/live", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", ["200 OK", "451 Parameter Not Understood", "501 Not Implemented"])
def test_keep_alives_go_out_on_time_and_a_refusal_does_no_harm(status: str) -> None:
    with listening(status) as (url, asked), closing(new_session(url, keepalive_ns=100 * NS_PER_MS)) as session:
        session.start()

        def three() -> bool:
            session.drain()
            return asked.count("GET_PARAMETER") >= 3

        begun = time.monotonic()
        until(three, "three keep-alives")
        assert time.monotonic() - begun < 3
        assert not any(isinstance(event, SessionFailed) for event in session.events())


@pytest.mark.parametrize("status", ["500 Internal Server Error", "404 Not Found", "461 Unsupported Transport"])
def test_a_camera_that_refuses_its_audio_is_watched_without(status: str) -> None:
    audio = "m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n"
    refuse = lambda asked: reply(  # noqa: E731
        asked,
        *((status,) if "trackID=1" in asked.uri else ()),
        headers=[f"Transport: {asked.headers['transport']}", "Session: 1234;timeout=60"],
    )
    with canned({"SETUP": refuse}, sdp=h264_sdp(audio=audio)) as (server, session):
        step_until(server, session, lambda: "PLAY" in server.methods(), "PLAY in spite of it")
        assert not any(isinstance(event, SessionFailed) for event in session.events())


def step_until(server: CannedServer, session: GstCaptureSession, condition: Callable[[], bool], what: str) -> None:
    def step() -> bool:
        server.step()
        session.drain()
        return condition()

    until(step, what)


@pytest.mark.timed
def test_a_frozen_camera_does_not_hold_up_closing(camera: LabCameras) -> None:
    with LabCameras(1, size=SIZE, gop=5) as other:
        session = new_session(other.urls[0])
        session.start()
        drain_until_units(session, 3)
        other.freeze()
        begun = time.monotonic()
        session.close()
        assert time.monotonic() - begun < 0.05
        until(lambda: pending_disposals() == 0, "the pipeline is down", 5)
        other.thaw()


def test_keep_alives_do_not_disturb_the_stream(camera: LabCameras) -> None:
    with streaming(camera, keepalive_ns=50 * NS_PER_MS) as session:
        units = drain_until_units(session, 75)
        assert not [event for event in session.events() if isinstance(event, SessionFailed)]
    numbers = [frame.n for unit in units for frame in find_frames(unit.data)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_closing_right_after_a_keep_alive_ends_the_session(camera: LabCameras) -> None:
    # While its question is pending, rtspsrc forgets that it was told to stop, and streams on for ever.
    for _ in range(8):
        with streaming(camera) as session:
            assert session.pipeline is not None
            session.pipeline.keep_alive()
            session.pipeline.keep_alive()
        assert join_disposals(5)


def test_an_exit_with_a_running_session_is_clean(camera: LabCameras) -> None:
    code = f"""
import time
from evertape.clock import SystemClock
from evertape.media.capture import Backend, CaptureRequest, open_session
sessions = [open_session(CaptureRequest({camera.urls[0]!r}, "e" * 32, backend=Backend.RTSPSRC), SystemClock())
            for _ in range(4)]
for session in sessions:
    session.start()
deadline = time.monotonic() + 10
while not all(session.drain() for session in sessions) and time.monotonic() < deadline:
    time.sleep(0.1)
print("done")
"""
    result = run_python(code)
    assert (result.returncode, result.stdout.strip()) == (0, "done"), result.stderr


def test_the_direct_receiver_never_loads_gi(camera: LabCameras) -> None:
    code = f"""
import sys, time
from evertape.clock import SystemClock
from evertape.media.capture import CaptureRequest, open_session
from evertape.media.transcode import default_transcoder
session = open_session(CaptureRequest({camera.sub_urls[0]!r}, "e" * 32), SystemClock(), default_transcoder)
session.start()
deadline = time.monotonic() + 10
units = []
while not units and time.monotonic() < deadline:
    units += session.drain()
    time.sleep(0.02)
session.close()
print(len(units) > 0, "gi" in sys.modules)
"""
    result = run_python(code)
    assert result.stdout.split() == ["True", "False"], result.stderr


def test_without_bindings_the_error_says_what_to_install() -> None:
    code = """
import sys
sys.modules["gi"] = None
from evertape.errors import SetupError
from evertape.media.capture import RawAudio
from evertape.media.transcode import default_transcoder
assert default_transcoder(RawAudio("PCMU", 8000, 1)) is None
try:
    import evertape.media.gst.lib
except SetupError as error:
    print(error)
"""
    result = run_python(code)
    assert "apt install python3-gi" in result.stdout, result.stderr


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(__file__).resolve().parents[2] / "src")
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_lost_packets_are_counted_and_the_pictures_around_them_come() -> None:
    with canned({}) as (server, session):
        step_until(server, session, lambda: "PLAY" in server.methods(), "PLAY")
        units: list[AccessUnit] = []
        notices: list[StreamNotice] = []
        sent = 0

        def told() -> bool:
            nonlocal sent
            server.step()
            if sent < 200 and sent != 20:  # number 20 is never sent
                nal = b"\x65\x88" if sent % 10 == 0 else b"\x41\x9a"
                server.send(interleave(rtp(nal + bytes(50), sent, sent * 3600, marker=True)))
            sent += 1
            units.extend(session.drain())
            heard = [event for event in session.events() if isinstance(event, StreamNotice)]
            # On a busy machine the pictures come in one burst, which may be said as well.
            notices.extend(event for event in heard if event.kind is NoticeKind.PACKETS_LOST)
            return notices != []

        until(told, "the notice")
    assert [(notice.kind, notice.value) for notice in notices] == [(NoticeKind.PACKETS_LOST, 1)]
    assert len(units) > 21
    assert [unit.seq for unit in units] == list(range(len(units)))
    hole = max(later.pts_ns - earlier.pts_ns for earlier, later in pairwise(units))
    assert hole == pytest.approx(80 * NS_PER_MS, abs=20 * NS_PER_MS)


def test_udp_that_never_arrives_is_no_media() -> None:
    # The camera agrees to send, and what it sends goes nowhere, as behind a firewall.
    transport = lambda asked: f"Transport: {asked.headers['transport']};server_port=9-10"  # noqa: E731
    replies = {"SETUP": lambda asked: reply(asked, headers=[transport(asked), "Session: 1234;timeout=60"])}
    failures: list[SessionFailed] = []
    with canned(replies, transport=Transport.UDP) as (server, session):

        def failed() -> bool:
            failures.extend(event for event in session.events() if isinstance(event, SessionFailed))
            return failures != []

        step_until(server, session, failed, "the failure")
    assert failures[0].kind is FailureKind.NO_MEDIA


def test_no_thread_of_ours_is_left_by_a_session_that_failed() -> None:
    session = new_session("rtsp://127.0.0.1:9/x", connect_timeout_ns=NS_PER_S)
    before = threading.active_count()
    session.start()
    failures: list[Any] = []

    def failed() -> bool:
        session.drain()
        failures.extend(session.events())
        return failures != []

    until(failed, "the failure")
    assert failures[-1].kind is FailureKind.REFUSED
    session.close()
    assert join_disposals(5)
    until(lambda: threading.active_count() == before, "threads are gone")
