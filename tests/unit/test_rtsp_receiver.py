from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.media.capture import CapsChanged, CaptureEvent, NoticeKind, StreamNotice
from evertape.media.rtsp.messages import Message, RtspSyntaxError
from evertape.media.rtsp.offer import choose_audio, choose_video
from evertape.media.rtsp.receiver import Receiver
from evertape.media.rtsp.sdp import parse_sdp
from evertape.media.rtsp.terms import Agreed, TrackSetup
from evertape.types import NS_PER_MS, NS_PER_S, AccessUnit, Epoch, Track, UtcSource
from evertape_lab.canned import PPS, SPS, goodbye, h264_payloads, h264_sdp, interleave, rtp, sender_report

EPOCH = Epoch("e" * 32)
UTC0 = 1_767_225_600 * NS_PER_S
IDR, INTER, SEI = b"\x65\x88" + bytes(range(200)), b"\x41\x9a" + bytes(range(100)), b"\x06\x05\x01x"
AAC = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=fmtp:97 mode=AAC-hbr;config=1408\r\n"
SPS_LARGE = bytes.fromhex("6742c028da01e0089f97011000000300100000030320f1832a")


class Bench:
    """A receiver on its own, fed by hand."""

    def __init__(self, *, with_sets: bool = True, audio: str = "") -> None:
        self.events: list[CaptureEvent] = []
        self.messages: list[Message] = []
        self.goodbyes: list[str] = []
        self.units: list[AccessUnit] = []
        self.receiver = Receiver(EPOCH, 1, self.events.append, self.messages.append)
        description = parse_sdp(h264_sdp(with_sets=with_sets, audio=audio).decode())
        tracks = [TrackSetup(Track.VIDEO, "v", 0, 1)] + [TrackSetup(Track.AUDIO, "a", 2, 3)] * bool(audio)
        agreed = Agreed("x", choose_video(description), choose_audio(description)[0], tracks)
        self.receiver.prepare(agreed, None, self.goodbyes.append)
        self._buffer = bytearray(1_000_000)
        self._rest = b""

    def feed(self, data: bytes, at_ns: int = 0) -> None:
        whole = self._rest + data
        self._buffer[: len(whole)] = whole
        used = self.receiver.take(self._buffer, memoryview(self._buffer), len(whole), at_ns, UTC0 + at_ns)
        self._rest = whole[used:]
        self._buffer[: len(whole)] = b"\xee" * len(whole)
        self.units += self.receiver.take_units()

    def notices(self, kind: NoticeKind) -> list[int]:
        return [e.value for e in self.events if isinstance(e, StreamNotice) and e.kind is kind]

    def caps(self) -> list[CapsChanged]:
        return [e for e in self.events if isinstance(e, CapsChanged)]


class Camera:
    """Makes interleaved packets of pictures."""

    def __init__(self) -> None:
        self.seq, self.ts = 65500, 0xFFFFF000

    def picture(self, *nals: bytes, mtu: int = 90) -> bytes:
        payloads = h264_payloads(nals, mtu)
        out = b""
        for index, payload in enumerate(payloads):
            out += interleave(rtp(payload, self.seq, self.ts, marker=index == len(payloads) - 1))
            self.seq += 1
        self.ts += 3600
        return out


def lengths(*nals: bytes) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)


def stream() -> bytes:
    camera = Camera()
    out = b""
    for number in range(12):
        out += camera.picture(SPS, PPS, SEI, IDR) if number % 4 == 0 else camera.picture(SEI, INTER)
        if number == 2:
            out += interleave(sender_report(UTC0 + NS_PER_S, camera.ts), 1)
        if number == 5:
            out += b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nContent-Length: 2\r\n\r\n$$"
        if number == 7:
            out += b"\r\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" + interleave(b"", 9) + interleave(b"abc", 0)
    return out


def described(units: Sequence[AccessUnit]) -> list[tuple[int, int, bool, int, bytes]]:
    return [(u.seq, u.dts_ns, u.key, u.caps_id, u.data) for u in units]


def test_a_stream_is_taken_apart_and_parameter_sets_in_force_are_left_out() -> None:
    bench = Bench()
    bench.feed(stream())
    assert described(bench.units) == [
        (n, n * 40 * NS_PER_MS, n % 4 == 0, 0, lengths(SEI, IDR if n % 4 == 0 else INTER)) for n in range(12)
    ]
    assert len(bench.messages) == 2
    assert [(c.caps.id, c.caps.video.width, c.caps.video.height) for c in bench.caps()] == [(0, 640, 360)]


@given(st.lists(st.integers(1, 400), max_size=60))
def test_any_chunking_of_the_stream_gives_the_same_units(sizes: list[int]) -> None:
    whole, at = Bench(), 0
    whole.feed(stream())
    cut = Bench()
    data = stream()
    for size in sizes:
        cut.feed(data[at : at + size])
        at += size
    cut.feed(data[at:])
    assert described(cut.units) == described(whole.units)
    assert len(cut.messages) == len(whole.messages)


@given(st.binary(max_size=600), st.integers(0, 3000))
def test_garbage_raises_nothing_but_a_syntax_error(noise: bytes, at: int) -> None:
    bench = Bench(audio=AAC)
    data = stream()
    try:
        bench.feed(data[:at] + noise + data[at:])
        bench.feed(noise)
    except RtspSyntaxError:
        pass
    assert [u.seq for u in bench.units] == list(range(len(bench.units)))


@given(st.randoms(use_true_random=False))
def test_corrupted_bytes_never_stop_the_stream_for_good(rng: random.Random) -> None:
    bench = Bench()
    data = bytearray(stream() + bytes(0))
    for _ in range(5):
        data[rng.randrange(len(data))] = rng.randrange(256)
    bench.feed(bytes(data))
    # A length that was hit may swallow up to 64 KiB; after that the next picture must come through.
    camera = Camera()
    for _ in range(700):
        bench.feed(camera.picture(IDR))
    bench.units.clear()
    bench.feed(camera.picture(SPS, PPS, IDR))
    bench.feed(camera.picture(INTER))
    assert [u.data for u in bench.units][-1] == lengths(INTER)


def test_bytes_between_packets_are_skipped_and_counted() -> None:
    bench, camera = Bench(), Camera()
    noise = b"\x00\x01\x02garbage $\x00"
    bench.feed(camera.picture(IDR) + noise + camera.picture(INTER) + camera.picture(INTER))
    assert [u.data for u in bench.units] == [lengths(IDR), lengths(INTER), lengths(INTER)]
    assert bench.notices(NoticeKind.RESYNC) == [len(noise)]


def test_endless_garbage_is_given_up() -> None:
    bench = Bench()
    with pytest.raises(RtspSyntaxError):
        bench.feed(b"\x01" * 500_000)


def test_units_before_the_first_keyframe_are_dropped_and_not_numbered() -> None:
    bench, camera = Bench(), Camera()
    bench.feed(camera.picture(INTER) + camera.picture(INTER) + camera.picture(IDR) + camera.picture(INTER))
    assert [(u.seq, u.dts_ns, u.key) for u in bench.units] == [(0, 0, True), (1, 40 * NS_PER_MS, False)]


@pytest.mark.parametrize("with_sets", [True, False])
@pytest.mark.parametrize("sent", ["never", "once", "always"])
def test_parameter_sets_in_the_description_or_the_stream_or_both(with_sets: bool, sent: str) -> None:
    bench, camera = Bench(with_sets=with_sets), Camera()
    for number in range(3):
        sets = (SPS, PPS) if sent == "always" or (sent == "once" and number == 0) else ()
        bench.feed(camera.picture(*sets, IDR))
    known = with_sets or sent != "never"
    assert [u.data for u in bench.units] == [lengths(IDR)] * 3 * known
    assert len(bench.caps()) == known
    assert bench.receiver.line is not None
    assert bench.receiver.line.undescribed == (0 if known else 3)


def test_other_parameter_sets_make_new_caps_at_the_keyframe_they_come_with() -> None:
    bench, camera = Bench(), Camera()
    bench.feed(camera.picture(IDR) + camera.picture(INTER) + camera.picture(SPS_LARGE, PPS, IDR))
    bench.feed(camera.picture(INTER) + camera.picture(SPS_LARGE, PPS, IDR))
    assert [u.caps_id for u in bench.units] == [0, 0, 1, 1, 1]
    assert [c.caps.video.width for c in bench.caps()] == [640, 1920]
    assert bench.units[2].data == lengths(IDR)


def test_other_sets_between_keyframes_stay_in_the_unit_until_the_next_keyframe() -> None:
    bench, camera = Bench(), Camera()
    other = PPS[:2] + b"\x3d" + PPS[3:]
    bench.feed(camera.picture(IDR) + camera.picture(other, INTER) + camera.picture(IDR))
    assert [u.data for u in bench.units] == [lengths(IDR), lengths(other, INTER), lengths(IDR)]
    assert [u.caps_id for u in bench.units] == [0, 0, 1]


def test_losses_are_told_and_only_the_damaged_picture_is_missing() -> None:
    bench, camera = Bench(), Camera()
    bench.feed(camera.picture(IDR))
    packets = camera.picture(INTER, mtu=50)
    first = 4 + int.from_bytes(packets[2:4], "big")
    bench.feed(packets[:first])  # the rest is lost
    bench.feed(camera.picture(INTER))
    assert [u.seq for u in bench.units] == [0, 1]
    assert bench.notices(NoticeKind.UNIT_DAMAGED) == [1]
    assert sum(bench.notices(NoticeKind.PACKETS_LOST)) >= 1


def test_utc_follows_the_reports_once_there_are_some() -> None:
    bench, camera = Bench(), Camera()
    bench.feed(camera.picture(IDR), 0)
    before = camera.ts
    bench.feed(interleave(sender_report(UTC0 + 30 * NS_PER_MS, before), 1), 10 * NS_PER_MS)
    bench.feed(camera.picture(INTER), 40 * NS_PER_MS)
    assert [u.utc_source for u in bench.units] == [UtcSource.ARRIVAL, UtcSource.RTCP]
    assert bench.units[0].utc_ns == UTC0
    assert bench.units[1].utc_ns == pytest.approx(UTC0 + 30 * NS_PER_MS, abs=10)


@pytest.mark.parametrize("off_s", [-3600, 3600])
def test_a_camera_clock_that_is_off_is_told_once_and_not_used(off_s: int) -> None:
    bench, camera = Bench(), Camera()
    for number in range(10):
        at = number * 40 * NS_PER_MS
        bench.feed(camera.picture(IDR), at)
        report = sender_report(UTC0 + at + off_s * NS_PER_S, camera.ts - 3600)
        bench.feed(interleave(report, 1), at)
    told = bench.notices(NoticeKind.CAMERA_CLOCK_OFFSET)
    assert told == [pytest.approx(off_s * NS_PER_S, abs=NS_PER_MS)]
    assert all(u.utc_source is UtcSource.ARRIVAL for u in bench.units)


def test_a_jump_of_the_rtp_clock_is_told_and_time_goes_on() -> None:
    bench, camera = Bench(), Camera()
    for number in range(10):
        if number == 5:
            camera.ts += 3600 * 90000
        bench.feed(camera.picture(IDR), number * 40 * NS_PER_MS)
    assert [u.dts_ns for u in bench.units] == [n * 40 * NS_PER_MS for n in range(10)]
    assert len(bench.notices(NoticeKind.DISCONTINUITY)) == 1
    assert [u.utc_ns for u in bench.units] == [UTC0 + n * 40 * NS_PER_MS for n in range(10)]


def test_rtcp_bye_of_the_video_is_the_end() -> None:
    bench = Bench()
    bench.feed(interleave(goodbye(), 1))
    assert len(bench.goodbyes) == 1


def aac_packet(number: int) -> bytes:
    return interleave(rtp(b"\x00\x10\x00\x28frame"[:4] + b"frame", number, 1024 * number, marker=True, kind=97), 2)


def test_audio_lies_on_the_line_of_the_video_and_never_before_it() -> None:
    bench, camera = Bench(audio=AAC), Camera()
    bench.feed(aac_packet(0) + camera.picture(INTER), 0)
    for number in range(1, 6):
        bench.feed(camera.picture(IDR) + aac_packet(number), number * 64 * NS_PER_MS)
    sound = [u for u in bench.units if u.track is Track.AUDIO]
    assert [(u.seq, u.dts_ns, u.data) for u in sound] == [(n, n * 64 * NS_PER_MS, b"frame") for n in range(5)]
    described = bench.caps()[0].caps.audio
    assert described is not None
    assert described.rate == 16000


def test_a_batch_of_both_tracks_comes_in_the_order_of_its_times() -> None:
    bench, camera = Bench(audio=AAC), Camera()
    bench.feed(camera.picture(IDR) + aac_packet(0), 0)
    bench.feed(b"".join(camera.picture(INTER) for _ in range(8)) + b"".join(map(aac_packet, range(1, 6))), NS_PER_MS)
    times = [u.dts_ns for u in bench.units]
    assert times == sorted(times)
    assert {u.track for u in bench.units[3:6]} == {Track.VIDEO, Track.AUDIO}


def test_reports_go_out_every_five_seconds_and_name_the_sender() -> None:
    bench, camera = Bench(), Camera()
    assert bench.receiver.report_due(0) == b""
    bench.feed(camera.picture(IDR) + interleave(sender_report(UTC0, 0, ssrc=0xABCD), 1), NS_PER_S)
    assert bench.receiver.report_due(4 * NS_PER_S) == b""
    report = bench.receiver.report_due(5 * NS_PER_S)
    assert report[:2] == b"$\x01"
    assert int.from_bytes(report[2:4], "big") == len(report) - 4
    assert (report[5], report[12:16]) == (201, b"\x00\x00\xab\xcd")
    assert int.from_bytes(report[20:24], "big") == (camera.seq - 1) & 0xFFFF
    assert bench.receiver.report_due(6 * NS_PER_S) == b""
    assert bench.receiver.report_due(10 * NS_PER_S)
