"""The window's one interface to a recorder: its state, what happens, and questions with answers.

Threads: a ``Backend`` belongs to the GUI thread, where every signal is emitted and every reply is told; the line itself
lives on a thread of its own with an asyncio loop, so that nothing in the GUI ever waits for a network or a disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal

from evertape_desktop.backend.following import Following, Told
from evertape_desktop.backend.link import Answer, Link, StorageTeller
from evertape_desktop.backend.model import ServiceLook
from evertape_desktop.backend.problem import Connection, Contact, Problem, problem_of
from evertape_desktop.backend.reply import Reply

if TYPE_CHECKING:
    from evertape.media.view.terms import ViewSource

log = logging.getLogger(__name__)

_ROUNDS = 5
"""Of ending what is under way; more were never seen."""


class Backend(QObject):
    """See the module.

    Args:
        link: the line to the recorder.
        parent: as for any ``QObject``.
    """

    connection_changed = Signal(object)
    """A ``Connection``."""
    state_changed = Signal(object)
    """A ``ServiceLook``, whenever there is a new one."""
    alerts_changed = Signal(object)
    """What is wrong now: the answer of ``GET /alerts``, whenever there is a new one."""
    happened = Signal(object)
    """An ``EventLook``, as it happens."""
    missed = Signal()
    """Events were missed: whoever keeps a list of them has to ask for it anew."""
    failed = Signal(object)
    """A ``Problem`` of a request that nobody took care of."""
    _posted = Signal(object)

    def __init__(self, link: Link, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.link = link
        self.look: ServiceLook | None = None
        """The newest state; ``None``: none yet."""
        self.alerts: Any = None
        """The newest answer of ``GET /alerts``."""
        self.connection = Connection(Contact.CONNECTING)
        self._loop = asyncio.new_event_loop()
        self._following = Following(link, self.request, self._told())
        self._thread = threading.Thread(target=self._main, name="evertape link", daemon=True)
        self._closing = False
        self._posted.connect(self._run, Qt.ConnectionType.QueuedConnection)

    # -- life -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow the recorder."""
        self._thread.start()
        self._spawn(self._following.follow())
        self._spawn(self._following.listen())

    def close(self) -> None:
        """Let go of it, and wait until the thread has ended; nobody is told anything after."""
        if self._closing:
            return
        self._closing = True
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
        elif self._thread.ident is None:
            self._loop.close()  # it was never started

    def look_now(self) -> None:
        """Ask for the state at once."""
        if not self._closing:
            self._loop.call_soon_threadsafe(self._following.nudge)

    # -- asking ---------------------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Reply:
        """``GET`` below ``/api/v1``; the answer's JSON. Lists in ``query`` are repeated, ``None`` is left out."""
        return self.ask("GET", path, query=query)

    def post(self, path: str, body: Any = None) -> Reply:
        """``POST``; the answer's JSON, ``None`` if it has none."""
        return self.ask("POST", path, body={} if body is None else body)

    def patch(self, path: str, body: Any) -> Reply:
        """``PATCH``."""
        return self.ask("PATCH", path, body=body)

    def delete(self, path: str) -> Reply:
        """``DELETE``."""
        return self.ask("DELETE", path)

    def read(self, path: str, start: int | None = None, end: int | None = None, **query: Any) -> Reply:
        """``GET`` of bytes: a picture, or the bytes from ``start`` to before ``end`` of a file."""
        headers = {} if start is None else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        return self.ask("GET", path, query=query, headers=headers, decode=lambda answer: answer.body)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        decode: Callable[[Answer], Any] | None = None,
    ) -> Reply:
        """Any request; ``decode`` runs on the link's thread."""

        async def work() -> Any:
            answer = await self.request(method, path, query=query, body=body, headers=headers)
            return (decode or _decoded)(answer)

        return self.do(work(), look=method != "GET")

    def do(self, work: Coroutine[Any, Any, Any], *, look: bool = False) -> Reply:
        """Have ``work`` done on the link's thread; it may use ``request``.

        Args:
            work: what it returns is the reply's answer.
            look: it changes something, so the state is asked for when it is done.
        """
        reply = Reply(self.failed.emit)
        if self._closing:
            work.close()
            return reply

        began = unwanted = False

        async def settled() -> None:
            nonlocal began
            began = True
            if unwanted:
                work.close()
                return
            try:
                answer = await work
            except Problem as problem:
                answer = problem
            except Exception as error:
                # The edge of somebody else's work; its owner is told.
                log.exception("[DESKTOP] a request failed by a mistake of Evertape's own")
                answer = Problem("mistake", f"this is a mistake in Evertape: {error!r}")
            if look:
                self._following.nudge()
            self._post(lambda: reply.settle(answer))

        future = asyncio.run_coroutine_threadsafe(settled(), self._loop)

        def cancel() -> None:
            nonlocal unwanted
            unwanted = True
            future.cancel()

        def ended(_: object) -> None:
            # Work that is over before it has begun would complain that nobody ever awaited it.
            if not began and threading.current_thread() is self._thread:
                work.close()

        future.add_done_callback(ended)
        reply.bind(cancel)
        return reply

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """For work on the link's thread: ask, and wait. Raises ``Problem``."""
        asked = {key: value for key, value in (query or {}).items() if value is not None}
        answer = await self.link.request(method, path, asked, body, headers or {})
        if answer.status >= 400:
            raise problem_of(answer.status, answer.body)
        return answer

    def source(self, camera: str, stream: str) -> ViewSource:
        """Encoded live pictures of a camera, for a view; on the view's thread."""
        return self.link.source(camera, stream)

    @property
    def storage_teller(self) -> StorageTeller | None:
        """The engine that is in this process now, if the link leads to one."""
        found: Callable[[], StorageTeller | None] | None = getattr(self.link, "storage_teller", None)
        return None if found is None else found()

    def log_in(self, name: str, password: str, stay: bool = False) -> Reply:
        """Be somebody from now on; ``stay``: the next time too."""
        return self.do(self.link.log_in(name, password, stay), look=True)

    # -- what is asked most ---------------------------------------------------------------------------------

    def record(self, cameras: list[str], wanted: bool) -> Reply:
        """Record these cameras from now on, or no longer."""
        return self.post("/recording", {"cameras": cameras, "wanted": wanted})

    # -- the link's thread ----------------------------------------------------------------------------------

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            # What was asked for in the last moment becomes a task first.
            self._loop.run_until_complete(asyncio.sleep(0))
            for _ in range(_ROUNDS):
                # One that is ended may still begin another, such as an attempt to connect.
                if not (tasks := asyncio.all_tasks(self._loop)):
                    break
                for task in tasks:
                    task.cancel()
                self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            with contextlib.suppress(Problem, TimeoutError):
                self._loop.run_until_complete(asyncio.wait_for(self.link.close(), 2))
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def _told(self) -> Told:
        return Told(
            saw=lambda look, alerts: self._post(lambda: self._saw(look, alerts)),
            contact=lambda connection: self._post(lambda: self._is(connection)),
            happened=lambda event: self._post(lambda: self.happened.emit(event)),
            missed=lambda: self._post(self.missed.emit),
        )

    def _post(self, work: Callable[[], object]) -> None:
        if not self._closing:
            self._posted.emit(work)

    # -- the GUI thread -------------------------------------------------------------------------------------

    def _run(self, work: Callable[[], object]) -> None:
        if not self._closing:
            work()

    def _saw(self, look: ServiceLook, alerts: Any) -> None:
        self.look = look
        self._is(Connection(Contact.CONNECTED))
        self.state_changed.emit(look)
        if alerts != self.alerts:
            self.alerts = alerts
            self.alerts_changed.emit(alerts)

    def _is(self, connection: Connection) -> None:
        if connection != self.connection:
            self.connection = connection
            self.connection_changed.emit(connection)


def _decoded(answer: Answer) -> Any:
    try:
        return json.loads(answer.body) if answer.body else None
    except ValueError:
        raise Problem("malformed", "the recorder's answer cannot be read", status=answer.status) from None
