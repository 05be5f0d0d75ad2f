"""The conversation with one camera: from ``OPTIONS`` to ``PLAY``, kept alive, to ``TEARDOWN`` (RFC 2326).

No input, no output: messages and the time go in, bytes to send and a state come out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.media.capture import NoticeKind, SessionFailed, StreamNotice
from evertape.media.rtsp import sdp
from evertape.media.rtsp.auth import Authenticator
from evertape.media.rtsp.messages import Message, Request, Response, build_request, build_response
from evertape.media.rtsp.offer import choose_audio, choose_video, offered_names
from evertape.media.rtsp.terms import MAX_KEEPALIVE_NS, Agreed, Terms, TrackSetup, refusal_kind
from evertape.types import NS_PER_S, Track

_DEFAULT_SESSION_S = 60  # RFC 2326 12.37
_INTERLEAVED = re.compile(r"interleaved\s*=\s*(\d{1,3})(?:\s*-\s*(\d{1,3}))?", re.IGNORECASE)
_SSRC = re.compile(r"ssrc\s*=\s*([0-9A-Fa-f]{1,8})", re.IGNORECASE)
# Event codes by which a server says that the stream is over (RFC 7826 13.5.1, and common x-notice practice).
_END_NOTICES = ("2101", "2103", "2104", "2306", "5401", "5402", "5501", "5502")


class Step(StrEnum):
    """Where the conversation is: the reply that is waited for, or how it ended."""

    IDLE = "idle"
    OPTIONS = "OPTIONS"
    DESCRIBE = "DESCRIBE"
    SETUP = "SETUP"
    PLAY = "PLAY"
    STREAMING = "streaming"
    REDIRECTED = "redirected"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(slots=True)
class _Pending:
    """A request without its reply."""

    method: str
    uri: str
    headers: tuple[tuple[str, str], ...]
    step: Step
    answered: bool = False
    retried: bool = False


class Dialog:
    """One conversation on one connection.

    Args:
        terms: what to ask for.
        auth: the credentials; survives a redirect.
    """

    def __init__(self, terms: Terms, auth: Authenticator) -> None:
        self.step = Step.IDLE
        self.agreed = Agreed()
        self.failure: SessionFailed | None = None
        self.redirect_to = ""
        self.notices: list[StreamNotice] = []
        self._terms = terms
        self._auth = auth
        self._out = bytearray()
        self._cseq = 0
        self._pending: dict[int, _Pending] = {}
        self._reply_due: int | None = None
        self._public = ""
        self._session = ""
        self._keepalive_ns = min(_DEFAULT_SESSION_S * NS_PER_S // 2, MAX_KEEPALIVE_NS)
        self._keepalive_due: int | None = None
        self._keepalive_method = "GET_PARAMETER"
        self._base = terms.url
        self._aggregate = terms.url
        self._to_set_up: list[tuple[Track, str]] = []

    @property
    def auth_scheme(self) -> str:
        """See ``Authenticator.scheme``."""
        return self._auth.scheme

    def begin(self, now_ns: int) -> None:
        """The connection is there: say the first word."""
        if self._terms.public is None:
            self._ask(now_ns, Step.OPTIONS, "OPTIONS", self._terms.url)
        else:
            self._public = self._terms.public.upper()
            self._describe(now_ns)

    def take_output(self) -> bytes:
        """What is to be sent, once."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_deadline_ns(self) -> int | None:
        """When ``tick`` has something to do."""
        return self._reply_due if self._reply_due is not None else self._keepalive_due

    def tick(self, now_ns: int) -> None:
        """Time passed: give up on a reply, or say that we are still here."""
        if self._reply_due is not None and now_ns >= self._reply_due:
            self._fail(FailureKind.TIMEOUT, f"no reply to {self.step} within the time given")
        elif self.step is Step.STREAMING and self._keepalive_due is not None and now_ns >= self._keepalive_due:
            self._keepalive_due = now_ns + self._keepalive_ns
            self._send(_Pending(self._keepalive_method, self._aggregate, (), Step.STREAMING))

    def teardown(self) -> None:
        """Leave; the reply is not waited for."""
        if self._session and self.step not in (Step.FAILED, Step.CLOSED):
            self._send(_Pending("TEARDOWN", self._aggregate, (), Step.CLOSED))
        self.step = Step.CLOSED
        self._reply_due = self._keepalive_due = None

    def goodbye(self, why: str) -> None:
        """The camera ended the stream, be it by RTCP or by a request."""
        self._fail(FailureKind.EOS, why)

    def on_message(self, message: Message, now_ns: int) -> None:
        """Take one message of the server's."""
        if self.step in (Step.FAILED, Step.CLOSED, Step.REDIRECTED):
            return
        if isinstance(message, Request):
            self._on_request(message)
        else:
            self._on_response(message, now_ns)

    # -- replies ----------------------------------------------------------------------------------

    def _on_response(self, response: Response, now_ns: int) -> None:
        number = response.headers.number("cseq")
        pending = self._pending.pop(number, None) if number is not None else self._only_pending()
        if pending is None or response.status < 200:
            if pending is not None and number is not None:
                self._pending[number] = pending  # 100 Continue: the real one follows
            return
        self.agreed.server = self.agreed.server or response.headers.get("server")
        if response.status == 401:
            self._on_challenge(response, pending, now_ns)
            return
        if 200 <= response.status < 300:
            if pending.answered:
                self._auth.accepted()
            self._on_success(response, pending, now_ns)
        elif 300 <= response.status < 400 and pending.step is not Step.STREAMING:
            self._on_redirect(response)
        else:
            self._on_refusal(response, pending, now_ns)

    def _only_pending(self) -> _Pending | None:
        """A reply without CSeq belongs to the only request there is."""
        return self._pending.popitem()[1] if len(self._pending) == 1 else None

    def _on_challenge(self, response: Response, pending: _Pending, now_ns: int) -> None:
        fields = response.headers.all("www-authenticate")
        if self._auth.challenged(fields, answered=pending.answered, retried=pending.retried):
            pending.retried = pending.answered
            self._send(pending)
            if self._reply_due is not None:
                self._reply_due = now_ns + self._terms.reply_timeout_ns
            return
        why = "the camera refused user and password" if pending.answered else "the camera wants user and password"
        self._fail(FailureKind.AUTH_FAILED, why, 401)

    def _on_success(self, response: Response, pending: _Pending, now_ns: int) -> None:
        match pending.step:
            case Step.OPTIONS:
                self._public = response.headers.get("public").upper()
                self._describe(now_ns)
            case Step.DESCRIBE:
                self._on_description(response, pending, now_ns)
            case Step.SETUP:
                self._on_set_up(response, now_ns)
            case Step.PLAY:
                self._on_playing(response, now_ns)
            case _:
                pass

    def _on_redirect(self, response: Response) -> None:
        location = response.headers.get("location")
        if not location.lower().startswith(("rtsp://", "rtsps://")):
            self._fail(FailureKind.PROTOCOL, f"a redirect to {location or 'nowhere'}", response.status)
            return
        self.redirect_to = location
        self.step = Step.REDIRECTED
        self._reply_due = None

    def _on_refusal(self, response: Response, pending: _Pending, now_ns: int) -> None:
        status = response.status
        if pending.step is Step.OPTIONS and status not in (403, 404, 503):
            self._describe(now_ns)  # some cameras do not know it, and play all the same
        elif pending.step is Step.SETUP and self._to_set_up[0][0] is Track.AUDIO:
            self._without_audio(f"the camera refused its audio with {status}", now_ns)
        elif pending.step is Step.STREAMING:
            if status == 454:
                self._fail(FailureKind.EOS, "the camera does not know our session any more", status)
            elif self._keepalive_method != "OPTIONS":
                self._keepalive_method = "OPTIONS"
        else:
            why = f"{pending.method} was refused: {status} {response.reason}"
            # 461 Unsupported Transport: VLC, for one, speaks UDP only.
            self._fail(refusal_kind(status), f"{why}; it may want transport udp" if status == 461 else why, status)

    # -- the steps --------------------------------------------------------------------------------

    def _describe(self, now_ns: int) -> None:
        self._ask(now_ns, Step.DESCRIBE, "DESCRIBE", self._terms.url, (("Accept", "application/sdp"),))

    def _on_description(self, response: Response, pending: _Pending, now_ns: int) -> None:
        headers = response.headers
        self._base = sdp.base_url(pending.uri, headers.get("content-base"), headers.get("content-location"))
        description = sdp.parse_sdp(response.body.decode("utf-8", "replace"))
        self._aggregate = sdp.resolve_control(self._base, description.control)
        video = choose_video(description)
        if video is None:
            self._fail(FailureKind.CODEC_UNSUPPORTED, f"no H.264 or H.265; offered: {offered_names(description)}")
            return
        self.agreed.video = video
        self._to_set_up = [(Track.VIDEO, sdp.resolve_control(self._base, video.media.control))]
        self._consider_audio(description)
        self._set_up(now_ns)

    def _consider_audio(self, description: sdp.Description) -> None:
        if not self._terms.audio:
            return
        audio, complaint = choose_audio(description)
        if complaint:
            self._notice(NoticeKind.AUDIO_UNSUPPORTED, complaint)
        elif audio is not None and audio.aac is None and not self._terms.transcodes:
            self._notice(NoticeKind.AUDIO_UNSUPPORTED, f"{audio.format.encoding} cannot be encoded here")
        elif audio is not None:
            self.agreed.audio = audio
            self._to_set_up.append((Track.AUDIO, sdp.resolve_control(self._base, audio.media.control)))

    def _set_up(self, now_ns: int) -> None:
        if not self._to_set_up:
            self._ask(now_ns, Step.PLAY, "PLAY", self._aggregate, (("Range", "npt=0.000-"),))
            return
        _, url = self._to_set_up[0]
        first = 2 * len(self.agreed.tracks)
        transport = f"RTP/AVP/TCP;unicast;interleaved={first}-{first + 1}"
        self._ask(now_ns, Step.SETUP, "SETUP", url, (("Transport", transport),))

    def _on_set_up(self, response: Response, now_ns: int) -> None:
        track, url = self._to_set_up[0]
        transport = response.headers.get("transport")
        if "tcp" not in transport.lower() and "interleaved" not in transport.lower():
            self._fail(FailureKind.PROTOCOL, f"the camera answered SETUP with another transport: {transport[:80]}", 461)
            return
        first = 2 * len(self.agreed.tracks)
        match = _INTERLEAVED.search(transport)
        channel = int(match[1]) if match else first
        rtcp_channel = int(match[2]) if match and match[2] else channel + 1
        ssrc = _SSRC.search(transport)
        self.agreed.tracks.append(TrackSetup(track, url, channel, rtcp_channel, int(ssrc[1], 16) if ssrc else None))
        self._take_session(response)
        self._to_set_up.pop(0)
        self._set_up(now_ns)

    def _without_audio(self, why: str, now_ns: int) -> None:
        self._notice(NoticeKind.AUDIO_UNSUPPORTED, why)
        self.agreed.audio = None
        self._to_set_up.pop(0)
        self._set_up(now_ns)

    def _take_session(self, response: Response) -> None:
        name, _, rest = response.headers.get("session").partition(";")
        self._session = name.strip() or self._session
        match = re.search(r"timeout\s*=\s*(\d{1,6})", rest, re.IGNORECASE)
        seconds = int(match[1]) if match else _DEFAULT_SESSION_S
        # What somebody set is the most: a session that ends sooner would not survive it.
        self._keepalive_ns = min(max(seconds, 2) * NS_PER_S // 2, self._terms.keepalive_ns or MAX_KEEPALIVE_NS)

    def _on_playing(self, response: Response, now_ns: int) -> None:
        if response.headers.get("session"):
            name = response.headers.get("session").partition(";")[0].strip()
            self._session = name or self._session
        self.step = Step.STREAMING
        self._reply_due = None
        if self._public and "GET_PARAMETER" not in self._public:
            self._keepalive_method = "OPTIONS"
        self._keepalive_due = now_ns + self._keepalive_ns

    # -- the server asks --------------------------------------------------------------------------

    def _on_request(self, request: Request) -> None:
        known = ("OPTIONS", "ANNOUNCE", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN", "REDIRECT", "PLAY_NOTIFY")
        if request.method in known:
            public = (("Public", "OPTIONS, ANNOUNCE, TEARDOWN"),) if request.method == "OPTIONS" else ()
            self._out += build_response(request, 200, "OK", public)
        else:
            self._out += build_response(request, 501, "Not Implemented")
        notice = request.headers.get("notice") or request.headers.get("x-notice")
        reason = request.headers.get("notify-reason").lower()
        if request.method in ("TEARDOWN", "REDIRECT"):
            self.goodbye(f"the camera sent {request.method}")
        elif notice.startswith(_END_NOTICES) or reason == "end-of-stream":
            self.goodbye(f"the camera announced the end: {notice or reason}")

    # -- sending ----------------------------------------------------------------------------------

    def _ask(self, now_ns: int, step: Step, method: str, uri: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        self.step = step
        self._reply_due = now_ns + self._terms.reply_timeout_ns
        self._send(_Pending(method, uri, tuple(headers), step))

    def _send(self, pending: _Pending) -> None:
        self._cseq += 1
        headers = list(pending.headers)
        if self._session:
            headers.append(("Session", self._session))
        answer = self._auth.authorize(pending.method, pending.uri)
        if answer is not None:
            headers.append(("Authorization", answer))
        pending.answered = answer is not None
        if len(self._pending) > 8:  # keep-alives that a camera never answers
            self._pending.pop(next(iter(self._pending)))
        self._pending[self._cseq] = pending
        self._out += build_request(pending.method, pending.uri, self._cseq, headers)

    def _notice(self, kind: NoticeKind, text: str) -> None:
        self.notices.append(StreamNotice(kind, 1, text))

    def _fail(self, kind: FailureKind, why: str, status: int | None = None) -> None:
        if self.failure is None:
            element = self.step.value
            self.failure = SessionFailed(kind, ErrorDetail(element, "rtsp", status, rtsp_status=status, debug=why))
        self.step = Step.FAILED
        self._reply_due = self._keepalive_due = None
