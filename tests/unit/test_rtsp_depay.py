from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.media.rtsp.audio import AacDepayloader, RawDepayloader, parse_aac
from evertape.media.rtsp.depay import H264Depayloader, H265Depayloader, NalDepayloader, RawUnit
from evertape.media.rtsp.sdp import Format
from evertape_lab.canned import h264_payloads, h265_payloads

Packet = tuple[bytes, int, int, int]  # payload, marker, seq, time stamp

SEI, IDR, INTER, AUD = b"\x06\x05\x01x", b"\x65\x88" + bytes(range(40)), b"\x41\x9a" + bytes(range(30)), b"\x09\x10"
SPS, PPS = b"\x67\x42\xc0\x1e", b"\x68\xce\x3c\x80"


def joined(*nals: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(nal)) + nal for nal in nals)


def packets(
    units: Sequence[Sequence[bytes]],
    payloads: Callable[[Sequence[bytes]], list[bytes]],
    *,
    seq: int = 65530,
    ts: int = 0xFFFFF000,
    markers: bool = True,
) -> list[Packet]:
    out: list[Packet] = []
    for unit in units:
        parts = payloads(unit)
        for index, part in enumerate(parts):
            marker = 0x80 if markers and index == len(parts) - 1 else 0
            out.append((part, marker | 96, seq & 0xFFFF, ts & 0xFFFFFFFF))
            seq += 1
        ts += 3600
    return out


def feed(depayloader: NalDepayloader, given_packets: Sequence[Packet]) -> list[RawUnit]:
    buffer = bytearray(20_000)
    view = memoryview(buffer)
    at = 0
    for index, (payload, marker, seq, ts) in enumerate(given_packets):
        buffer[at : at + len(payload)] = payload
        depayloader.feed(view, at, at + len(payload), marker, seq, ts)
        at += len(payload)
        if index % 3 == 2 or at > 15_000:
            depayloader.detach()
            buffer[:at] = b"\xee" * at  # what is still needed must have been copied
            at = 0
    return depayloader.units


def small(unit: Sequence[bytes]) -> list[bytes]:
    return h264_payloads(unit, 12)


def test_single_units_fragments_and_aggregates_give_the_same_picture() -> None:
    unit = [AUD, SPS, PPS, SEI, IDR]
    for payloads in (h264_payloads, small, lambda u: h264_payloads(u, 1400, aggregate=True)):
        found = feed(H264Depayloader(), packets([unit, [AUD, SEI, INTER]], payloads))
        assert [(u.data, u.key, u.sets) for u in found] == [
            (joined(SEI, IDR), True, (SPS, PPS)),
            (joined(SEI, INTER), False, ()),
        ]


def test_a_missing_marker_ends_the_picture_at_the_next_time_stamp() -> None:
    found = feed(H264Depayloader(), packets([[IDR], [INTER], [INTER]], small, markers=False))
    assert [u.data for u in found] == [joined(IDR), joined(INTER)]


def test_parameter_sets_with_a_marker_of_their_own_belong_to_the_next_picture() -> None:
    flow = packets([[SPS], [PPS], [SEI], [IDR]], h264_payloads)
    found = feed(H264Depayloader(), flow)
    assert [(u.data, u.sets) for u in found] == [(joined(SEI, IDR), (SPS, PPS))]


def test_a_marker_inside_a_picture_is_seen_through_after_the_first() -> None:
    second = b"\x41\x10" + bytes(20)  # first_mb_in_slice is not 0
    flow: list[Packet] = []
    for number in range(5):
        flow += [(INTER, 0x80, 2 * number, 3600 * number), (second, 0x80, 2 * number + 1, 3600 * number)]
    depayloader = H264Depayloader()
    assert [u.data for u in feed(depayloader, flow)][1:] == [joined(INTER, second)] * 3
    assert depayloader.damaged == 1


@pytest.mark.parametrize("lost", range(12))
def test_a_lost_packet_costs_its_picture_and_no_other(lost: int) -> None:
    units = [[SEI, IDR], [SEI, INTER], [SEI, INTER], [SEI, INTER]]
    flow = packets(units, small)
    gone = flow.pop(4 + lost)
    hit = ((gone[3] - 0xFFFFF000) & 0xFFFFFFFF) // 3600
    depayloader = H264Depayloader()
    found = {((u.rtp - 0xFFFFF000) & 0xFFFFFFFF) // 3600: u.data for u in feed(depayloader, flow)}
    assert depayloader.lost == 1
    expected = {stamp: joined(*unit) for stamp, unit in enumerate(units) if stamp != hit}
    if gone[0] == SEI:  # between two pictures; the next one is whole without it
        expected[hit] = joined(units[hit][1])
    assert found == expected
    assert depayloader.damaged == (gone[0] != SEI)


def test_a_repeated_packet_is_taken_once() -> None:
    flow = packets([[IDR], [INTER]], small)
    doubled = [packet for packet in flow for _ in range(2)]
    depayloader = H264Depayloader()
    assert [u.data for u in feed(depayloader, doubled)] == [joined(IDR), joined(INTER)]
    assert (depayloader.lost, depayloader.damaged) == (0, 0)


@pytest.mark.parametrize("ahead", [2, 49, 200, 255])
def test_a_wrong_number_costs_its_picture_and_the_one_in_which_the_stream_is_found_again(ahead: int) -> None:
    units = [[IDR], *[[INTER]] * 40]
    flow = packets(units, small, seq=100)
    wrong = flow[10]
    flow[10] = (wrong[0], wrong[1], wrong[2] + ahead, wrong[3])
    depayloader = H264Depayloader()
    found = feed(depayloader, flow)
    assert len(found) >= len(units) - 2
    assert {u.data for u in found} == {joined(IDR), joined(INTER)}


@pytest.mark.parametrize("ahead", [2, 49, 200])
def test_a_wrong_number_costs_three_packets_of_sound(ahead: int) -> None:
    depayloader = RawDepayloader()
    numbers = list(range(300))
    numbers[10] += ahead
    for seq in numbers:
        depayloader.feed(memoryview(b"\x55" * 160), 0, 160, 0x80, seq, 160 * seq)
    assert len(depayloader.units) >= len(numbers) - 3


def test_joining_in_the_middle_of_a_picture_drops_its_rest() -> None:
    flow = packets([[IDR], [INTER]], small)[2:]
    depayloader = H264Depayloader()
    assert [u.data for u in feed(depayloader, flow)] == [joined(INTER)]


H265_SETS = [b"\x40\x01vps", b"\x42\x01sps", b"\x44\x01pps"]
H265_SEI, H265_IDR, H265_TRAIL = b"\x4e\x01\x05u", b"\x26\x01\xaf" + bytes(50), b"\x02\x01\xd0" + bytes(40)


def test_h265_in_all_its_packings() -> None:
    units = [[b"\x46\x01\x10", *H265_SETS, H265_SEI, H265_IDR], [H265_SEI, H265_TRAIL]]
    for payloads in (h265_payloads, lambda u: h265_payloads(u, 13), lambda u: h265_payloads(u, 1400, aggregate=True)):
        found = feed(H265Depayloader(), packets(units, payloads))
        assert [(u.data, u.key, u.sets) for u in found] == [
            (joined(H265_SEI, H265_IDR), True, tuple(H265_SETS)),
            (joined(H265_SEI, H265_TRAIL), False, ()),
        ]


@pytest.mark.parametrize(
    "kind, key", [(0, False), (1, False), (16, True), (19, True), (20, True), (21, True), (9, False)]
)
def test_h265_random_access_pictures_are_keys(kind: int, key: bool) -> None:
    found = feed(H265Depayloader(), packets([[bytes([kind << 1, 1, 0x80, 1])]], h265_payloads))
    assert [u.key for u in found] == [key]


@given(st.randoms(use_true_random=False), st.booleans(), st.integers(5, 60), st.integers(0, 6))
def test_whatever_is_lost_what_comes_out_whole_was_sent(rng: random.Random, hevc: bool, mtu: int, losses: int) -> None:
    def head(kind: int) -> bytes:
        first = 0x80 | rng.randrange(128)
        return bytes([kind << 1, 1, first] if hevc else [0x60 | kind, first])

    kinds = [1, 1, 19] if hevc else [1, 1, 5]
    units = [[head(rng.choice(kinds)) + rng.randbytes(rng.randrange(1, 200))] for _ in range(8)]
    payloads = h265_payloads if hevc else h264_payloads
    flow = packets(units, lambda unit: payloads(unit, mtu))
    for _ in range(losses):
        flow.pop(rng.randrange(len(flow)))
    depayloader = H265Depayloader() if hevc else H264Depayloader()
    found = [u.data for u in feed(depayloader, flow)]
    sent = [joined(*unit) for unit in units]
    if not losses:
        assert found == sent
    # Every unit that comes out was sent, in that order: nothing damaged passes.
    position = iter(sent)
    assert all(unit in position for unit in found)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.integers(0, 255), st.integers(0, 65535),
                          st.integers(0, 2**32 - 1)), max_size=30))  # fmt: skip
def test_noise_raises_nothing(noise: list[Packet]) -> None:
    config = parse_aac(Format(97, "MPEG4-GENERIC", 16000, 1, {"config": "1408"}))
    for depayloader in (H264Depayloader(), H265Depayloader()):
        feed(depayloader, noise)
    for other in (AacDepayloader(config), RawDepayloader()):
        for payload, marker, seq, ts in noise:
            other.feed(memoryview(payload), 0, len(payload), marker, seq, ts)


def aac_payload(frames: Sequence[bytes], sizes: Sequence[int] | None = None) -> bytes:
    headers = b"".join(struct.pack(">H", size << 3) for size in (sizes or [len(f) for f in frames]))
    return struct.pack(">H", 8 * len(headers)) + headers + b"".join(frames)


def aac() -> AacDepayloader:
    return AacDepayloader(parse_aac(Format(97, "MPEG4-GENERIC", 48000, 2, {"config": "1190"})))


def test_several_aac_frames_in_a_packet_are_1024_ticks_apart() -> None:
    depayloader = aac()
    payload = aac_payload([b"one", b"three", b"x"])
    depayloader.feed(memoryview(payload), 0, len(payload), 0x80, 1, 0xFFFFFFFF)
    assert [(u.rtp, u.data) for u in depayloader.units] == [(0xFFFFFFFF, b"one"), (1023, b"three"), (2047, b"x")]


def test_an_aac_frame_over_several_packets_is_put_together() -> None:
    depayloader = aac()
    for seq, (part, marker) in enumerate([(b"abc", 0), (b"def", 0), (b"gh", 0x80)]):
        payload = aac_payload([part], [8])
        depayloader.feed(memoryview(payload), 0, len(payload), marker, seq, 77)
    assert [(u.rtp, u.data) for u in depayloader.units] == [(77, b"abcdefgh")]
    assert depayloader.damaged == 0


def test_an_aac_fragment_whose_rest_is_lost_is_dropped_and_counted() -> None:
    depayloader = aac()
    for seq, payload in ((0, aac_payload([b"abc"], [8])), (2, aac_payload([b"whole"]))):
        depayloader.feed(memoryview(payload), 0, len(payload), 0x80 * (seq == 2), seq, 1024 * seq)
    assert [u.data for u in depayloader.units] == [b"whole"]
    assert (depayloader.lost, depayloader.damaged) == (1, 1)
