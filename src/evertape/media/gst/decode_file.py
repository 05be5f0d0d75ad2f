"""``python -m evertape.media.gst.decode_file CODEC FILE``: prints how many pictures come out. See ``decode_check``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from evertape.errors import SetupError
from evertape.media.decode_check import NO_DECODER, TIMEOUT_S

_DECODERS = {"h264": ("avdec_h264", "openh264dec"), "h265": ("avdec_h265", "libde265dec")}


def decoded(
    codec: str,
    path: str,
    *,
    timeout_s: float = TIMEOUT_S,
    given: Callable[[], None] = lambda: None,
    came: Callable[[Any], None] = lambda _buffer: None,
    threads: int = 0,
) -> int:
    """Pictures that come out of a file.

    Args:
        codec: ``h264`` or ``h265``.
        path: of the file.
        timeout_s: an end of it has to come within so long.
        given: called on GStreamer's thread before the decoder is given a picture.
        came: the same with each picture that comes out.
        threads: of the decoder, where it has them; 0: as it likes.

    Raises:
        SetupError: something is not installed.
        ValueError: GStreamer gave up; its words.
    """
    from evertape.media.gst.lib import Gst, dispose, first_element, make, new_pipeline

    decoder = first_element(*_DECODERS[codec])
    if decoder is None:
        raise SetupError(f"GStreamer has no decoder for {codec}")
    pipeline = new_pipeline()
    source, demuxer, queue = make("filesrc", location=path), make("qtdemux"), make("queue")
    chain = [queue, make(f"{codec}parse"), make(decoder), make("fakesink", sync=False)]
    if threads and chain[2].find_property("max-threads") is not None:
        chain[2].set_property("max-threads", threads)
    for element in (source, demuxer, *chain):
        pipeline.add(element)
    source.link(demuxer)
    for one, next_one in pairwise(chain):
        one.link(next_one)
    count = [0]

    def entering(_pad: Any, _info: Any) -> Any:
        given()
        return Gst.PadProbeReturn.OK

    def seen(_pad: Any, info: Any) -> Any:
        count[0] += 1
        came(info.get_buffer())
        return Gst.PadProbeReturn.OK

    def added(_demuxer: Any, pad: Any) -> None:
        if pad.get_name().startswith("video"):
            pad.link(queue.get_static_pad("sink"))

    chain[2].get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, entering)
    chain[-1].get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, seen)
    demuxer.connect("pad-added", added)
    pipeline.set_state(Gst.State.PLAYING)
    ends = Gst.MessageType.ERROR | Gst.MessageType.EOS
    message = pipeline.get_bus().timed_pop_filtered(int(timeout_s * Gst.SECOND), ends)
    dispose(pipeline)
    if message is None or message.type == Gst.MessageType.ERROR:
        raise ValueError("no end of it came" if message is None else message.parse_error()[0].message)
    return count[0]


def main() -> int:
    """Count, print, end."""
    try:
        sys.stdout.write(f"{decoded(sys.argv[1], sys.argv[2])}\n")
    except SetupError as error:
        sys.stdout.write(f"{error}\n")
        return NO_DECODER
    except ValueError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
