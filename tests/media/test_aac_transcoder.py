"""G.711 to AAC: what goes in at a time comes out at that time, through a real encoder and a real decoder."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise

import pytest

from evertape.media.capture import RawAudio
from evertape.media.elements import NEEDS
from evertape.media.gst import audio as audio_module
from evertape.media.gst.audio import AacTranscoder, audio_specific_config, make_transcoder
from evertape.media.gst.lib import Gst, dispose, first_element, join_disposals, make, new_pipeline
from evertape.types import NS_PER_MS, NS_PER_S, Codec

ENCODERS = [name for name in ("avenc_aac", "fdkaacenc", "voaacenc", "faac") if first_element(name) is not None]
RATE = 8000
PACKET = 160
FRAME_NS = 128 * NS_PER_MS
# G.711: the loudest value of either sign, and silence (ITU-T G.711 tables 1 and 2).
LOUD = {"PCMU": b"\x80\x00", "PCMA": b"\xaa\x2a"}
QUIET = {"PCMU": b"\xff", "PCMA": b"\xd5"}


def sound(law: str, seconds: float, click_at: float) -> bytes:
    """Silence with 20 ms of a loud 1 kHz square wave."""
    data = bytearray(QUIET[law] * int(RATE * seconds))
    start = int(click_at * RATE)
    for sample in range(start, start + PACKET):
        data[sample] = LOUD[law][sample // 4 % 2]
    return bytes(data)


def feed(transcoder: AacTranscoder, data: bytes, start_ns: int) -> list[tuple[int, bytes]]:
    frames: list[tuple[int, bytes]] = []
    for offset in range(0, len(data), PACKET):
        frames += transcoder.feed(data[offset : offset + PACKET], start_ns + offset * NS_PER_S // RATE)
        time.sleep(0.0005)  # as a camera would, only faster
    return frames


def collect(transcoder: AacTranscoder, frames: list[tuple[int, bytes]], count: int) -> list[tuple[int, bytes]]:
    deadline = time.monotonic() + 5
    while len(frames) < count and time.monotonic() < deadline:
        frames += transcoder.feed(b"", frames[-1][0] + FRAME_NS if frames else 0)
        time.sleep(0.005)
    return frames


@contextmanager
def decoder(config: bytes, rate: int, channels: int) -> Iterator[tuple[object, object]]:
    caps = Gst.Caps.from_string(
        f"audio/mpeg,mpegversion=4,stream-format=raw,framed=true,rate={rate},channels={channels},codec_data=(buffer){config.hex()}"
    )
    source = make("appsrc", caps=caps, format=Gst.Format.TIME)
    sink = make("appsink", caps=Gst.Caps.from_string("audio/x-raw,format=S16LE"), sync=False)
    elements = [source, make("avdec_aac"), make("audioconvert"), sink]
    pipeline = new_pipeline()
    for element in elements:
        pipeline.add(element)
    for upstream, downstream in pairwise(elements):
        assert upstream.link(downstream)
    pipeline.set_state(Gst.State.PLAYING)
    try:
        yield source, sink
    finally:
        dispose(pipeline)
        join_disposals(5)


def decode(config: bytes, frames: list[tuple[int, bytes]]) -> array[int]:
    samples = array("h")
    with decoder(config, RATE, 1) as (source, sink):
        for index, (_, data) in enumerate(frames):
            buffer = Gst.Buffer.new_wrapped(data)
            buffer.pts = index * FRAME_NS
            source.push_buffer(buffer)  # type: ignore[attr-defined]
        source.end_of_stream()  # type: ignore[attr-defined]
        while (sample := sink.try_pull_sample(NS_PER_S)) is not None:  # type: ignore[attr-defined]
            buffer = sample.get_buffer()
            samples.frombytes(buffer.extract_dup(0, buffer.get_size()))
    return samples


def first_loud(samples: array[int]) -> int:
    return next(index for index, value in enumerate(samples) if abs(value) > 8000)


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_click_comes_out_when_it_went_in(monkeypatch: pytest.MonkeyPatch, encoder: str, law: str) -> None:
    monkeypatch.setattr(audio_module, "_ENCODERS", (encoder,))
    with closing(AacTranscoder(RawAudio(law, RATE, 1))) as transcoder:
        frames = collect(transcoder, feed(transcoder, sound(law, 2.0, 1.0), 7 * NS_PER_S), 12)
        config = transcoder.caps.config
    assert len(frames) >= 12
    assert all(later[0] - earlier[0] == FRAME_NS for earlier, later in pairwise(frames))
    heard_ns = frames[0][0] + first_loud(decode(config, frames)) * NS_PER_S // RATE
    assert heard_ns == pytest.approx(8 * NS_PER_S, abs=3 * NS_PER_MS)


def test_sound_after_a_long_gap_is_where_it_belongs() -> None:
    with closing(AacTranscoder(RawAudio("PCMU", RATE, 1))) as transcoder:
        frames = feed(transcoder, sound("PCMU", 1.0, 0.5), 0)
        frames += feed(transcoder, sound("PCMU", 2.0, 1.0), 60 * NS_PER_S)
        frames = collect(transcoder, frames, 20)
        config = transcoder.caps.config
    stamps = [pts for pts, _ in frames]
    assert stamps == sorted(set(stamps))
    second = [frame for frame in frames if frame[0] >= 60 * NS_PER_S]
    assert second[0][0] == 60 * NS_PER_S
    assert not any(NS_PER_S + FRAME_NS < pts < 60 * NS_PER_S for pts in stamps)
    heard_ns = second[0][0] + first_loud(decode(config, second)) * NS_PER_S // RATE
    assert heard_ns == pytest.approx(61 * NS_PER_S, abs=3 * NS_PER_MS)


@pytest.mark.timed
def test_feeding_never_blocks_even_if_the_encoder_does() -> None:
    with closing(AacTranscoder(RawAudio("PCMU", RATE, 1))) as transcoder:
        feed(transcoder, sound("PCMU", 0.2, 0.1), 0)
        pad = transcoder._sink.get_static_pad("sink")
        probe = pad.add_probe(Gst.PadProbeType.BLOCK_DOWNSTREAM, lambda _pad, _info: Gst.PadProbeReturn.OK)
        begun = time.monotonic()
        for second in range(1, 41):
            transcoder.feed(QUIET["PCMU"] * RATE, second * NS_PER_S)
        assert time.monotonic() - begun < 1
        assert transcoder._source.get_property("current-level-bytes") <= 64 * 1024 + RATE
        pad.remove_probe(probe)
        deadline = time.monotonic() + 5
        frames: list[tuple[int, bytes]] = []
        while time.monotonic() < deadline and not any(pts >= 50 * NS_PER_S for pts, _ in frames):
            frames += transcoder.feed(QUIET["PCMU"] * RATE, (50 + len(frames) // 8) * NS_PER_S)
            time.sleep(0.01)
    # What was left out meanwhile is a hole, and what came after it is in its place.
    assert any(pts >= 50 * NS_PER_S for pts, _ in frames)


def test_a_failing_encoder_costs_the_audio_and_nothing_else() -> None:
    with closing(AacTranscoder(RawAudio("PCMU", RATE, 1))) as transcoder:
        feed(transcoder, sound("PCMU", 0.2, 0.1), 0)
        transcoder._source.post_message(
            Gst.Message.new_error(transcoder._source, gerror("rtsp://admin:hunter2@cam/"), "why")
        )
        for packet in range(5):
            transcoder.feed(QUIET["PCMU"] * PACKET, packet * 20 * NS_PER_MS)
        assert list(transcoder.feed(QUIET["PCMU"] * PACKET, NS_PER_S // 2)) == []
    assert "rtsp://admin:***@cam/" in transcoder.trouble


def gerror(text: str) -> object:
    from gi.repository import GLib

    return GLib.Error.new_literal(Gst.StreamError.quark(), text, int(Gst.StreamError.ENCODE))


def test_caps_are_known_before_anything_went_in_and_stereo_is_two_channels() -> None:
    with closing(AacTranscoder(RawAudio("PCMA", 16000, 2))) as transcoder:
        caps = transcoder.caps
    assert (caps.codec, caps.rate, caps.channels, caps.config) == (Codec.AAC, 16000, 2, bytes.fromhex("1410"))


@pytest.mark.parametrize("raw", [RawAudio("PCMU", 8001, 1), RawAudio("PCMU", 8000, 6), RawAudio("G726-32", 8000, 1)])
def test_what_aac_cannot_hold_is_refused(raw: RawAudio) -> None:
    assert make_transcoder(raw) is None


def test_without_an_encoder_there_is_no_transcoder(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audio_module, "_ENCODERS", ("no_such_encoder",))
    assert make_transcoder(RawAudio("PCMU", 8000, 1)) is None
    assert "no AAC encoder" in caplog.text


@pytest.mark.parametrize("rate, channels, config", [(8000, 1, "1588"), (16000, 1, "1408"), (48000, 2, "1190")])
def test_the_specific_config_is_what_encoders_say(rate: int, channels: int, config: str) -> None:
    assert audio_specific_config(rate, channels).hex() == config


def test_a_closed_transcoder_takes_nothing_and_closes_again() -> None:
    transcoder = AacTranscoder(RawAudio("PCMU", RATE, 1))
    transcoder.close()
    transcoder.close()
    assert list(transcoder.feed(QUIET["PCMU"] * PACKET, 0)) == []
    assert join_disposals(5)


def test_an_encoder_that_fails_is_said_and_made_anew_a_second_of_sound_later() -> None:
    with closing(AacTranscoder(RawAudio("PCMU", RATE, 1))) as transcoder:
        before = collect(transcoder, feed(transcoder, sound("PCMU", 1.0, 0.5), 0), 5)
        assert len(before) >= 5
        source = transcoder._source
        source.post_message(Gst.Message.new_error(source, gerror("made"), ""))
        assert list(transcoder.feed(QUIET["PCMU"] * PACKET, NS_PER_S)) == []
        assert "made" in transcoder.trouble
        assert feed(transcoder, sound("PCMU", 0.9, 0.5), NS_PER_S) == []
        after = collect(transcoder, feed(transcoder, sound("PCMU", 1.0, 0.5), 2 * NS_PER_S), 5)
    assert len(after) >= 5
    assert transcoder.trouble == ""
    # What an encoder needs to get going lies before its first sample.
    assert 2 * NS_PER_S - FRAME_NS <= after[0][0] <= 2 * NS_PER_S + FRAME_NS
    assert join_disposals(5)


def test_every_element_in_use_is_one_that_doctor_looks_for() -> None:
    from evertape.media.gst import pipeline

    known = {name for need in NEEDS for name in need.any_of}
    used = {name for name, _ in pipeline._VIDEO.values()}
    used |= {name for names, _ in pipeline._AUDIO.values() for name in names}
    used |= {decoder for _, decoder, _ in audio_module._LAWS.values()} | set(audio_module._DELAYS)
    used |= {"errorignore", "rtspsrc", "appsink", "appsrc", "audioconvert", "audioresample", "aacparse"}
    assert used <= known
