"""The direct receiver: one TCP connection, read in batches on the owner's thread.

No thread, no pipeline: per batch one ``recv`` into a buffer that all sessions of a thread share, and a
walk over the packets in it. ``docs/design/receive.md`` has the reasons and the figures.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import urlsplit

from evertape.clock import Clock
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.errors import UsageError
from evertape.media.capture import (
    Backend,
    CaptureEvent,
    CaptureRequest,
    NoticeKind,
    RawAudio,
    SessionFailed,
    SessionOpened,
    StreamNotice,
    TranscoderFactory,
    Transport,
)
from evertape.media.rtsp.auth import Authenticator
from evertape.media.rtsp.connection import RECEIVE_BUFFER, Connection, ConnectionFailedError, endpoint_of
from evertape.media.rtsp.messages import Message, RtspSyntaxError
from evertape.media.rtsp.receiver import Receiver
from evertape.media.rtsp.session import Dialog, Step
from evertape.media.rtsp.terms import Terms
from evertape.media.rtsp.wire import MAX_REST
from evertape.redact import split_credentials
from evertape.types import NS_PER_MS, NS_PER_S, AccessUnit, Epoch

MAX_REDIRECTS = 3
WATCH_NS = 3 * NS_PER_S
"""For so long after ``PLAY`` every packet is read as it comes, because the first arrival times set the clock."""

LONGEST_WATCH_NS = 15 * NS_PER_S
"""For so long where the first keyframe lets us wait; then until ``NS_PER_S`` after it."""

_CHUNK = 512 * 1024
_MAX_PER_DRAIN = 2 * 1024 * 1024
_MIN_BATCH_NS = 10 * NS_PER_MS


class _Scratch(threading.local):
    """One receive buffer per owner thread, whatever the number of cameras; nothing stays in it between drains."""

    def __init__(self) -> None:
        self.buffer = bytearray(MAX_REST + _CHUNK)
        self.view = memoryview(self.buffer)


_scratch = _Scratch()


class _Phase(StrEnum):
    NEW = "new"
    CONNECTING = "connecting"
    TALKING = "talking"
    STREAMING = "streaming"
    FAILED = "failed"
    CLOSED = "closed"


class DirectSession:
    """A ``CaptureSession`` over RTSP with RTP interleaved in its TCP connection.

    Args:
        request: what to receive; ``transport`` must be TCP.
        clock: both clocks.
        transcoder: for G.711; without it such audio is reported and left out.

    Raises:
        UsageError: another transport is asked for.
    """

    def __init__(self, request: CaptureRequest, clock: Clock, transcoder: TranscoderFactory | None = None) -> None:
        if request.transport is not Transport.TCP:
            raise UsageError("the direct receiver speaks TCP only")
        self._request = request
        self._clock = clock
        self._transcoder = transcoder
        self._url, self._user, self._password = request.credentials()
        self._phase = _Phase.NEW
        self._connection: Connection | None = None
        self._dialog: Dialog | None = None
        self._receiver = self._new_receiver()
        self._rest = b""
        self._events: list[CaptureEvent] = []
        self._redirects = 0
        self._tls = False
        self._played_ns = 0
        self._last_drain_ns = 0
        self._bytes_per_s = 0
        self._window = 0

    def _new_receiver(self) -> Receiver:
        return Receiver(self._request.epoch, secrets.randbits(32), self._emit, self._on_message)

    @property
    def epoch(self) -> Epoch:
        """See ``CaptureSession``."""
        return self._request.epoch

    def start(self) -> None:
        """See ``CaptureSession``."""
        if self._phase is not _Phase.NEW:
            raise UsageError("a session is started once")
        self._phase = _Phase.CONNECTING
        try:
            self._connect_to(self._url, allow_basic=True)
            self._advance_connection(self._clock.boot_ns())
        except ConnectionFailedError as error:
            self._fail(error.kind, error.detail)

    def drain(self) -> Sequence[AccessUnit]:
        """See ``CaptureSession``."""
        if self._phase in (_Phase.CONNECTING, _Phase.TALKING, _Phase.STREAMING):
            now = self._clock.boot_ns()
            try:
                self._work(now)
            except ConnectionFailedError as error:
                self._fail(error.kind, error.detail)
            except RtspSyntaxError as error:
                self._fail(FailureKind.PROTOCOL, ErrorDetail("wire", "rtsp", debug=error.what))
        return self._receiver.take_units()

    def events(self) -> Sequence[CaptureEvent]:
        """See ``CaptureSession``."""
        events, self._events = self._events, []
        return events

    def fileno(self) -> int | None:
        """See ``CaptureSession``."""
        if self._connection is None:
            return None
        if self._phase is _Phase.STREAMING and not self._watched():
            return None
        return self._connection.fileno()

    def _watched(self) -> bool:
        since_play = self._last_drain_ns - self._played_ns
        if since_play <= WATCH_NS:
            return True
        first = self._receiver.first_unit_ns
        return since_play <= LONGEST_WATCH_NS and (first is None or self._last_drain_ns - first <= NS_PER_S)

    def next_deadline_ns(self) -> int | None:
        """See ``CaptureSession``."""
        if self._connection is None:
            return None
        deadlines = [self._connection.next_deadline_ns()]
        if self._dialog is not None:
            deadlines.append(self._dialog.next_deadline_ns())
        if self._phase is _Phase.STREAMING:
            deadlines += [self._receiver.next_report_ns, self._batch_deadline_ns()]
        return min((d for d in deadlines if d is not None), default=None)

    def close(self) -> None:
        """See ``CaptureSession``."""
        if self._phase is _Phase.CLOSED:
            return
        self._take_leave()
        self._let_go()
        self._phase = _Phase.CLOSED

    # -- connecting -------------------------------------------------------------------------------

    def _connect_to(self, url: str, *, allow_basic: bool) -> None:
        endpoint = endpoint_of(url)
        self._url, self._tls = url, endpoint.tls
        self._connection = Connection(
            endpoint,
            self._request.connect_timeout_ns,
            verify=self._request.tls_verify,
            receive_buffer=RECEIVE_BUFFER,
        )
        terms = Terms(
            url,
            audio=self._request.audio,
            transcodes=self._transcoder is not None,
            reply_timeout_ns=self._request.connect_timeout_ns,
            # Not of another host, to which a redirect led.
            public=self._request.public if self._dialog is None else None,
            keepalive_ns=self._request.keepalive_ns,
        )
        self._dialog = Dialog(terms, Authenticator(self._user, self._password, allow_basic=allow_basic))
        self._receiver = self._new_receiver()
        self._rest = b""
        self._phase = _Phase.CONNECTING

    def _advance_connection(self, now: int) -> None:
        connection, dialog = self._connection, self._dialog
        if connection is None or dialog is None:
            return
        connection.advance(now)
        if connection.open:
            self._phase = _Phase.TALKING
            self._last_drain_ns = now
            self._window = connection.window
            dialog.begin(now)
            self._flush(connection, dialog, now)

    def _follow_redirect(self, to: str, now: int) -> None:
        self._redirects += 1
        if self._redirects > MAX_REDIRECTS:
            detail = ErrorDetail("DESCRIBE", "rtsp", debug=f"more than {MAX_REDIRECTS} redirects")
            raise ConnectionFailedError(FailureKind.PROTOCOL, detail)
        target, _, _ = split_credentials(to)
        # Basic would hand the password to whatever host the first one names.
        same_host = urlsplit(target).hostname == urlsplit(self._url).hostname
        if self._connection is not None:
            self._connection.close()
        self._connect_to(target, allow_basic=same_host)
        self._advance_connection(now)

    # -- the work of one drain --------------------------------------------------------------------

    def _work(self, now: int) -> None:
        if self._phase is _Phase.CONNECTING:
            self._advance_connection(now)
        connection, dialog = self._connection, self._dialog
        if connection is None or dialog is None or not connection.open:
            return
        try:
            self._read(connection)
        finally:
            # What was read before the connection broke counts, and so does a goodbye in it.
            self._after_reading(dialog)
        dialog.tick(now)
        self._after_reading(dialog)
        if dialog.step is Step.REDIRECTED:
            self._follow_redirect(dialog.redirect_to, now)
        elif self._phase is _Phase.STREAMING:
            self._while_streaming(connection, now)
        if self._connection is connection:
            self._flush(connection, dialog, now)

    def _read(self, connection: Connection) -> None:
        buffer, view = _scratch.buffer, _scratch.view
        rest, receiver = self._rest, self._receiver
        total = 0
        try:
            while total < _MAX_PER_DRAIN:
                have = len(rest)
                view[:have] = rest
                count = connection.recv_into(view[have : have + _CHUNK])
                if count < 0:
                    break
                total += count
                end = have + count
                used = receiver.take(buffer, view, end, self._clock.boot_ns(), self._clock.utc_ns())
                rest = bytes(view[used:end])
                if (count < _CHUNK and not self._tls) or self._receiver is not receiver:
                    break
        finally:
            self._rest = rest
            self._measure(total)

    def _after_reading(self, dialog: Dialog) -> None:
        self._events += dialog.notices
        dialog.notices.clear()
        if dialog.failure is not None:
            self._fail(dialog.failure.kind, dialog.failure.detail)

    def _while_streaming(self, connection: Connection, now: int) -> None:
        report = self._receiver.report_due(now)
        if report:
            connection.send(report)
        waited = now - self._played_ns
        if waited >= self._request.no_media_timeout_ns and self._receiver.line is not None:
            if not self._receiver.anything:
                self._fail(FailureKind.NO_MEDIA, ErrorDetail("PLAY", "rtsp", debug="no packet came after PLAY"))
            elif self._receiver.line.caps is None and self._receiver.line.undescribed:
                debug = "keyframes came, but no parameter sets that can be read"
                self._fail(FailureKind.CODEC_UNSUPPORTED, ErrorDetail("PLAY", "rtsp", debug=debug))

    def _flush(self, connection: Connection, dialog: Dialog, now: int) -> None:
        connection.send(dialog.take_output())
        connection.flush(now)

    def _measure(self, count: int) -> None:
        """How fast it comes, to know how long a batch may wait."""
        now = self._clock.boot_ns()
        elapsed = max(now - self._last_drain_ns, NS_PER_MS)
        if self._phase is _Phase.STREAMING:
            # Weighted by time, so that reading packet by packet does not make it jump.
            weight = min(elapsed, NS_PER_S)
            rate = count * NS_PER_S // elapsed
            self._bytes_per_s += (rate - self._bytes_per_s) * weight // NS_PER_S
        self._last_drain_ns = now

    def _batch_deadline_ns(self) -> int | None:
        """Before the kernel's buffer is half full, so that the camera never has to wait."""
        if not self._bytes_per_s:
            return None
        return self._last_drain_ns + max(self._window * NS_PER_S // (2 * self._bytes_per_s), _MIN_BATCH_NS)

    # -- called while reading ---------------------------------------------------------------------

    def _on_message(self, message: Message) -> None:
        dialog = self._dialog
        if dialog is None:
            return
        now = self._clock.boot_ns()
        dialog.on_message(message, now)
        if dialog.step in (Step.PLAY, Step.STREAMING) and self._receiver.line is None:
            self._prepare(dialog)
        if dialog.step is Step.STREAMING and self._phase is _Phase.TALKING:
            self._phase = _Phase.STREAMING
            self._played_ns = now
            self._events.append(self._opened(dialog))

    def _prepare(self, dialog: Dialog) -> None:
        audio, transcoder = dialog.agreed.audio, None
        if audio is not None and audio.aac is None and self._transcoder is not None:
            form = audio.format
            transcoder = self._transcoder(RawAudio(form.encoding, form.clock_rate, form.channels))
            if transcoder is None:
                notice = StreamNotice(NoticeKind.AUDIO_UNSUPPORTED, 1, f"{form.encoding} cannot be encoded here")
                self._events.append(notice)
        self._receiver.prepare(dialog.agreed, transcoder, dialog.goodbye)

    def _opened(self, dialog: Dialog) -> SessionOpened:
        agreed = dialog.agreed
        size = self._receiver.described_size or (agreed.video.media.size if agreed.video is not None else None)
        return SessionOpened(
            codec=self._receiver.codec,
            width=size[0] if size else None,
            height=size[1] if size else None,
            audio=str(agreed.audio) if agreed.audio is not None and self._receiver.has_audio else None,
            server=agreed.server,
            transport=Transport.TCP,
            auth=dialog.auth_scheme,
            encrypted=self._tls,
            verified=self._tls and self._request.tls_verify,
            backend=Backend.DIRECT,
        )

    def _emit(self, event: CaptureEvent) -> None:
        self._events.append(event)

    # -- the end ----------------------------------------------------------------------------------

    def _fail(self, kind: FailureKind, detail: ErrorDetail) -> None:
        if self._phase in (_Phase.FAILED, _Phase.CLOSED):
            return
        self._phase = _Phase.FAILED
        if kind is FailureKind.TIMEOUT and self._connection is not None:
            # A frozen camera would otherwise find everything that was asked of it meanwhile.
            self._connection.abort()
        elif kind in (FailureKind.NO_MEDIA, FailureKind.CODEC_UNSUPPORTED):
            self._take_leave()
        self._let_go()
        self._events.append(SessionFailed(kind, detail))

    def _take_leave(self) -> None:
        """Say TEARDOWN, if there is somebody who would hear it."""
        if self._connection is not None and self._connection.open and self._dialog is not None:
            self._dialog.teardown()
            self._connection.send(self._dialog.take_output())
            with contextlib.suppress(ConnectionFailedError):  # gone already, which is what we came for
                self._connection.flush(self._clock.boot_ns())

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._receiver.close()
        self._rest = b""
