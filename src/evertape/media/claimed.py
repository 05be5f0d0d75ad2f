"""A capture session that makes sure first that nobody else of this installation has one with the same stream.

All methods on the owner's thread; what may block is done by ``claim_worker``, and never waited for beyond a deadline: a
stream that nobody can be asked about is opened all the same, because footage is worth more than a camera's patience.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Sequence
from enum import StrEnum

from evertape.clock import Clock
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.media.capture import CaptureEvent, CaptureRequest, CaptureSession, SessionFailed
from evertape.media.claims import Claim, Claimant, ClaimTerms, Job, claim_worker, stream_keys, take, wish
from evertape.media.rtsp.connection import ConnectionFailedError, endpoint_of
from evertape.media.rtsp.resolve import Lookup, look_up
from evertape.redact import split_credentials
from evertape.types import NS_PER_MS, NS_PER_S, AccessUnit, Epoch

log = logging.getLogger(__name__)

RESOLVE_NS = NS_PER_S
"""With the name server away the name alone has to do; the session itself needs an address, too."""
FILES_NS = NS_PER_S // 2
"""The directory of the sockets may lie on a disk that hangs."""
YIELD_NS = 3 * NS_PER_S
"""So long a recorder waits for somebody who only looks; they look twice a second whether they are to give way."""
LOOK_NS = NS_PER_S // 2
_AGAIN_NS = 50 * NS_PER_MS
_SOON_NS = 20 * NS_PER_MS


class _Phase(StrEnum):
    NEW = "new"
    RESOLVING = "resolving"
    ASKING = "asking"
    WAITING = "waiting"
    """Whoever has it is asked to give it up."""
    OPEN = "open"
    OVER = "over"


class ClaimedSession:
    """See the module; a ``CaptureSession``.

    Args:
        request: the stream.
        terms: who wants it.
        clock: both clocks.
        make: makes the session proper.
    """

    def __init__(
        self, request: CaptureRequest, terms: ClaimTerms, clock: Clock, make: Callable[[], CaptureSession]
    ) -> None:
        self.inner = make()
        """The session proper; begun once the stream is ours."""
        self._request = request
        self._terms = terms
        self._clock = clock
        self._phase = _Phase.NEW
        self._lookup: Lookup | None = None
        self._keys: list[str] = []
        self._asked: Job[Claim | Claimant] | None = None
        self._wish: Job[Claim] | None = None
        self._claim: Claim | None = None
        self._wanted: Job[bool] | None = None
        self._due_ns = self._give_up_ns = 0
        self._events: list[CaptureEvent] = []

    @property
    def epoch(self) -> Epoch:
        """See ``CaptureSession``."""
        return self.inner.epoch

    def start(self) -> None:
        """See ``CaptureSession``."""
        now = self._clock.boot_ns()
        self._give_up_ns = now + YIELD_NS
        self._phase, self._due_ns = _Phase.RESOLVING, now + RESOLVE_NS
        try:
            endpoint = endpoint_of(split_credentials(self._request.url)[0])
        except ConnectionFailedError:
            self._open()  # it says so itself
            return
        if not _is_address(endpoint.host):
            self._lookup = look_up(endpoint.host, endpoint.port)
        self._step(now)

    def drain(self) -> Sequence[AccessUnit]:
        """See ``CaptureSession``."""
        if self._phase in (_Phase.RESOLVING, _Phase.ASKING, _Phase.WAITING):
            self._step(self._clock.boot_ns())
        if self._phase is not _Phase.OPEN:
            return ()
        units = self.inner.drain()
        self._events += self.inner.events()
        if not self._terms.claimant.records and self._claim is not None:
            self._look(self._claim, self._clock.boot_ns())
        return units

    def events(self) -> Sequence[CaptureEvent]:
        """See ``CaptureSession``."""
        events, self._events = self._events, []
        return events

    def fileno(self) -> int | None:
        """See ``CaptureSession``."""
        return self.inner.fileno() if self._phase is _Phase.OPEN else None

    def next_deadline_ns(self) -> int | None:
        """See ``CaptureSession``."""
        if self._phase is _Phase.OPEN:
            return self.inner.next_deadline_ns()
        return None if self._phase in (_Phase.NEW, _Phase.OVER) else self._clock.boot_ns() + _SOON_NS

    def close(self) -> None:
        """See ``CaptureSession``."""
        self.inner.close()
        self._phase = _Phase.OVER
        self._let_go()

    # -- getting it -------------------------------------------------------------------------------

    def _step(self, now: int) -> None:
        if self._phase is _Phase.RESOLVING and (
            self._lookup is None or self._lookup.done.is_set() or now >= self._due_ns
        ):
            lookup = self._lookup
            known = lookup.result if lookup is not None and lookup.done.is_set() else []
            self._keys = stream_keys(self._request.url, [name[0] for _, name in known])
            self._ask(now)
        if self._phase is _Phase.WAITING and now >= self._due_ns:
            self._ask(now)
        if self._phase is _Phase.ASKING and self._asked is not None:
            if self._asked.done.is_set():
                self._answered(self._asked, now)
            elif now >= self._due_ns:
                log.warning("[STREAMING] nobody can say who has the stream; it is opened all the same")
                self._open()

    def _ask(self, now: int) -> None:
        terms, keys = self._terms, self._keys
        self._asked = claim_worker.submit(lambda: take(terms, keys))
        self._phase, self._due_ns = _Phase.ASKING, now + FILES_NS

    def _answered(self, asked: Job[Claim | Claimant], now: int) -> None:
        match asked.result:
            case Claim() as claim:
                self._claim = claim
                self._open()
            case Claimant() as holder:
                self._held(holder, now)
            case _:
                log.warning("[STREAMING] the stream cannot be claimed (%s); it is opened all the same", asked.error)
                self._open()

    def _held(self, holder: Claimant, now: int) -> None:
        mine = self._terms.claimant
        # A recorder that was replaced may take a moment to leave; another camera's stays.
        yields = not holder.records or holder.camera == mine.camera
        if not mine.records or not yields:
            text = f"{holder} has this stream"
            self._fail(ErrorDetail(element=holder.camera, domain="claim", debug=text))
            return
        if now >= self._give_up_ns:
            log.warning("[STREAMING] %s does not give up the stream; it is opened all the same", holder)
            self._open()
            return
        if self._wish is None:
            terms, keys = self._terms, self._keys
            self._wish = claim_worker.submit(lambda: wish(terms, keys))
        self._phase, self._due_ns = _Phase.WAITING, now + _AGAIN_NS

    def _open(self) -> None:
        self._drop_wish()
        self._phase = _Phase.OPEN
        self.inner.start()

    # -- giving it up -----------------------------------------------------------------------------

    def _look(self, claim: Claim, now: int) -> None:
        if self._wanted is None:
            if now >= self._due_ns:
                self._wanted = claim_worker.submit(claim.is_wanted)
                self._due_ns = now + LOOK_NS
        elif self._wanted.done.is_set():
            wanted, self._wanted = self._wanted.result, None
            if wanted:
                self._fail(ErrorDetail(domain="claim", debug="the service takes over this stream"))

    def _fail(self, detail: ErrorDetail) -> None:
        self.inner.close()
        self._phase = _Phase.OVER
        self._let_go()
        self._events.append(SessionFailed(FailureKind.IN_USE, detail))

    def _let_go(self) -> None:
        self._drop_wish()
        asked, self._asked, self._claim = self._asked, None, None
        if asked is not None:
            # Also one that is answered only after this.
            claim_worker.submit(lambda: asked.result.release() if isinstance(asked.result, Claim) else None)

    def _drop_wish(self) -> None:
        wished, self._wish = self._wish, None
        if wished is not None:
            claim_worker.submit(lambda: wished.result.release() if wished.result is not None else None)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
