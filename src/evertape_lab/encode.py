"""Encodes the loops: a test picture with number, clock and noise, and a tone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from evertape.errors import SetupError
from evertape.types import Codec
from evertape_lab import picture
from evertape_lab.gstreamer import Gst, first_element
from evertape_lab.loop import FORMAT_VERSION, AudioLoop, LoopFrame, LoopParams, VideoLoop

# NAL unit types to put before the SEI, and those of slices (H.264 table 7-1, H.265 table 7-1).
# Everything else (delimiters, the encoder's own SEI, filler) is dropped.
_H264_SETS, _H264_SLICES = {7, 8}, range(1, 6)
_H265_SETS, _H265_SLICES = {32, 33, 34}, range(32)
# A rate controller starts with a full buffer and spends it: over a loop that is this much more than asked for
# (measured with both encoders at 360p and 1080p), so the encoder is asked for as much less.
_RATE_CREDIT_S = 0.37
_PULL_NS = 20 * 1_000_000_000

_AAC_RATE, _AAC_UNITS = 16000, 125  # 125 x 1024 samples are 8 s
_G711_RATE, _G711_SAMPLES, _G711_UNITS = 8000, 320, 100  # 100 x 40 ms are 4 s
_AAC_PRIMING = 4
_TONE_HZ = 440  # a whole number of periods in both loops, so that they close without a click


def encode_video(params: LoopParams) -> VideoLoop:
    """Draw and encode one loop; takes a few seconds of CPU at 1080p.

    Raises:
        SetupError: an element is missing, or the encoder failed or broke the rhythm asked for.
    """
    pipeline = Gst.parse_launch(
        f"appsrc name=raw format=time block=true max-bytes=20000000 ! {_encoder(params)} ! appsink name=out sync=false"
    )
    raw, out = pipeline.get_by_name("raw"), pipeline.get_by_name("out")
    raw.set_property("caps", _raw_caps(params))
    pipeline.set_state(Gst.State.PLAYING)
    try:
        samples = list(_run(params, raw, out))
        _raise_errors(pipeline)
    finally:
        pipeline.set_state(Gst.State.NULL)
    if not samples:
        raise SetupError(f"the {params.codec} encoder gave nothing")
    frames = _order(_whole([_frame(params.codec, sample.get_buffer()) for sample in samples]))
    _check(params, frames)
    return VideoLoop(FORMAT_VERSION, params, samples[0].get_caps().to_string(), frames)


def encode_audio(kind: str) -> AudioLoop:
    """Encode one loop of the tone; raises ``SetupError`` if an element is missing."""
    if kind == "aac":
        return _encode_aac()
    encoder = {"pcma": "alawenc", "pcmu": "mulawenc"}[kind]
    buffers, caps = _encode_tone(_G711_RATE, _G711_SAMPLES, _G711_UNITS, first_element(encoder))
    return AudioLoop(FORMAT_VERSION, caps, _G711_RATE, _G711_SAMPLES, buffers)


def _encode_aac() -> AudioLoop:
    encoder = first_element("fdkaacenc", "voaacenc", "avenc_aac")
    chain = f"{encoder} bitrate=32000 ! aacparse ! audio/mpeg,mpegversion=4,stream-format=raw"
    # The first units carry the encoder's start from silence; the loop is cut after them.
    buffers, caps = _encode_tone(_AAC_RATE, 1024, _AAC_UNITS + 2 * _AAC_PRIMING, chain)
    units = buffers[_AAC_PRIMING : _AAC_PRIMING + _AAC_UNITS]
    if len(units) != _AAC_UNITS:
        raise SetupError(f"{encoder} gave {len(buffers)} units of audio")
    return AudioLoop(FORMAT_VERSION, caps, _AAC_RATE, 1024, units)


def _encode_tone(rate: int, samples: int, count: int, chain: str) -> tuple[list[bytes], str]:
    pipeline = Gst.parse_launch(
        f"audiotestsrc freq={_TONE_HZ} volume=0.2 samplesperbuffer={samples} num-buffers={count} ! "
        f"audio/x-raw,rate={rate},channels=1 ! audioconvert ! {chain} ! appsink name=out sync=false"
    )
    pipeline.set_state(Gst.State.PLAYING)
    try:
        pulled = list(_pull(pipeline.get_by_name("out")))
        _raise_errors(pipeline)
    finally:
        pipeline.set_state(Gst.State.NULL)
    return [_data(sample.get_buffer()) for sample in pulled], pulled[-1].get_caps().to_string()


def _encoder(params: LoopParams) -> str:
    threads = min(8, os.cpu_count() or 1)
    seconds = params.loop_frames / params.fps
    bitrate = round(params.bitrate * seconds / (seconds + _RATE_CREDIT_S))
    if params.codec is Codec.H264:
        tune = "" if params.bframes else "tune=zerolatency "
        return (
            f"{first_element('x264enc')} speed-preset=ultrafast {tune}bitrate={bitrate} threads={threads} "
            f"key-int-max={params.gop} bframes={params.bframes} vbv-buf-capacity=1000 "
            f"option-string=keyint={params.gop}:min-keyint={params.gop}:scenecut=0:open-gop=0:sliced-threads=0 ! "
            "h264parse ! video/x-h264,stream-format=avc,alignment=au"
        )
    tune = "" if params.bframes else "tune=zerolatency "
    options = (
        f"keyint={params.gop}:min-keyint={params.gop}:scenecut=0:open-gop=0:bframes={params.bframes}:"
        f"vbv-maxrate={bitrate}:vbv-bufsize={bitrate}:repeat-headers=1"
    )
    return (
        f"{first_element('x265enc')} speed-preset=ultrafast {tune}bitrate={bitrate} "
        f"key-int-max={params.gop} log-level=error option-string={options} ! h265parse ! "
        "video/x-h265,stream-format=hvc1,alignment=au"
    )


def _raw_caps(params: LoopParams) -> Any:
    return Gst.Caps.from_string(
        f"video/x-raw,format=I420,width={params.width},height={params.height},framerate={params.fps}/1"
    )


def _run(params: LoopParams, raw: Any, out: Any) -> Iterator[Any]:
    """Feed the drawn pictures in and pull what comes out; the source blocks while the encoder is busy."""
    for index, data in enumerate(_pictures(params)):
        buffer = Gst.Buffer.new_wrapped(data)
        buffer.pts = index * Gst.SECOND // params.fps
        buffer.duration = Gst.SECOND // params.fps
        raw.emit("push-buffer", buffer)
        while (sample := out.emit("try-pull-sample", 0)) is not None:
            yield sample
    raw.emit("end-of-stream")
    yield from _pull(out)


def _pull(out: Any) -> Iterator[Any]:
    while (sample := out.emit("try-pull-sample", _PULL_NS)) is not None:
        yield sample


def _pictures(params: LoopParams) -> Iterator[bytes]:
    """The raw I420 pictures of a loop: moving colour bars, a box of text, a band of noise at the foot."""
    source = Gst.parse_launch(
        f"videotestsrc pattern=smpte75 horizontal-speed=4 num-buffers={params.loop_frames} ! "
        f"video/x-raw,format=I420,width={params.width},height={params.height},framerate={params.fps}/1 ! "
        "appsink name=out sync=false max-buffers=4"
    )
    out = source.get_by_name("out")
    source.set_state(Gst.State.PLAYING)
    try:
        for index, sample in enumerate(_pull(out)):
            yield _draw(params, index, _data(sample.get_buffer()))
    finally:
        source.set_state(Gst.State.NULL)


def _draw(params: LoopParams, index: int, data: bytes) -> bytes:
    luma = bytearray(data[: params.width * params.height])
    text = picture.clock_text(index, params.fps)
    scale = max(1, params.width * 6 // 10 // picture.text_width(text, 1))
    picture.draw_text(luma, params.width, params.width // 20 // 2 * 2, params.height // 10, text, scale)
    picture.draw_noise(luma, params.width, params.height * 3 // 4, params.height, index)
    return bytes(luma) + data[len(luma) :]


def _frame(codec: Codec, buffer: Any) -> tuple[int, LoopFrame]:
    """Sort the NAL units of an access unit; returns its PTS and the frame, its display index still open."""
    data = _data(buffer)
    sets, slices = (_H264_SETS, _H264_SLICES) if codec is Codec.H264 else (_H265_SETS, _H265_SLICES)
    head, tail = bytearray(), bytearray()
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4] & 31 if codec is Codec.H264 else data[at + 4] >> 1 & 63
        if kind in sets:
            head += data[at:end]
        elif kind in slices:
            tail += data[at:end]
        at = end
    key = not buffer.get_flags() & Gst.BufferFlags.DELTA_UNIT
    return buffer.pts, LoopFrame(key, 0, bytes(head), bytes(tail))


def _whole(frames: list[tuple[int, LoopFrame]]) -> list[tuple[int, LoopFrame]]:
    """Units with pictures only: parameter sets that came alone, as they do once in a while, go to the next one."""
    result = []
    head = b""
    for pts, frame in frames:
        if frame.tail:
            result.append((pts, LoopFrame(frame.key, frame.display, frame.head or head, frame.tail)))
            head = b""
        else:
            head += frame.head
    return result


def _order(frames: list[tuple[int, LoopFrame]]) -> list[LoopFrame]:
    """Give each frame its rank by PTS."""
    rank = {pts: index for index, pts in enumerate(sorted(pts for pts, _ in frames))}
    return [LoopFrame(frame.key, rank[pts], frame.head, frame.tail) for pts, frame in frames]


def _check(params: LoopParams, frames: list[LoopFrame]) -> None:
    """An encoder that did not keep the rhythm would make every later measurement wrong: say so at once."""
    keys = [index for index, frame in enumerate(frames) if frame.key]
    if len(frames) != params.loop_frames or keys != list(range(0, params.loop_frames, params.gop)):
        raise SetupError(
            f"the {params.codec} encoder gave {len(frames)} frames with key frames at {keys[:5]}…, "
            f"not {params.loop_frames} with one every {params.gop}; the first have "
            f"{', '.join(str(len(frame.tail)) for frame in frames[:4])} bytes"
        )
    if any(frame.key and not frame.head for frame in frames):
        raise SetupError(f"the {params.codec} encoder gave a key frame without parameter sets")


def _data(buffer: Any) -> bytes:
    return bytes(buffer.extract_dup(0, buffer.get_size()))


def _raise_errors(pipeline: Any) -> None:
    message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
    if message is not None:
        raise SetupError(f"encoding the lab's picture failed: {message.parse_error()[0].message}")
