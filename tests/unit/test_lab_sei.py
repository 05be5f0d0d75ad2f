"""The numbered SEI message: its bytes, and finding it in any bytes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.types import Codec
from evertape_lab.sei import LAB_UUID, SeenFrame, SeiBuilder, find_frames, stamp

NAMES = st.from_regex(r"[A-Za-z0-9_./-]{1,64}", fullmatch=True)
COUNTERS = st.integers(0, 10**15 - 1)
INSTANTS = st.integers(0, 10**19 - 1)


def test_h264_message_is_a_type_6_nal_with_payload_type_5_and_its_exact_size() -> None:
    nal = SeiBuilder(Codec.H264, "cam_01").nal(123, 1_764_000_000_040_000_000)
    text = b"name=cam_01 n=000000000000123 utc=1764000000040000000"
    assert nal == bytes([6, 5, 16 + len(text)]) + LAB_UUID + text + b"\x80"


def test_h265_message_is_a_prefix_sei_nal() -> None:
    nal = SeiBuilder(Codec.H265, "cam_01").nal(0, 0)
    assert nal[0] >> 1 & 63 == 39
    assert nal[1] == 1, "layer 0, temporal id 0"
    assert nal[2] == 5


@given(NAMES, COUNTERS, INSTANTS, st.sampled_from([Codec.H264, Codec.H265]))
def test_message_has_constant_size_and_never_needs_emulation_prevention(
    name: str, n: int, utc_ns: int, codec: Codec
) -> None:
    builder = SeiBuilder(codec, name)
    nal = builder.nal(n, utc_ns)
    assert len(nal) == builder.size
    assert b"\x00" not in nal
    assert builder.sized(stamp(n, utc_ns)) == len(nal).to_bytes(4, "big") + nal


@given(NAMES, st.lists(st.tuples(st.binary(max_size=40), COUNTERS, INSTANTS), max_size=8), st.binary(max_size=40))
def test_every_message_is_found_whatever_lies_between(
    name: str, parts: list[tuple[bytes, int, int]], end: bytes
) -> None:
    builder = SeiBuilder(Codec.H264, name)
    data = bytearray()
    expected = []
    for filling, n, utc_ns in parts:
        data += filling + builder.nal(n, utc_ns)
        expected.append(SeenFrame(name, n, utc_ns, len(data) - builder.size + 3))
    assert list(find_frames(bytes(data) + end)) == expected


def test_a_message_cut_short_is_not_found() -> None:
    nal = SeiBuilder(Codec.H264, "cam_01").nal(1, 2)
    assert len(list(find_frames(nal[:-1]))) == 1, "only the trailing bits are missing"
    assert list(find_frames(nal[:-2])) == []
    assert list(find_frames(nal, 4)) == []
    assert list(find_frames(nal, 0, len(nal) - 2)) == []


@pytest.mark.parametrize("name", ["", "a b", "n=1", "x" * 65, "ü"])
def test_a_name_that_would_make_the_line_ambiguous_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape("lab camera's name")):
        SeiBuilder(Codec.H264, name)


def test_audio_has_no_sei() -> None:
    with pytest.raises(ValueError, match="aac"):
        SeiBuilder(Codec.AAC, "cam_01")
