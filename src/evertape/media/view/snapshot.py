"""One picture of a camera as a JPEG or PNG. Blocks; the caller's thread."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from evertape.clock import Clock, SystemClock
from evertape.errors import EvertapeError, SetupError
from evertape.media.gst.lib import Gst, dispose, make, new_pipeline
from evertape.media.view.chain import DecoderChain, has_element
from evertape.media.view.decoders import candidates
from evertape.media.view.terms import Picture, Pictures, SourceCaps, SourceState, ViewSource
from evertape.redact import redact
from evertape.types import NS_PER_S, VideoCaps

TIMEOUT_NS = 20 * NS_PER_S
"""A camera with a long keyframe interval keeps one waiting for its first picture."""

_ENCODERS = {"jpeg": "jpegenc", "png": "pngenc"}
_DECODE_NS = 10 * NS_PER_S
_POLL_NS = 20_000_000
_HINT = "evertape camera probe says more about it"


class NoPictureError(EvertapeError):
    """No picture came, or none could be decoded."""


def take_snapshot(
    source: ViewSource,
    kind: str = "jpeg",
    *,
    decoder: str = "auto",
    timeout_ns: int = TIMEOUT_NS,
    clock: Clock | None = None,
    width: int | None = None,
) -> bytes:
    """The newest picture there is: of a feed the last one of the group of pictures it begins with.

    While the camera is away there is none: what a feed still has of it is from before.

    Args:
        source: is closed before this returns.
        kind: ``jpeg`` or ``png``.
        decoder: as in ``ViewOptions``; if it fails, the next best is tried.
        timeout_ns: how long to wait for a picture.
        clock: the machine's, if not given.
        width: pixels, of a picture that is to be smaller than it came.

    Raises:
        NoPictureError: none came in time, or it cannot be decoded.
        SetupError: GStreamer lacks something.
    """
    if not has_element(_ENCODERS[kind]):
        raise SetupError(f"GStreamer has no element {_ENCODERS[kind]}", hint="evertape doctor names what is missing")
    try:
        video, pictures = _collect(source, timeout_ns, clock or SystemClock())
    finally:
        source.close()
    return last_picture(video, pictures, kind, decoder=decoder, width=width)


def last_picture(
    video: VideoCaps,
    pictures: Sequence[Picture],
    kind: str = "jpeg",
    *,
    decoder: str = "auto",
    width: int | None = None,
) -> bytes:
    """The last of these pictures, which begin with a keyframe; the rest as for ``take_snapshot``.

    Raises:
        NoPictureError: it cannot be decoded.
    """
    trouble = "there is no decoder for it"
    for name in candidates(video.codec, decoder, has_element):
        try:
            return _decode(video, pictures, name, _ENCODERS[kind], width)
        except NoPictureError as error:
            trouble = error.what
    raise NoPictureError(trouble)


def _collect(source: ViewSource, timeout_ns: int, clock: Clock) -> tuple[VideoCaps, list[Picture]]:
    """What to decode: everything from a keyframe on that came with it."""
    until = clock.boot_ns() + timeout_ns
    video, reason, away = None, "no picture came", False
    while (now := clock.boot_ns()) < until:
        for event in source.poll(now):
            match event:
                case SourceCaps(video=described):
                    video = described
                case SourceState(flowing=flowing, reason=said):
                    away, reason = not flowing, said or reason
                case Pictures(pictures=pictures) if video is not None and not away and any(p.key for p in pictures):
                    first = next(i for i, p in enumerate(pictures) if p.key)
                    return video, list(pictures[first:])
                case _:
                    pass
        fileno = source.fileno()
        if fileno is None:
            time.sleep(_POLL_NS / NS_PER_S)
        else:
            select.select([fileno], [], [], _POLL_NS / NS_PER_S)
    raise NoPictureError(f"there is no picture: {reason}", hint=_HINT if away else "")


def _decode(
    video: VideoCaps, pictures: Sequence[Picture], decoder: str, encoder: str, width: int | None = None
) -> bytes:
    chain = DecoderChain(video, decoder)
    sink = make("appsink", sync=False, max_buffers=1, drop=True, wait_on_eos=False, enable_last_sample=False)
    elements = [make("videoconvert"), *_smaller(video, width), make(encoder), sink]
    pipeline = new_pipeline()
    pipeline.add(chain.bin)
    for element in elements:
        pipeline.add(element)
    for upstream, downstream in pairwise([chain.bin, *elements]):
        upstream.link(downstream)
    pipeline.set_state(Gst.State.PLAYING)
    try:
        for place, picture in enumerate(pictures):
            chain.push(picture.data, place, picture.key)
        chain.finish()
        message = pipeline.get_bus().timed_pop_filtered(_DECODE_NS, Gst.MessageType.ERROR | Gst.MessageType.EOS)
        # Only the last one is kept by the sink.
        sample = sink.try_pull_sample(0)
        if sample is not None:
            buffer = sample.get_buffer()
            return bytes(buffer.extract_dup(0, buffer.get_size()))
        failed = message is not None and message.type == Gst.MessageType.ERROR
        why = redact(message.parse_error()[0].message) if failed else "the decoder gave none"
        raise NoPictureError(f"the picture cannot be decoded by {decoder}: {why}")
    finally:
        dispose(pipeline)


def _smaller(video: VideoCaps, width: int | None) -> list[Any]:
    """What makes a picture so wide, its proportions kept; nothing if it is no wider, or nobody knows how wide it is."""
    if width is None or not 0 < width < video.width:
        return []
    height = max(2, round(video.height * width / video.width / 2) * 2)
    caps = Gst.Caps.from_string(f"video/x-raw,width={width},height={height},pixel-aspect-ratio=1/1")
    return [make("videoscale"), make("capsfilter", caps=caps)]
