"""The RTSP server, on a thread of its own. Source of what it relies on: GStreamer's RTSP server 1.22.

Basic authentication only: passwords are kept as Argon2 hashes, from which no digest can be computed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import gi

from evertape.errors import SetupError
from evertape.media.gst.lib import GstRtsp
from evertape.media.restream.feed import FeedEndedError
from evertape.media.restream.session import RestreamSession
from evertape.media.restream.terms import Admit, Grant, Served

try:
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, GstRtspServer
except (ImportError, ValueError) as missing:
    raise SetupError(
        f"GStreamer's RTSP server is not installed ({missing})",
        hint="on Debian and Ubuntu: apt install gir1.2-gst-rtsp-server-1.0",
    ) from missing

log = logging.getLogger(__name__)

THREADS = 8
"""Of clients' requests: one that waits for a camera, or for its password to be compared, holds up an eighth of them."""
MOST_SESSIONS = 128
FRESH_S = 60.0
"""So long a password that was right is believed."""
_CLEANUP_S = 2
_ROLE = "media.factory.role"
_SETTINGS = "transport.client-settings"


class RestreamServer:
    """See the module.

    Args:
        admit: says who may watch what.
        realm: shown by clients that ask for a password.
    """

    def __init__(self, admit: Admit, realm: str = "Evertape") -> None:
        self._admit = admit
        self._lock = threading.RLock()
        self._served: dict[str, Served] = {}
        self._sessions: dict[str, RestreamSession] = {}
        self._factories: dict[str, Any] = {}
        self._grants: dict[str, tuple[float, Grant]] = {}
        self._context = GLib.MainContext.new()
        self._loop = GLib.MainLoop.new(self._context, False)
        self._server = GstRtspServer.RTSPServer.new()
        pool = GstRtspServer.RTSPThreadPool.new()
        pool.set_max_threads(THREADS)
        self._server.set_thread_pool(pool)
        self._server.get_session_pool().set_max_sessions(MOST_SESSIONS)
        self._auth = _Auth(self._check)
        self._auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        self._auth.set_realm(realm)
        self._server.set_auth(self._auth)
        self._thread = threading.Thread(target=self._run, name="restream", daemon=True)

    def listen(self, host: str, port: int) -> int:
        """Begin to serve; returns the port. Raises ``SetupError`` if it is taken. Once."""
        self._server.set_address(host)
        self._server.set_service(str(port))
        if self._server.attach(self._context) == 0:
            raise SetupError(f"the restream cannot listen on {host}:{port}", hint="choose another restream.listen")
        self._thread.start()
        return int(self._server.get_bound_port())

    def serve(self, streams: Iterable[Served]) -> None:
        """Serve these from now on, and no others; sessions of those that stay go on."""
        wanted = {served.path: served for served in streams}
        with self._lock:
            gone = self._served.keys() - wanted.keys()
            new = wanted.keys() - self._served.keys()
            self._served = wanted
        mounts = self._server.get_mount_points()
        for path in gone:
            mounts.remove_factory(path)
            with self._lock:
                self._factories.pop(path, None)
        for path in new:
            factory = _Factory(partial(self._begin, path))
            # Not shared: see ``session``. In 1.22 a client that went away behind dropped packets would hold up all.
            factory.set_shared(False)
            factory.set_protocols(GstRtsp.RTSPLowerTrans.TCP | GstRtsp.RTSPLowerTrans.UDP)
            factory.connect("media-configure", self._on_media)
            with self._lock:
                self._factories[path] = factory
                self._permit(path)
            mounts.add_factory(path, factory)

    @property
    def clients(self) -> dict[str, int]:
        """How many are being sent pictures, by path."""
        with self._lock:
            found: dict[str, int] = {}
            for session in self._sessions.values():
                if session.flowing:
                    found[session.path] = found.get(session.path, 0) + 1
            return found

    def close(self) -> None:
        """Send every client away, and end."""
        self._server.client_filter(lambda _server, _client: GstRtspServer.RTSPFilterResult.REMOVE)
        with self._lock:
            for session in self._sessions.values():
                session.close()
        self._loop.quit()
        if self._thread.ident is not None:
            self._thread.join(2.0)

    def _run(self) -> None:
        timer = GLib.timeout_source_new_seconds(_CLEANUP_S)
        timer.set_callback(lambda *_: self._clean_up())
        timer.attach(self._context)
        self._loop.run()

    def _clean_up(self) -> bool:
        """Forget clients that went away without a word, and passwords that were right a while ago."""
        self._server.get_session_pool().cleanup()
        now = time.monotonic()
        with self._lock:
            for basic in [basic for basic, (at, _) in self._grants.items() if now - at > FRESH_S]:
                del self._grants[basic]
                self._auth.remove_basic(basic)
            for name, session in list(self._sessions.items()):
                if not session.flowing and now - session.born > 60:
                    del self._sessions[name]
        return True

    # -- sessions, on the clients' threads ------------------------------------------------------------------

    def _begin(self, path: str) -> Any:
        try:
            session = RestreamSession(lambda: self._served.get(path))
        except FeedEndedError as error:
            log.info("[RESTREAM] %s cannot be served now: %s", path, error.what)
            return None
        with self._lock:
            self._sessions[session.name] = session
        return session.make_element()

    def _on_media(self, _factory: Any, media: Any) -> None:
        name = media.get_element().get_name()
        session = self._sessions.get(name)
        if session is None:
            return
        session.configure(media)
        media.connect("unprepared", lambda _media: self._over(name))

    def _over(self, name: str) -> None:
        with self._lock:
            session = self._sessions.pop(name, None)
        if session is not None:
            session.close()

    # -- who may what ---------------------------------------------------------------------------------------

    def _check(self, basic: str, address: str) -> None:
        """Make the server know this name and password, if they are right."""
        with self._lock:
            if basic in self._grants:
                return
        try:
            name, _, password = base64.b64decode(basic, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return
        grant = self._admit(name, password, address)
        if grant is None:
            return
        token = GstRtspServer.RTSPToken.new()
        token.set_string(_ROLE, _role(basic))
        token.set_bool(_SETTINGS, True)
        with self._lock:
            self._grants[basic] = (time.monotonic(), grant)
            self._auth.add_basic(basic, token)
            for path in self._served:
                self._permit(path)

    def _permit(self, path: str) -> None:
        """Say which of those that are known may have this stream. To the others it does not exist."""
        with self._lock:
            served, factory = self._served[path], self._factories.get(path)
            if factory is None:
                return
            permissions = GstRtspServer.RTSPPermissions.new()
            for basic, (_, grant) in self._grants.items():
                if grant.sees(served.camera):
                    permissions.add_permission_for_role(_role(basic), "media.factory.access", True)
                    permissions.add_permission_for_role(_role(basic), "media.factory.construct", True)
            factory.set_permissions(permissions)


def _role(basic: str) -> str:
    """A name that GStreamer takes for a structure."""
    return f"r{hashlib.sha256(basic.encode()).hexdigest()}"


class _Auth(GstRtspServer.RTSPAuth):
    """Asks for a name and password when it meets them first; compares them itself from then on."""

    def __init__(self, check: Callable[[str, str], None]) -> None:
        super().__init__()
        self._ask = check

    def do_check(self, context: Any, what: str) -> bool:
        """Overrides; on a client's thread.

        Whoever is not known is asked for a password whatever he names, and learns nothing of what there is: the check
        of client settings is the one that does no more than that. Settings themselves, such as another address to send
        to, are nobody's.
        """
        if what == f"auth.check.{_SETTINGS}":
            return False
        if what == "auth.check.url":
            what = f"auth.check.{_SETTINGS}"
        return bool(GstRtspServer.RTSPAuth.do_check(self, context, what))

    def do_authenticate(self, context: Any) -> bool:
        """Overrides; on a client's thread."""
        found, value = context.request.get_header(GstRtsp.RTSPHeaderField.AUTHORIZATION, 0)
        if found == GstRtsp.RTSPResult.OK and value[:6].lower() == "basic ":
            self._ask(value[6:].strip(), context.conn.get_ip() or "")
        return bool(GstRtspServer.RTSPAuth.do_authenticate(self, context))


class _Factory(GstRtspServer.RTSPMediaFactory):
    """Makes each client's bin when it is asked for."""

    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__()
        self._make = make

    def do_create_element(self, _url: Any) -> Any:
        """Overrides; on a client's thread. ``None``: there is nothing to serve, which the client is told."""
        return self._make()
