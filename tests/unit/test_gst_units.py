"""Depayloaded pictures and decoder configurations, taken apart without GStreamer."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.media.gst.failures import RESOURCE, STREAM, classify, is_refused_setup
from evertape.media.gst.units import DamagedUnitError, read_unit, sets_of_config
from evertape.media.rtsp.config_boxes import build_avcc, build_hvcc
from evertape.media.rtsp.nal import parse_h264_sps, parse_h265_sps
from evertape.types import Codec

SPS = bytes.fromhex("6742c01eda0280bfe5c05a83030352800000030080000019478b1750")
PPS = bytes.fromhex("68ce3c80")
VPS_265 = bytes.fromhex("40010c01ffff01600000030090000003000003003c959809")
SPS_265 = bytes.fromhex("420101016000000300900000030000030078a0050201e965959a4932bc05a020000003002000000303c1")
PPS_265 = bytes.fromhex("4401c172b46240")


def sized(*nals: bytes) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)


def slice_264(kind: int = 1, first: bool = True, size: int = 20) -> bytes:
    return bytes([0x60 | kind, 0x88 if first else 0x48]) + bytes(size)


def slice_265(kind: int = 1, first: bool = True) -> bytes:
    return bytes([kind << 1, 1, 0x80 if first else 0x20]) + bytes(20)


def test_sets_come_out_of_an_avcc() -> None:
    config = build_avcc([SPS], [PPS, PPS + b"\x01"], parse_h264_sps(SPS))
    assert sets_of_config(Codec.H264, config) == (SPS, PPS, PPS + b"\x01")


def test_sets_come_out_of_an_hvcc() -> None:
    config = build_hvcc([VPS_265], [SPS_265], [PPS_265], parse_h265_sps(SPS_265))
    assert sets_of_config(Codec.H265, config) == (VPS_265, SPS_265, PPS_265)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_config_cut_anywhere_is_damaged(codec: Codec) -> None:
    whole = (
        build_avcc([SPS], [PPS], parse_h264_sps(SPS))
        if codec is Codec.H264
        else build_hvcc([VPS_265], [SPS_265], [PPS_265], parse_h265_sps(SPS_265))
    )
    for size in range(len(whole)):
        with pytest.raises(DamagedUnitError):
            sets_of_config(codec, whole[:size])


def test_lengths_of_two_bytes_are_refused() -> None:
    config = bytearray(build_avcc([SPS], [PPS], parse_h264_sps(SPS)))
    config[4] = 0xFD
    with pytest.raises(DamagedUnitError):
        sets_of_config(Codec.H264, bytes(config))


def test_a_plain_picture_is_passed_on_uncopied() -> None:
    data = sized(b"\x06\x05\x01\x02\x80", slice_264(), slice_264(first=False))
    raw = read_unit(Codec.H264, data, 90)
    assert (raw.rtp, raw.key, raw.sets) == (90, False, ())
    assert raw.data is data


def test_delimiters_and_sets_are_taken_out_and_all_else_stays_in_order() -> None:
    sei, idr = b"\x06\x05\x01\x02\x80", slice_264(5)
    raw = read_unit(Codec.H264, sized(b"\x09\x10", SPS, PPS, sei, idr, slice_264(5, first=False)), 0)
    assert raw.key
    assert raw.sets == (SPS, PPS)
    assert raw.data == sized(sei, idr, slice_264(5, first=False))


@pytest.mark.parametrize("kind, key", [(1, False), (9, False), (19, True), (20, True), (21, True), (16, True)])
def test_h265_keyframes_are_those_a_decoder_can_start_at(kind: int, key: bool) -> None:
    aud, sei = b"\x46\x01\x50", b"\x4e\x01\x05\x80"
    raw = read_unit(Codec.H265, sized(aud, VPS_265, SPS_265, PPS_265, sei, slice_265(kind)), 0)
    assert raw.key is key
    assert raw.sets == (VPS_265, SPS_265, PPS_265)
    assert raw.data == sized(sei, slice_265(kind))


def test_h264_numbers_mean_nothing_in_h265_and_the_other_way_round() -> None:
    # 9 is a delimiter in H.264 and a leading picture in H.265; 35 is not even a number in H.264.
    assert read_unit(Codec.H265, sized(slice_265(9)), 0).data == sized(slice_265(9))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0",
        sized(b"\x06\x05\x01\x80"),
        sized(slice_264(first=False)),
        sized(slice_264())[:-1],
        sized(slice_264()) + b"\0\0",
        b"\0\0\0\0" + sized(slice_264()),
        b"\xff\xff\xff\xff" + slice_264(),
        sized(b"\x61"),
    ],
)
def test_what_makes_no_sense_is_damaged(data: bytes) -> None:
    with pytest.raises(DamagedUnitError):
        read_unit(Codec.H264, data, 0)


@given(data=st.binary(max_size=64), codec=st.sampled_from([Codec.H264, Codec.H265]))
def test_no_bytes_raise_anything_else(data: bytes, codec: Codec) -> None:
    for read in (lambda: read_unit(codec, data, 0), lambda: sets_of_config(codec, data)):
        with suppress(DamagedUnitError):
            read()


@pytest.mark.parametrize(
    "detail, opened, kind",
    [
        (ErrorDetail(domain=RESOURCE, code=7), False, None),
        (ErrorDetail(domain=RESOURCE, code=9), False, None),
        (ErrorDetail(domain=RESOURCE, code=9), True, FailureKind.RESET),
        (ErrorDetail(domain=RESOURCE, code=15, rtsp_status=401), False, FailureKind.AUTH_FAILED),
        (ErrorDetail(domain=RESOURCE, code=9, rtsp_status=403), False, FailureKind.AUTH_FAILED),
        (ErrorDetail(domain=RESOURCE, code=3, rtsp_status=404), False, FailureKind.NOT_FOUND),
        (ErrorDetail(domain=RESOURCE, code=9, rtsp_status=503), False, FailureKind.SERVER_ERROR),
        (ErrorDetail(domain=RESOURCE, code=9, rtsp_status=453), False, FailureKind.SERVER_ERROR),
        (ErrorDetail(domain=RESOURCE, code=9, rtsp_status=454), True, FailureKind.PROTOCOL),
        (ErrorDetail(domain=RESOURCE, code=13), False, FailureKind.PROTOCOL),
        (ErrorDetail(domain=STREAM, code=1), True, FailureKind.INTERNAL),
        (ErrorDetail(domain=STREAM, code=6), True, FailureKind.CODEC_UNSUPPORTED),
        (ErrorDetail(domain="gst-core-error-quark", code=12), False, FailureKind.INTERNAL),
    ],
)
def test_gstreamers_codes_mean(detail: ErrorDetail, opened: bool, kind: FailureKind | None) -> None:
    assert classify(detail, opened=opened) is kind


@pytest.mark.parametrize(
    "detail, refused",
    [
        (ErrorDetail(domain=RESOURCE, code=10), True),
        (ErrorDetail(domain=RESOURCE, code=10, rtsp_status=500), False),
        (ErrorDetail(domain=RESOURCE, code=9), False),
        (ErrorDetail(domain=STREAM, code=10), False),
    ],
)
def test_a_refused_setup_is_told_from_other_errors(detail: ErrorDetail, refused: bool) -> None:
    assert is_refused_setup(detail) is refused
