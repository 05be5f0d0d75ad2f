"""Which logins cameras refused within the last minute: cameras lock accounts, so nobody tries one again before.

A recorder knows that of its own attempts. This is for what a recorder does not see: its predecessor's, those of an
earlier run of the service, and that of whoever looked at a camera before adding it. Kept as digests, never as
passwords; they lie beside the configuration, which has the passwords themselves.

Threads: the owner's loop only, but for ``remember``, which is for other programs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from evertape.clock import Clock
from evertape.config.schema import Camera, Config
from evertape.config.url import CameraUrl
from evertape.domain.camera_events import StreamStatus
from evertape.domain.camera_types import StreamPolicy
from evertape.engine.state_files import REFUSED, Refusal, read_refused, refused_text
from evertape.errors import EvertapeError, UsageError
from evertape.ipc.client import ServiceClient
from evertape.ipc.events import AnyEvent, CameraStateChanged
from evertape.types import BootNs, CameraId

HOLD_NS = StreamPolicy().auth_interval


def hold_until(refusal: Refusal, clock: Clock, host: str) -> BootNs:
    """Boot-time clock: no attempt before. Pure but for reading the clock.

    Within one boot the boot-time clock tells, which nobody can set. Across boots only the wall clock can, and it may
    have been set meanwhile: so the wait is never longer than after a refusal right now.
    """
    now = clock.boot_ns()
    same = bool(host) and refusal.host == host and refusal.boot <= now
    since = now - refusal.boot if same else int(clock.utc_ns()) - refusal.utc
    left = HOLD_NS - since if since >= 0 else HOLD_NS
    return BootNs(now + max(0, left))


class RefusedHost(Protocol):
    """What it needs from the supervisor."""

    @property
    def clock(self) -> Clock:
        """Both clocks."""

    @property
    def config(self) -> Config:
        """In force."""

    def put_state(self, name: str, text: bytes) -> None:
        """Keep a small file across restarts."""


class RefusedLogins:
    """See the module.

    Args:
        host: the supervisor.
        boot_id: the kernel's boot id, or empty.
    """

    def __init__(self, host: RefusedHost, boot_id: str) -> None:
        self._host = host
        self._boot_id = boot_id
        self._known: dict[str, Refusal] = {}

    def load(self, state: Path) -> None:
        """Take up what earlier runs of the service, and other programs, have found out."""
        self._known = read_refused(state)

    def holds(self, camera: Camera) -> tuple[int, int]:
        """Boot-time clock: before when not to ask the camera for its main and its sub stream; 0: whenever."""
        sub = camera.sub_stream()
        return self._hold(camera.main_stream()), self._hold(sub) if sub is not None else 0

    def heard(self, event: AnyEvent) -> None:
        """Something happened to a camera."""
        if not isinstance(event, CameraStateChanged):
            return
        camera = self._host.config.cameras.get(CameraId(event.camera))
        url = None if camera is None else camera.main_stream() if event.stream == "main" else camera.sub_stream()
        if url is None:
            return
        # Without a detail it is only waited, because of what is known here. An attempt counts when it begins: who
        # dies in the midst of it cannot tell how it ended.
        refused = event.state == StreamStatus.AUTH_FAILED and bool(event.detail)
        again = event.old == StreamStatus.AUTH_FAILED and event.state == StreamStatus.RECONNECTING
        if refused or again:
            self.note(url.login_key)
        elif StreamStatus(event.state).flowing and self._known.pop(url.login_key, None) is not None:
            self._keep()

    def note(self, key: str) -> None:
        """A camera has just refused this login, ``CameraUrl.login_key``."""
        self._known[key] = now(self._host.clock, self._boot_id)
        self._keep()

    async def told(self, args: dict[str, Any]) -> dict[str, Any]:
        """The control verb ``login_refused``: somebody else found out."""
        key = str(args.get("key", ""))
        if len(key) != 32:
            raise UsageError("a login is named by its digest")
        self.note(key)
        return {}

    def _hold(self, url: CameraUrl) -> int:
        refusal = self._known.get(url.login_key)
        if refusal is None:
            return 0
        until = hold_until(refusal, self._host.clock, self._boot_id)
        return int(until) if until > self._host.clock.boot_ns() else 0

    def _keep(self) -> None:
        self._known = lasting(self._known, self._host.clock, self._boot_id)
        self._host.put_state(REFUSED, refused_text(self._known))


def now(clock: Clock, boot_id: str) -> Refusal:
    """A refusal right now."""
    return Refusal(int(clock.utc_ns()), int(clock.boot_ns()), boot_id)


def lasting(known: Mapping[str, Refusal], clock: Clock, boot_id: str) -> dict[str, Refusal]:
    """Those that still keep somebody from trying."""
    present = clock.boot_ns()
    return {key: refusal for key, refusal in known.items() if hold_until(refusal, clock, boot_id) > present}


def remember(data: Path, url: CameraUrl, clock: Clock, boot_id: str) -> None:
    """A camera refused a login of a program beside the service: tell the service, or leave it a note. Blocks.

    A note that cannot be written is left out: it saves the camera one attempt, and nothing depends on it.
    """
    try:
        with ServiceClient(data) as client:
            client.request("login_refused", key=url.login_key)
            return
    except EvertapeError:
        pass  # none runs, or one of another version
    with contextlib.suppress(OSError):
        state = data / "state"
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = lasting(read_refused(state), clock, boot_id) | {url.login_key: now(clock, boot_id)}
        part = state / f".{REFUSED}.{os.getpid()}"
        part.write_bytes(refused_text(known))
        os.replace(part, state / REFUSED)
