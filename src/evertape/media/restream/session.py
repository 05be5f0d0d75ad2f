"""One client's pictures: from a recorder's feed into the pipeline that RTSP sends from.

Each client has a pipeline and a subscription of his own: a slow one is skipped forward by the recorder to the newest
keyframe, and nobody else notices.

Threads: made on the server's, then a thread of its own until the client leaves.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from evertape.ipc.messages import FeedCaps, FeedUnit
from evertape.media.gst.lib import Gst
from evertape.media.restream.feed import Feed, FeedEndedError
from evertape.media.restream.terms import Served
from evertape.types import NS_PER_MS, NS_PER_S, Codec, Epoch, Track

log = logging.getLogger(__name__)

FORMAT_S = 3.0
"""How long a client waits for a camera that gives nothing yet; an on-demand stream takes a second to come."""
_RETRY_S = 0.5
_BACKLOG = 4 << 20
"""Bytes that may wait for a client before its subscription is not read any more."""
_HEADROOM_NS = 12 * NS_PER_S
"""Running time begins so long before the session, so that pictures of before it have a time too."""
_OLDEST_NS = 10 * NS_PER_S

_PAY = {
    Codec.H264: ("video/x-h264,stream-format=avc,alignment=au", "rtph264pay"),
    Codec.H265: ("video/x-h265,stream-format=hvc1,alignment=au", "rtph265pay"),
}
_numbers = count()


def _key(caps: FeedCaps) -> tuple[object, ...]:
    """What was told to the client, and cannot be changed within a session."""
    return caps.codec, caps.config, caps.audio, caps.audio_config


class RestreamSession:
    """See the module.

    Args:
        locate: the stream as it is now; ``None``: there is none any more.

    Raises:
        FeedEndedError: the camera gives no picture.
    """

    def __init__(self, locate: Callable[[], Served | None]) -> None:
        self._locate = locate
        served = locate()
        if served is None:
            raise FeedEndedError("there is no such stream any more")
        self.path = served.path
        self.born = time.monotonic()
        with Feed(served) as feed:
            self._format = feed.format(FORMAT_S)
        self.name = f"restream-{next(_numbers)}"
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._base_ns = 0
        self._video: Any = None
        self._audio: Any = None
        self._epoch: Epoch | None = None
        self._offset = 0
        self._last = 0

    def make_element(self) -> Any:
        """The bin that the server sends from."""
        media, pay = _PAY[Codec(self._format.codec)]
        source = f"appsrc name={{}} is-live=true format=time block=true max-bytes={_BACKLOG}"
        text = f"( {source.format('video')} ! {pay} name=pay0 pt=96 config-interval=-1"
        if self._format.audio:
            text += f" {source.format('audio')} ! rtpmp4gpay name=pay1 pt=97"
        element = Gst.parse_launch(text + " )")
        element.set_name(self.name)
        self._video = element.get_by_name("video")
        form = self._format
        size = f"width={form.width},height={form.height}" if form.width and form.height else ""
        _announced(self._video, ",".join(filter(None, [media, size, f"codec_data=(buffer){form.config.hex()}"])))
        if form.audio:
            self._audio = element.get_by_name("audio")
            _announced(
                self._audio,
                f"audio/mpeg,mpegversion=4,stream-format=raw,rate={form.audio_rate},channels={form.audio_channels},"
                f"codec_data=(buffer){form.audio_config.hex()}",
            )
        return element

    def configure(self, media: Any) -> None:
        """Called with the media that the server made of it."""
        self._base_ns = time.monotonic_ns() - _HEADROOM_NS
        pipeline = media.get_element().get_parent()
        # A base time of our own: when a picture was taken is known before the pipeline plays.
        pipeline.use_clock(Gst.SystemClock.obtain())
        pipeline.set_start_time(Gst.CLOCK_TIME_NONE)
        pipeline.set_base_time(self._base_ns)
        media.connect("new-state", self._on_state)

    def close(self) -> None:
        """The client is gone. Does not wait."""
        self._ending.set()

    @property
    def flowing(self) -> bool:
        """It sends, or tries to."""
        return self._thread is not None and self._thread.is_alive()

    def _on_state(self, _media: Any, state: int) -> None:
        if state == int(Gst.State.PLAYING) and self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()

    # -- the thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ending.is_set():
            served = self._locate()
            if served is None:
                return self._end("it is not there any more")
            try:
                with Feed(served) as feed:
                    while not self._ending.is_set():
                        for item in feed.read():
                            if not self._take(item):
                                return None
            except FeedEndedError:
                # Its recorder is being replaced: the client stays, and sees a pause.
                self._ending.wait(_RETRY_S)
        return None

    def _take(self, item: FeedCaps | tuple[Epoch, FeedUnit, memoryview]) -> bool:
        if isinstance(item, FeedCaps):
            if _key(item) == _key(self._format):
                return True
            self._end("the camera's format has changed")
            return False
        epoch, unit, data = item
        source = self._video if unit.track == Track.VIDEO else self._audio
        if source is None:
            return True
        if epoch != self._epoch:
            self._epoch, self._offset = epoch, self._offset_of(unit)
        buffer = Gst.Buffer.new_wrapped(bytes(data))
        buffer.dts = max(0, unit.dts + self._offset)
        buffer.pts = max(buffer.dts if unit.track == Track.AUDIO else 0, unit.pts + self._offset)
        if not unit.key and unit.track == Track.VIDEO:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        self._last = max(self._last, buffer.dts)
        return bool(source.push_buffer(buffer) == Gst.FlowReturn.OK)

    def _offset_of(self, unit: FeedUnit) -> int:
        """What to add to an epoch's times to have the pipeline's, so that each picture has the time it was taken at."""
        age = min(max(0, time.time_ns() - unit.utc), _OLDEST_NS)
        now = time.monotonic_ns() - self._base_ns - age
        return max(now, self._last + NS_PER_MS) - unit.dts

    def _end(self, why: str) -> None:
        log.info("[RESTREAM] %s: ending a client's session: %s", self.path, why)
        for source in (self._video, self._audio):
            if source is not None:
                source.end_of_stream()


def _announced(source: Any, caps: str) -> None:
    """Tell an ``appsrc`` its caps, and have them known downstream without a picture.

    The server answers DESCRIBE only when something arrived in each stream; a picture would grow old until PLAY. So the
    first buffer is replaced by a gap.
    """
    source.set_property("caps", Gst.Caps.from_string(caps))

    def replace(pad: Any, info: Any) -> Any:
        pad.remove_probe(info.id)
        pad.push_event(Gst.Event.new_gap(0, 0))
        return Gst.PadProbeReturn.DROP

    source.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, replace)
    source.push_buffer(Gst.Buffer.new_wrapped(b"\0"))
