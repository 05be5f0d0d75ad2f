"""The RTSP server around the loops: one mount point per stream, one pipeline per client.

Threads: the GLib main loop and the server's client threads call the ``_on_*`` methods; the
pacing thread sends. A pipeline exists from its client's DESCRIBE until the client leaves.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from evertape.errors import SetupError
from evertape.types import NS_PER_S, Codec
from evertape_lab.gstreamer import GLib, Gst, GstRtsp, GstRtspServer
from evertape_lab.loop import AudioLoop, VideoLoop
from evertape_lab.pacing import Feed, Pacer
from evertape_lab.say import say
from evertape_lab.tamper import VIDEO_RATE, ReportClock, RtpClock

_PAYLOADERS = {Codec.H264: "rtph264pay", Codec.H265: "rtph265pay"}
_AUDIO_PAYLOADERS = {
    "audio/mpeg": "rtpmp4gpay pt=97",
    "audio/x-alaw": "rtppcmapay pt=8",
    "audio/x-mulaw": "rtppcmupay pt=0",
}
_CLEANUP_S = 5
# Running time begins this long before the pipeline, so that no B-frame that belongs to the past gets a negative PTS.
_HEADROOM_NS = NS_PER_S


@dataclass(frozen=True, slots=True)
class Mount:
    """One stream to serve: where, under which name in the SEI, in which slot, made of what."""

    path: str
    name: str
    slot: int
    video: VideoLoop
    audio: AudioLoop | None = None
    wraps_after_s: float | None = None
    """The RTP time stamps of the picture pass 2^32 so long after a session began."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user, a password, and how to ask for them: ``digest`` as most cameras do, or ``basic``."""

    user: str
    password: str = field(repr=False)
    method: str = "digest"


class LabServer:
    """Serves mounts on ``host:port`` from the default GLib main context.

    Args:
        host: address to bind.
        port: TCP port; 0 takes a free one.
        pacer: what sends the pictures.
        login: if given, what clients must present.
    """

    def __init__(self, host: str, port: int, pacer: Pacer, login: Login | None = None) -> None:
        self._pacer = pacer
        self._lock = threading.Lock()
        self._paused: set[str] = set()
        self._muted: set[str] = set()
        self._clocks: dict[str, int] = {}
        self._rtp: dict[str, RtpClock] = {}
        self._server = GstRtspServer.RTSPServer.new()
        self._server.set_address(host)
        self._server.set_service(str(port))
        self._server.set_backlog(256)
        self._server.connect("client-connected", self._on_client)
        self._auth = None if login is None else _auth(login)
        if self._auth is not None:
            self._server.set_auth(self._auth)

    def attach(self) -> int:
        """Begin to listen; returns the port. Raises ``SetupError`` if it is taken."""
        if self._server.attach(None) == 0:
            address = f"{self._server.get_address()}:{self._server.get_service()}"
            raise SetupError(f"the lab's cameras cannot listen on {address}", hint="choose another --port")
        # The server itself never forgets a session whose client went away without a word.
        GLib.timeout_add_seconds(_CLEANUP_S, self._on_cleanup)
        return int(self._server.get_bound_port())

    def add(self, mount: Mount) -> None:
        """Serve ``mount`` from now on."""
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(_launch(mount))
        # Not shared: in gst-rtsp-server 1.22 a client that went away behind dropped packets holds up the pipeline that
        # it shares with others, for ever, and the one that comes back would never get a picture.
        factory.set_shared(False)
        factory.set_latency(0)
        factory.set_protocols(GstRtsp.RTSPLowerTrans.TCP | GstRtsp.RTSPLowerTrans.UDP)
        if self._auth is not None:
            factory.set_permissions(_permissions())
        factory.connect("media-configure", self._on_media, mount)
        self._server.get_mount_points().add_factory(mount.path, factory)

    def close(self) -> None:
        """Send every client away."""
        self._server.client_filter(lambda _server, _client: GstRtspServer.RTSPFilterResult.REMOVE)

    def set_paused(self, camera: str, paused: bool) -> None:
        """Stop or resume the RTP of ``camera``, in this session and in later ones; the sessions themselves live on."""
        with self._lock:
            (self._paused.add if paused else self._paused.discard)(camera)
            for feed in self._feeds(camera):
                feed.paused = paused

    def set_muted(self, camera: str, muted: bool) -> None:
        """Stop or resume the sound of ``camera``, in this session and in later ones."""
        with self._lock:
            (self._muted.add if muted else self._muted.discard)(camera)
            for feed in self._feeds(camera):
                feed.muted = muted

    def set_clock(self, camera: str, by_ns: int) -> None:
        """Let the sender reports of ``camera`` say a wall clock that is so far ahead of the true time."""
        with self._lock:
            self._clocks[camera] = by_ns

    def jump(self, camera: str, by_ns: int) -> None:
        """Let the RTP time stamps of the picture jump, in this session."""
        with self._lock:
            if (clock := self._rtp.get(camera)) is not None:
                clock.jump(by_ns)

    def end_streams(self, camera: str) -> None:
        """Send end-of-stream to all who watch ``camera``; whoever connects after they left gets a picture again."""
        with self._lock:
            for feed in self._feeds(camera):
                feed.end()

    def _feeds(self, camera: str) -> list[Feed]:
        return [feed for feed in self._pacer.feeds() if feed.name.partition("/")[0] == camera]

    def _on_cleanup(self) -> bool:
        self._server.get_session_pool().cleanup()
        return True

    def _on_client(self, _server: Any, client: Any) -> None:
        for method in ("options", "describe"):
            client.connect(f"{method}-request", self._on_request, method.upper())

    def _on_request(self, _client: Any, context: Any, method: str) -> None:
        camera = "" if context.uri is None else context.uri.abspath.lstrip("/")
        say(asked=method, camera=camera, boot=time.clock_gettime_ns(time.CLOCK_BOOTTIME))

    def _on_media(self, _factory: Any, media: Any, mount: Mount) -> None:
        base_ns = time.monotonic_ns() - _HEADROOM_NS
        element = media.get_element()
        pipeline = element.get_parent()
        # A base time of our own instead of the pipeline's choice: running time 0 is known before the first picture.
        pipeline.use_clock(Gst.SystemClock.obtain())
        pipeline.set_start_time(Gst.CLOCK_TIME_NONE)
        pipeline.set_base_time(base_ns)
        video = _source(element, "video", mount.video.caps)
        audio = None if mount.audio is None else (mount.audio, _source(element, "audio", mount.audio.caps))
        feed = Feed(mount.name, mount.slot, (mount.video, video), audio, base_ns, _tell_not_sent)
        media.connect("new-state", self._on_state, feed)
        media.connect("unprepared", self._on_unprepared, feed)
        camera = mount.name.partition("/")[0]
        pipeline.connect("deep-element-added", self._on_element, camera)
        payloader, clock = element.get_by_name("pay0"), RtpClock()
        clock.attach(payloader.get_static_pad("src"))
        if mount.wraps_after_s is not None:
            left = int((mount.wraps_after_s + _HEADROOM_NS / NS_PER_S) * VIDEO_RATE)
            payloader.set_property("timestamp-offset", (1 << 32) - left)
        with self._lock:
            if mount.name == camera:
                self._rtp[camera] = clock
            feed.paused, feed.muted = camera in self._paused, camera in self._muted
            self._pacer.add(feed)

    def _on_element(self, _pipeline: Any, _bin: Any, element: Any, camera: str) -> None:
        if element.get_factory().get_name() == "rtpsession":
            element.connect("pad-added", self._on_session_pad, camera)

    def _on_session_pad(self, _session: Any, pad: Any, camera: str) -> None:
        if pad.get_name() == "send_rtcp_src":
            ReportClock(lambda: self._clocks.get(camera, 0)).attach(pad)

    def _on_state(self, _media: Any, state: int, feed: Feed) -> None:
        feed.live = state == int(Gst.State.PLAYING)

    def _on_unprepared(self, _media: Any, feed: Feed) -> None:
        feed.live = False
        self._pacer.remove(feed)


def _tell_not_sent(name: str, first: int, last: int) -> None:
    say(not_sent=name, first=first, last=last)


def _launch(mount: Mount) -> str:
    source = "appsrc name={} is-live=true format=time block=false max-bytes=0"
    # The loop carries its parameter sets in every key frame, so the payloader need not add them.
    text = f"( {source.format('video')} ! {_PAYLOADERS[mount.video.params.codec]} name=pay0 pt=96 config-interval=0"
    if mount.audio is not None:
        media_type = mount.audio.caps.split(",", 1)[0]
        text += f" {source.format('audio')} ! {_AUDIO_PAYLOADERS[media_type]} name=pay1"
    return text + " )"


def _source(element: Any, name: str, caps: str) -> Any:
    """Find an ``appsrc``, tell it its caps, and let it announce itself without a picture."""
    source = element.get_by_name(name)
    source.set_property("caps", Gst.Caps.from_string(caps))
    pad = source.get_static_pad("src")
    pad.add_probe(Gst.PadProbeType.BUFFER, _announce)
    source.push_buffer(Gst.Buffer.new_wrapped(b"\0"))
    return source


def _announce(pad: Any, info: Any) -> Any:
    """Replace the first buffer by a gap.

    The server answers DESCRIBE only when something arrived in each stream. Waiting for a key
    frame would take up to a GOP, and that frame would then grow old until PLAY; a gap brings
    the caps through at once and nothing else.
    """
    pad.remove_probe(info.id)
    pad.push_event(Gst.Event.new_gap(0, 0))
    return Gst.PadProbeReturn.DROP


def _auth(login: Login) -> Any:
    method = {"basic": GstRtsp.RTSPAuthMethod.BASIC, "digest": GstRtsp.RTSPAuthMethod.DIGEST}[login.method]
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(method)
    token = GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", "viewer")
    if login.method == "basic":
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(login.user, login.password), token)
    else:
        auth.add_digest(login.user, login.password, token)
    return auth


def _permissions() -> Any:
    permissions = GstRtspServer.RTSPPermissions.new()
    for permission in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("viewer", permission, True)
    return permissions
