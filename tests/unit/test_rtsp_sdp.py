from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.media.rtsp.offer import choose_audio, choose_video, offered_names
from evertape.media.rtsp.sdp import base_url, parse_sdp, resolve_control, sprop_sets
from evertape.types import Codec

CAMERA = """v=0
o=- 1 1 IN IP4 0.0.0.0
s=Media Presentation
a=control:rtsp://10.0.0.9:554/Streaming/Channels/101/
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z2QAKKy0A8ARPyo=,aO48MA==
a=control:trackID=1
a=framesize:96 1920-1080
m=audio 0 RTP/AVP 0 97
a=rtpmap:97 MPEG4-GENERIC/16000/1
a=fmtp:97 mode=AAC-hbr;config=1408;sizelength=13;indexlength=3;indexdeltalength=3
a=control:trackID=2
m=audio 0 RTP/AVP 8
a=control:trackID=3
a=sendonly
m=application 0 RTP/AVP 107
a=rtpmap:107 vnd.onvif.metadata/90000
"""


def test_a_camera_is_understood() -> None:
    description = parse_sdp(CAMERA)
    video = choose_video(description)
    assert video is not None
    assert (video.codec, video.media.control, video.format.payload_type) == (Codec.H264, "trackID=1", 96)
    assert video.media.size == (1920, 1080)
    assert [nal[0] & 31 for nal in sprop_sets(video.format.fmtp)] == [7, 8]
    audio, complaint = choose_audio(description)
    assert audio is not None
    assert (str(audio), complaint) == ("pcmu 8000 Hz 1 ch", "")


def test_aac_is_read_from_its_config() -> None:
    audio, _ = choose_audio(parse_sdp(CAMERA.replace("RTP/AVP 0 97", "RTP/AVP 97")))
    assert audio is not None
    assert audio.aac is not None
    assert (audio.aac.rate, audio.aac.channels, audio.aac.frame_ticks) == (16000, 1, 1024)


@pytest.mark.parametrize("config", ["", "zz", "14", "1f", "ffffffffff"])
def test_aac_that_cannot_be_described_is_said_and_left(config: str) -> None:
    text = CAMERA.replace("RTP/AVP 0 97", "RTP/AVP 97").replace("config=1408", f"config={config}")
    audio, complaint = choose_audio(parse_sdp(text))
    assert audio is None
    assert complaint


def test_the_back_channel_is_no_audio_of_the_camera() -> None:
    text = CAMERA.replace("RTP/AVP 0 97", "RTP/AVP 99")
    audio, complaint = choose_audio(parse_sdp(text))
    assert audio is None
    assert "99" in complaint


@pytest.mark.parametrize("fmtp", ["packetization-mode=2", "sprop-max-don-diff=1"])
def test_interleaved_video_is_not_chosen(fmtp: str) -> None:
    text = CAMERA.replace("packetization-mode=1", fmtp)
    assert choose_video(parse_sdp(text)) is None
    assert offered_names(parse_sdp(text)).startswith("video H264, audio PCMU, audio MPEG4-GENERIC")


@pytest.mark.parametrize(
    "base, control, expected",
    [
        ("rtsp://h/live", "trackID=1", "rtsp://h/live/trackID=1"),
        ("rtsp://h/live/", "trackID=1", "rtsp://h/live/trackID=1"),
        ("rtsp://h/live?x=1", "trackID=1", "rtsp://h/live?x=1/trackID=1"),
        ("rtsp://h/live/", "/trackID=1", "rtsp://h/live/trackID=1"),
        ("rtsp://h/live", "*", "rtsp://h/live"),
        ("rtsp://h/live", "", "rtsp://h/live"),
        ("rtsp://h/live", "rtsp://other:8554/x", "rtsp://other:8554/x"),
        ("rtsp://h/live", "?ctype=video", "rtsp://h/live?ctype=video"),
    ],
)
def test_controls_are_resolved_as_cameras_mean_them(base: str, control: str, expected: str) -> None:
    assert resolve_control(base, control) == expected


@pytest.mark.parametrize(
    "content_base, location, expected",
    [
        ("", "", "rtsp://h/live"),
        ("rtsp://h/live/", "", "rtsp://h/live/"),
        ("", "rtsp://h/other/", "rtsp://h/other/"),
        ("/elsewhere/", "", "rtsp://h/elsewhere/"),
        ("rtsp:///", "rtsp://h/x/", "rtsp://h/x/"),
    ],
)
def test_the_base_is_content_base_then_content_location_then_the_request(
    content_base: str, location: str, expected: str
) -> None:
    assert base_url("rtsp://h/live", content_base, location) == expected


def test_h265_sets_come_in_decoding_order() -> None:
    fmtp = {"sprop-pps": "RAE=", "sprop-vps": "QAE", "sprop-sps": "QgE="}
    assert [(nal[0] >> 1) & 63 for nal in sprop_sets(fmtp)] == [32, 33, 34]


@given(st.text(max_size=400))
def test_no_description_raises(text: str) -> None:
    for whole in (text, CAMERA + text, "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=" + text):
        description = parse_sdp(whole)
        choose_audio(description)
        video = choose_video(description)
        if video is not None:
            sprop_sets(video.format.fmtp)
        offered_names(description)
