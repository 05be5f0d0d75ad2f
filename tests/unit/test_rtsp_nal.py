from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.media.rtsp.nal import ParameterSetError, parse_h264_sps, parse_h265_sps
from evertape.media.rtsp.parameters import ParameterSets
from evertape.types import Codec

# The avcC and hvcC that ffmpeg 5.1 wrote for streams of x264 and x265 (SEI array left out), with what they are.
BASELINE = "0142c028ffe100196742c028da01e0089f97011000000300100000030320f1832a01000468ce0fc8"
B_FRAMES = "01640028ffe1001b67640028acd940780227e5c044000003000400000300c83c60c65801000668ebe3cb22c0fdf8f800"
INTERLACED = "014d401effe10018674d401ef4058126c044000003000400000300c87c50aa8001000468de0fc8"
HEVC = (
    "01016000000090000000000078f000fcfdf8f800000f03a00001001840010c01ffff016000000300900000030000030078ba0240"
    "a10001002b420101016000000300900000030000030078a003c0801107cb96e92930bc05a02000000300200000030321"
    "a2000100064401c073c189"
)
HEVC_CROPPED = (
    "0101600000009000000000003ff000fcfdf8f800000f03a00001001840010c01ffff01600000030090000003000003003f959409"
    "a10001002b42010101600000030090000003000003003fa005020169d56595964932bc05a02000000300200000030321"
    "a2000100074401c172b46240"
)
HEVC_10_BIT = (
    "0102200000009000000000003ff000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003000003003fba0240"
    "a10001002a42010102200000030090000003000003003fa005020171f2b65ba4a4c2f0168080000003008000000c84"
    "a2000100064401c073c189"
)


def avcc_sets(config: bytes) -> Iterator[bytes]:
    pos = 5
    for _ in range(2):
        count, pos = config[pos] & 31, pos + 1
        for _ in range(count):
            size = struct.unpack_from(">H", config, pos)[0]
            yield config[pos + 2 : pos + 2 + size]
            pos += 2 + size


def hvcc_sets(config: bytes) -> Iterator[bytes]:
    pos = 23
    for _ in range(config[22]):
        count, pos = struct.unpack_from(">H", config, pos + 1)[0], pos + 3
        for _ in range(count):
            size = struct.unpack_from(">H", config, pos)[0]
            yield config[pos + 2 : pos + 2 + size]
            pos += 2 + size


@pytest.mark.parametrize(
    "codec, config, size, reorder, frame_ms",
    [
        (Codec.H264, BASELINE, (1920, 1080), 0, 40),
        (Codec.H264, B_FRAMES, (1920, 1080), 2, 40),
        (Codec.H264, INTERLACED, (704, 576), 0, 40),
        (Codec.H265, HEVC, (1920, 1080), 0, None),
        (Codec.H265, HEVC_CROPPED, (638, 358), 2, None),
        (Codec.H265, HEVC_10_BIT, (640, 360), 0, None),
    ],
)
def test_real_parameter_sets_are_read_and_boxed_as_ffmpeg_does(
    codec: Codec, config: str, size: tuple[int, int], reorder: int, frame_ms: int | None
) -> None:
    expected = bytes.fromhex(config)
    nals = list(avcc_sets(expected) if codec is Codec.H264 else hvcc_sets(expected))
    sets = ParameterSets(codec, nals)
    built = sets.build()
    assert built is not None
    sps, body = built
    assert body == expected
    assert ((sps.width, sps.height), sps.reorder) == (size, reorder)
    assert sps.frame_ns == (frame_ms * 1_000_000 if frame_ms else None)
    assert sets.invalid == 0


def test_sets_without_their_partners_make_no_configuration() -> None:
    sps, pps = avcc_sets(bytes.fromhex(BASELINE))
    sets = ParameterSets(Codec.H264, [sps])
    assert sets.build() is None
    sets.offer([pps])
    assert sets.build() is not None


def test_a_newer_set_of_the_same_id_replaces_the_older() -> None:
    small = list(avcc_sets(bytes.fromhex(INTERLACED)))
    large = list(avcc_sets(bytes.fromhex(BASELINE)))
    sets = ParameterSets(Codec.H264, small)
    before = sets.build()
    sets.offer(large)
    assert not sets.current(large)
    after = sets.build()
    assert before is not None
    assert after is not None
    assert (before[0].width, after[0].width) == (704, 1920)
    assert sets.current(large)
    assert not sets.current(small)


def test_a_second_picture_parameter_set_is_kept_beside_the_first() -> None:
    sps, pps = avcc_sets(bytes.fromhex(BASELINE))
    second = bytes([pps[0], 0b01000000 | pps[1] >> 2]) + pps[2:]  # pic_parameter_set_id 1
    sets = ParameterSets(Codec.H264, [sps, pps, second])
    built = sets.build()
    assert built is not None
    assert list(avcc_sets(built[1])) == [sps, pps, second]


def test_a_corrupted_set_is_counted_and_changes_nothing() -> None:
    nals = list(avcc_sets(bytes.fromhex(BASELINE)))
    sets = ParameterSets(Codec.H264, nals)
    before = sets.build()
    sets.offer([nals[0][:5], b"\x67", b"\x09\x10"])
    assert sets.invalid == 3
    assert sets.build() == before


@given(st.binary(max_size=80), st.integers(0, 60))
def test_no_set_raises_anything_but_its_own_error(noise: bytes, at: int) -> None:
    for config, parse in ((BASELINE, parse_h264_sps), (B_FRAMES, parse_h264_sps), (HEVC, parse_h265_sps)):
        whole = bytes.fromhex(config)
        good = next(avcc_sets(whole)) if parse is parse_h264_sps else list(hvcc_sets(whole))[1]
        for bad in (noise, good[: 1 + at] + noise, good[:2] + noise):
            try:
                sps = parse(bad)
            except ParameterSetError:
                continue
            assert 0 < sps.width <= 16384
            assert 0 < sps.height <= 16384
            assert 0 <= (sps.reorder or 0) <= 16
        for codec in (Codec.H264, Codec.H265):
            ParameterSets(codec, [noise, good, good[:at] + noise]).build()
