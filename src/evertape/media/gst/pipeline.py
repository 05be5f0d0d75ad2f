"""``rtspsrc ▸ depayload ▸ appsink``, built by hand.

Who runs what: the owner calls every public method. GStreamer's threads run the ``_on_*`` handlers, which build the
branch for a new pad (it has to exist before the first packet) and otherwise only post to ``_inbox``.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Protocol

from evertape.domain.failure import ErrorDetail
from evertape.errors import EvertapeError, SetupError
from evertape.media.capture import CaptureRequest, Transport
from evertape.media.gst.audio_branch import AudioBranch
from evertape.media.gst.lib import Gio, Gst, GstRtsp, dispose, make, new_pipeline
from evertape.media.gst.reports import Described, Fault, Report, read_message
from evertape.media.rtsp.messages import USER_AGENT
from evertape.media.rtsp.offer import AudioOffer, choose_audio, choose_video, offered_names
from evertape.media.rtsp.sdp import Description, parse_sdp
from evertape.types import Codec, Track

log = logging.getLogger(__name__)

MAX_WAITING_UNITS = 2000
"""More than a minute of video; an owner that is away for longer holds the camera back rather than filling memory."""

_OWN_KEEPALIVE_SINCE = (1, 26, 7)
_ANSWER_S = 1.0
"""A camera that is frozen answers nothing; what it was asked is under way then, and can be given up."""
_UDP_BUFFER_BYTES = 2 * 1024 * 1024
_VIDEO = {
    Codec.H264: ("rtph264depay", "video/x-h264,stream-format=avc,alignment=au"),
    Codec.H265: ("rtph265depay", "video/x-h265,stream-format=hvc1,alignment=au"),
}
_AUDIO = {
    "MPEG4-GENERIC": (("rtpmp4gdepay", "aacparse"), "audio/mpeg,mpegversion=4,stream-format=raw"),
    "PCMU": (("rtppcmudepay",), "audio/x-mulaw"),
    "PCMA": (("rtppcmadepay",), "audio/x-alaw"),
}


class StorageWord(Protocol):
    """What is told of a volume; the engine's ``StorageNotice`` is one."""

    @property
    def label(self) -> str:
        """What people read of it."""

    @property
    def is_error(self) -> bool:
        """Nothing can be written there."""


class GstPipeline:
    """One ``rtspsrc`` and what hangs behind it. See the module for threads.

    Args:
        request: what to receive.
        transcodes: G.711 can be used.

    Raises:
        SetupError: an element is missing.
    """

    def __init__(self, request: CaptureRequest, *, transcodes: bool) -> None:
        self._request = request
        self._transcodes = transcodes
        self._inbox: deque[Report] = deque()
        self._video_sink: Any = None
        self._audio: AudioBranch | None = None
        self._buffers: list[Any] = []
        self._chosen: dict[int, Track] = {}
        self._described: Described | None = None
        self._connections: list[tuple[Any, int]] = []
        self._answered = threading.Event()
        """Nothing was asked that is still to be answered."""
        self._answered.set()
        self._source = self._make_source()
        self._pipeline = new_pipeline()
        self._pipeline.add(self._source)
        # Monotonic whatever rtspsrc would offer, because the owner converts to the boot-time clock.
        self._clock = Gst.SystemClock.obtain()
        self._pipeline.use_clock(self._clock)
        self._bus = self._pipeline.get_bus()
        self._connect(self._source, "on-sdp", self._on_sdp)
        self._connect(self._source, "select-stream", self._on_select_stream)
        self._connect(self._source, "pad-added", self._on_pad_added)
        self._connect(self._source, "new-manager", self._on_new_manager)

    def _make_source(self) -> Any:
        request = self._request
        bare, user, password = request.credentials()
        lower = GstRtsp.RTSPLowerTrans
        source = make(
            "rtspsrc",
            location=bare,
            protocols=lower.TCP if request.transport is Transport.TCP else lower.UDP,
            latency=request.latency_ms,
            tcp_timeout=request.connect_timeout_ns // 1000,
            do_rtsp_keep_alive=True,
            user_agent=USER_AGENT,
            udp_buffer_size=_UDP_BUFFER_BYTES,
            add_reference_timestamp_meta=True,
        )
        if not request.tls_verify:
            source.set_property("tls-validation-flags", Gio.TlsCertificateFlags(0))
        if user is not None:
            source.set_property("user-id", user)
            source.set_property("user-pw", password)
        return source

    # -- the owner --------------------------------------------------------------------------------

    def play(self) -> None:
        """Begin. What comes of it is in ``reports``: the return value of a state change says nothing here."""
        self._pipeline.set_state(Gst.State.PLAYING)

    @property
    def bus(self) -> Any:
        """Where the pipeline's elements post; tests post there too."""
        return self._bus

    def elements(self, factory: str) -> list[Any]:
        """The elements made by ``factory``; for tests."""
        iterator, found = self._pipeline.iterate_recurse(), []
        while (step := iterator.next())[0] == Gst.IteratorResult.OK:
            made_by = step[1].get_factory()
            if made_by is not None and made_by.get_name() == factory:
                found.append(step[1])
        return found

    def running_time_ns(self) -> int:
        """Now, on the time line that the buffers' time stamps are on."""
        return int(self._clock.get_time() - self._pipeline.get_base_time())

    def reports(self) -> Iterator[Report]:
        """What happened since the last call."""
        while self._inbox:
            yield self._inbox.popleft()
        while (message := self._bus.pop()) is not None:
            report = read_message(message, self._audio.kin if self._audio is not None else ())
            if report is not None:
                yield report

    def pull(self, track: Track) -> Iterator[Any]:
        """The samples that wait, oldest first; never blocks."""
        sink = self._sink(track)
        if sink is None:
            return
        for _ in range(MAX_WAITING_UNITS):
            sample = sink.try_pull_sample(0)
            if sample is None:
                return
            yield sample

    def ended(self, track: Track) -> bool:
        """This track got an end-of-stream and everything before it was pulled; the bus tells only of all together."""
        sink = self._sink(track)
        return sink is not None and bool(sink.is_eos())

    def fail_audio(self) -> bool:
        """Take the audio's elements out, nothing else notices; false if that was done."""
        return self._audio is not None and self._audio.fail()

    def audio_cleared(self) -> bool:
        """They are out. True once for each ``fail_audio``."""
        return self._audio is not None and self._audio.cleared()

    def restore_audio(self) -> None:
        """Put new ones in, after ``audio_cleared``. Raises ``SetupError`` if that cannot be done."""
        if self._audio is not None:
            self._audio.add()

    def lost_packets(self) -> int:
        """How many packets never came, since the beginning."""
        return sum(buffer.get_property("stats").get_value("num-lost") for buffer in list(self._buffers))

    def keep_alive(self) -> None:
        """Tell the camera that we are still there, where ``rtspsrc`` forgets to.

        It does so by itself over UDP, and over TCP from 1.26.7 on. The reply is not looked at: most
        cameras refuse the parameter, and have heard from us all the same.
        """
        if self._request.transport is not Transport.TCP or Gst.version()[:3] >= _OWN_KEEPALIVE_SINCE:
            return
        if not self._answered.is_set():
            return  # one question at a time; its answer is as good a sign
        self._answered.clear()
        promise = Gst.Promise.new_with_change_func(self._on_answer)
        if not self._source.emit("get-parameter", "x", "text/parameters", promise):
            self._answered.set()

    def get_storage_error_callback(self) -> Callable[[StorageWord], None]:
        """What to call with news of a volume, on any thread.

        A capture pipeline has nothing to stop: recording hangs on the ring behind it, not on its elements. So it says
        that streaming goes on, and leaves every element as it is.
        """
        return self._storage_told

    def _storage_told(self, word: StorageWord) -> None:
        if word.is_error:
            log.info("[STREAMING] Streaming continues (%s): %s", self._source.get_property("location"), word.label)

    def close(self) -> None:
        """Take everything down on a thread of its own, ``TEARDOWN`` included; returns at once. Call it once."""
        # A last message may need a handler, so they go when the pipeline is NULL.
        dispose(self._pipeline, self._disconnect, self._let_answer)

    def _let_answer(self) -> None:
        # While a question is pending, rtspsrc forgets that it was told to stop, streams on, and never becomes NULL:
        # seen by closing right after a keep-alive, one time in three (GStreamer 1.22).
        self._answered.wait(_ANSWER_S)

    # -- GStreamer's threads ----------------------------------------------------------------------

    def _on_answer(self, _promise: Any) -> None:
        self._answered.set()

    def _connect(self, target: Any, signal: str, handler: Callable[..., Any]) -> None:
        self._connections.append((target, target.connect(signal, handler)))

    def _disconnect(self) -> None:
        for target, number in self._connections:
            target.disconnect(number)
        self._connections.clear()
        self._buffers.clear()
        self._video_sink = self._audio = None

    def _on_sdp(self, _source: Any, message: Any) -> None:
        description = parse_sdp(message.as_text())
        video = choose_video(description)
        audio, complaint = self._consider_audio(description)
        self._described = Described(video, audio, complaint, offered_names(description))
        # rtspsrc numbers streams by their place in the description.
        places = {id(media): index for index, media in enumerate(description.media)}
        self._chosen = {}
        if video is not None:
            self._chosen[places[id(video.media)]] = Track.VIDEO
            if audio is not None:
                self._chosen[places[id(audio.media)]] = Track.AUDIO
        self._inbox.append(self._described)

    def _consider_audio(self, description: Description) -> tuple[AudioOffer | None, str]:
        if not self._request.audio:
            return None, ""
        audio, complaint = choose_audio(description)
        if audio is not None and audio.aac is None and not self._transcodes:
            return None, f"{audio.format.encoding} cannot be encoded here"
        return audio, complaint

    def _on_select_stream(self, _source: Any, number: int, _caps: Any) -> bool:
        return number in self._chosen

    def _on_new_manager(self, _source: Any, manager: Any) -> None:
        self._connect(manager, "new-jitterbuffer", self._on_new_jitterbuffer)

    def _on_new_jitterbuffer(self, _manager: Any, buffer: Any, _session: int, _ssrc: int) -> None:
        self._buffers.append(buffer)

    def _on_pad_added(self, _source: Any, pad: Any) -> None:
        caps = pad.get_current_caps() or pad.query_caps(None)
        track = Track.VIDEO if caps.get_structure(0).get_string("media") == "video" else Track.AUDIO
        try:
            self._add_branch(pad, track)
        except EvertapeError as error:
            if track is Track.VIDEO:
                self._inbox.append(Fault(ErrorDetail("rtspsrc", "evertape", debug=error.what)))
            else:
                log.warning("audio is left out: %s", error)

    def _sink(self, track: Track) -> Any:
        if track is Track.AUDIO:
            return self._audio.sink if self._audio is not None else None
        return self._video_sink

    def _add_branch(self, pad: Any, track: Track) -> None:
        names, caps = self._branch(track)

        def make_sink() -> Any:
            return make(
                "appsink",
                caps=Gst.Caps.from_string(caps),
                sync=False,
                drop=False,
                max_buffers=MAX_WAITING_UNITS,
                enable_last_sample=False,
                wait_on_eos=False,
                **{"async": False},
            )

        if track is Track.AUDIO:
            self._audio = AudioBranch(self._pipeline, pad, names, make_sink)
            return
        sink = make_sink()
        elements = [*(make(name) for name in names), sink]
        for element in elements:
            self._pipeline.add(element)
        for upstream, downstream in pairwise(elements):
            if not upstream.link(downstream):
                raise SetupError(f"GStreamer cannot link {upstream.get_name()} to {downstream.get_name()}")
        for element in reversed(elements):
            element.sync_state_with_parent()
        if pad.link(elements[0].get_static_pad("sink")) != Gst.PadLinkReturn.OK:
            raise SetupError(f"GStreamer cannot link rtspsrc to {names[0]}")
        self._video_sink = sink

    def _branch(self, track: Track) -> tuple[tuple[str, ...], str]:
        described = self._described
        if described is not None and track is Track.VIDEO and described.video is not None:
            name, caps = _VIDEO[described.video.codec]
            return (name,), caps
        if described is not None and track is Track.AUDIO and described.audio is not None:
            return _AUDIO[described.audio.format.encoding]
        raise SetupError(f"a pad for {track.name.lower()} that nobody asked for")
