"""What a hub sends live can be read back, and what is not that is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.errors import ProtocolError
from evertape.mp4.live import LiveMuxer
from evertape.mp4.live_reader import live_format, live_pictures
from evertape.types import NS_PER_MS, AudioCaps, Codec, StreamCaps, Track, VideoCaps

AVC = bytes.fromhex("0142c01fffe1000467420000010004680000")
AAC = bytes.fromhex("1210")
VIDEO = VideoCaps(Codec.H264, AVC, 640, 360)
SOUND = AudioCaps(Codec.AAC, AAC, 16000, 1)


@pytest.mark.parametrize("audio", [None, SOUND])
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_the_format_comes_back(audio: AudioCaps | None, codec: Codec) -> None:
    video = VideoCaps(codec, AVC + b"\x01" * 20, 1920, 1080)
    assert live_format(LiveMuxer(StreamCaps(0, video, audio)).init()) == video


def test_pictures_come_back_in_their_order_and_sound_is_left_out() -> None:
    muxer = LiveMuxer(StreamCaps(0, VIDEO, SOUND))
    sent = [(0, 80, True, b"first"), (40, 120, False, b"second" * 100), (80, 80, False, b"")]
    data = b"".join(
        muxer.fragment(Track.VIDEO, dts * NS_PER_MS, pts * NS_PER_MS, key, body)
        + muxer.fragment(Track.AUDIO, dts * NS_PER_MS, dts * NS_PER_MS, True, b"la")
        for dts, pts, key, body in sent
    )
    found = list(live_pictures(data))
    assert [(one.key, one.data) for one in found] == [(key, body) for _, _, key, body in sent]
    for one, (_, pts, _, _) in zip(found, sent, strict=True):
        assert abs(one.pts_ns - pts * NS_PER_MS) < NS_PER_MS


@given(st.binary(max_size=200), st.integers(0, 120))
def test_what_cannot_be_read_is_refused_by_the_right_error(junk: bytes, cut: int) -> None:
    whole = LiveMuxer(StreamCaps(0, VIDEO)).fragment(Track.VIDEO, 0, 0, True, b"x" * 40)
    for data in (whole[:cut], whole[:cut] + junk, junk):
        with contextlib.suppress(ProtocolError):
            assert all(len(one.data) <= len(data) for one in live_pictures(data))


def test_a_fragment_that_is_cut_off_is_refused() -> None:
    whole = LiveMuxer(StreamCaps(0, VIDEO)).fragment(Track.VIDEO, 0, 0, True, b"x" * 40)
    with pytest.raises(ProtocolError):
        list(live_pictures(whole[:-1]))
    with pytest.raises(ProtocolError):
        live_format(whole)
