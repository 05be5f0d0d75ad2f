"""What a service manager is told: ready, alive, how it is, stopping, in datagrams as systemd understands them.

Source: sd_notify(3). Threads: the caller's only. Never blocks, never raises: recording does not depend on being heard.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)

_US = 1_000_000


class ServiceManager:
    """Whoever started this process and wants to hear of it, if there is somebody.

    Args:
        environ: as ``os.environ``; ``NOTIFY_SOCKET`` names the socket, ``WATCHDOG_USEC`` how patient it is, and
            ``WATCHDOG_PID`` with whom.
        pid: of this process.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ, pid: int | None = None) -> None:
        self._path = environ.get("NOTIFY_SOCKET", "")
        self._status = ""
        self.watchdog_s = _watchdog_s(environ, os.getpid() if pid is None else pid)
        """Seconds of silence after which this process is taken for hung and killed; ``None``: nobody minds."""

    def __bool__(self) -> bool:
        return bool(self._path)

    def ready(self) -> None:
        """The service does what it is for."""
        self._say("READY=1")

    def alive(self) -> None:
        """It still does; to be said at least every half ``watchdog_s``."""
        self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for people, shown by ``systemctl status``; the same line is not said twice."""
        text = " ".join(text.split())
        if text != self._status:
            self._status = text
            self._say(f"STATUS={text}")

    def stopping(self) -> None:
        """The service is on its way out."""
        self._say("STOPPING=1")

    def _say(self, text: str) -> None:
        if not self._path:
            return
        # An address that begins with @ is in the kernel's abstract namespace.
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as line:
                line.sendto(text.encode(), address)
        except OSError as error:
            log.debug("[PROCESS] the service manager at %s did not hear %r: %s", self._path, text, error)


def _watchdog_s(environ: Mapping[str, str], pid: int) -> float | None:
    patience, whose = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not patience.isdigit() or int(patience) == 0 or (whose and whose != str(pid)):
        return None
    return int(patience) / _US
