"""A decoder by hand: takes encoded pictures and gives them decoded, in order of time, as fast as somebody wants them.

For playing back what is recorded; nothing here knows a clock. Who runs what: one owner calls everything; GStreamer's
thread runs the probe behind the decoder, which leaves out what nobody wants to see.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from evertape.errors import EvertapeError
from evertape.media.gst.lib import Gst, dispose, make, new_pipeline
from evertape.media.view.chain import DecoderChain, has_element
from evertape.media.view.decoders import STALLED_NS, DecoderChoice, Trouble, candidates
from evertape.redact import redact
from evertape.types import Codec, VideoCaps

AHEAD = 4
"""So many encoded pictures are given to a decoder before it has taken them: enough to keep it busy."""
_HELD = 20
"""More than a decoder holds back to reorder (16); from here on silence is a stall."""


class DecodingError(EvertapeError):
    """The decoder failed, or said nothing for too long; the next picture to push is a keyframe."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """A decoded picture.

    Args:
        place: as it was pushed.
        data: the pixels, four bytes each: blue, green, red, and nothing; rows without padding.
        width: pixels.
        height: pixels.
    """

    place: int
    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Given:
    video: VideoCaps
    place: int
    key: bool
    data: bytes
    hidden: bool


class Stepper:
    """See the module. Lives until ``close``.

    Args:
        decoder: as in ``ViewOptions``.
        size: pictures that are larger are made smaller to fit, proportions kept; ``None``: as they are.
    """

    def __init__(self, decoder: str = "auto", size: tuple[int, int] | None = None) -> None:
        self.size = size
        self._wanted = decoder
        self._choices: dict[Codec, DecoderChoice] = {}
        self._chain: DecoderChain | None = None
        self._pipeline: Any = None
        self._sink: Any = None
        self._ended = False
        self._next: list[_Given] = []
        self._hidden: set[int] = set()
        self._since_output = 0
        self._active_ns = 0

    @property
    def wants(self) -> bool:
        """Whether another picture should be pushed now."""
        return not self._next and (self._chain is None or self._ended or self._chain.waiting() < AHEAD)

    @property
    def is_idle(self) -> bool:
        """Nothing that was pushed is still to be decoded, but for what the decoder holds back to reorder."""
        return not self._next and (self._chain is None or (not self._ended and self._chain.waiting() == 0))

    def push(self, video: VideoCaps, place: int, key: bool, data: bytes, *, hidden: bool = False) -> None:
        """Give it a picture.

        Args:
            video: what it is; if it is something else than before, the old decoder gives out what it has first.
            place: where it belongs; those that come out rise. Pushed in decoding order.
            key: a decoder can start here.
            data: NAL units behind 4-byte lengths.
            hidden: others need it, and it is not to come out.

        Raises:
            SetupError: there is no decoder for it.
        """
        given = _Given(video, place, key, data, hidden)
        if self._chain is not None and video != self._chain.video:
            self.drain()
        if self._ended or self._next:
            self._next.append(given)
        else:
            self._give(given)

    def pull(self, timeout_ns: int = 0) -> Stepped | None:
        """The next picture, if one comes within that time.

        Raises:
            DecodingError: it cannot decode; what was pushed is lost, and another decoder may be used from now on.
            SetupError: there is no decoder for what was pushed.
        """
        if self._sink is None:
            return None
        sample = self._sink.try_pull_sample(timeout_ns)
        if sample is not None:
            self._since_output, self._active_ns = 0, time.monotonic_ns()
            return _stepped(sample)
        self._look_at_bus()
        if self._ended and self._sink.get_property("eos"):
            self._go_on()
        elif self._is_stalled():
            self._fail(Trouble.STALLED, "it takes pictures and gives none")
        return None

    def drain(self) -> None:
        """Nothing follows what was pushed: have it give out what it holds back. ``has_drained`` tells when."""
        if self._chain is not None and not self._ended:
            self._ended = True
            self._chain.finish()

    @property
    def has_drained(self) -> bool:
        """Everything that was pushed has come out."""
        return self._chain is None and not self._next

    def flush(self) -> None:
        """Forget what was pushed; begin anew with a keyframe."""
        self._next.clear()
        self._put_away()

    def close(self) -> None:
        """Let go of it; the pipeline follows on a thread of its own."""
        self.flush()

    # -- inside ---------------------------------------------------------------------------------------------

    def _give(self, given: _Given) -> None:
        if self._chain is None:
            self._open(given.video)
        assert self._chain is not None
        if given.hidden:
            self._hidden.add(given.place)
        if self._since_output == 0:
            self._active_ns = time.monotonic_ns()
        self._since_output += 1
        self._chain.push(given.data, given.place, given.key)

    def _go_on(self) -> None:
        """The old decoder has given out everything: on with what came meanwhile."""
        self._put_away()
        waiting, self._next = self._next, []
        for place, given in enumerate(waiting):
            if self._chain is not None and given.video != self._chain.video:
                self.drain()
                self._next = waiting[place:]
                return
            self._give(given)

    def _open(self, video: VideoCaps) -> None:
        choice = self._choices.get(video.codec)
        if choice is None:
            choice = DecoderChoice(candidates(video.codec, self._wanted, has_element))
            self._choices[video.codec] = choice
        chain = DecoderChain(video, choice.name)
        sink = make("appsink", sync=False, max_buffers=2, drop=False, wait_on_eos=False, enable_last_sample=False)
        sink.set_property("caps", Gst.Caps.from_string("video/x-raw,format=BGRx"))
        elements = [*_smaller(video, self.size), make("videoconvert"), sink]
        pipeline = new_pipeline()
        pipeline.add(chain.bin)
        for element in elements:
            pipeline.add(element)
        for upstream, downstream in pairwise([chain.bin, *elements]):
            upstream.link(downstream)
        hidden: set[int] = set()
        pad = chain.bin.get_static_pad("src")
        pad.add_probe(Gst.PadProbeType.BUFFER, _on_buffer, hidden, self)
        pipeline.set_state(Gst.State.PLAYING)
        self._chain, self._pipeline, self._sink, self._hidden = chain, pipeline, sink, hidden
        self._ended, self._since_output, self._active_ns = False, 0, time.monotonic_ns()

    def _put_away(self) -> None:
        if self._pipeline is not None:
            dispose(self._pipeline)
        self._chain = self._pipeline = self._sink = None
        self._ended, self._since_output = False, 0

    def _look_at_bus(self) -> None:
        message = self._pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
        if message is not None:
            self._fail(Trouble.FAILED, redact(message.parse_error()[0].message))

    def _is_stalled(self) -> bool:
        assert self._chain is not None
        is_owing = self._ended or self._since_output >= _HELD or self._chain.waiting() >= AHEAD
        return is_owing and self._since_output > 0 and time.monotonic_ns() - self._active_ns > STALLED_NS

    def _fail(self, trouble: Trouble, text: str) -> None:
        assert self._chain is not None
        name, choice = self._chain.decoder, self._choices[self._chain.video.codec]
        self.flush()
        choice.troubled(trouble, time.monotonic_ns())
        raise DecodingError(f"the decoder {name} {trouble.value}: {text}")

    def passed_hidden(self) -> None:
        """A hidden picture was decoded: it is alive. On GStreamer's thread."""
        self._active_ns = time.monotonic_ns()


def _on_buffer(_pad: Any, info: Any, hidden: set[int], stepper: Stepper) -> Any:
    place = info.get_buffer().pts
    if place in hidden:
        hidden.discard(place)
        stepper.passed_hidden()
        return Gst.PadProbeReturn.DROP
    return Gst.PadProbeReturn.OK


def _stepped(sample: Any) -> Stepped:
    structure, buffer = sample.get_caps().get_structure(0), sample.get_buffer()
    return Stepped(
        place=buffer.pts,
        data=buffer.extract_dup(0, buffer.get_size()),
        width=structure.get_value("width"),
        height=structure.get_value("height"),
    )


def _smaller(video: VideoCaps, box: tuple[int, int] | None) -> list[Any]:
    """What fits a picture into a box; nothing if it does."""
    if box is None or not video.width or not video.height:
        return []
    share = min(box[0] / video.width, box[1] / video.height)
    if share >= 1:
        return []
    width, height = (max(2, round(side * share / 2) * 2) for side in (video.width, video.height))
    caps = Gst.Caps.from_string(f"video/x-raw,width={width},height={height},pixel-aspect-ratio=1/1")
    return [make("videoscale"), make("capsfilter", caps=caps)]
