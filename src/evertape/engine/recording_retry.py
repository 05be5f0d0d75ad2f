"""The effects around ``domain.recording_retry``: lines in the log, questions to the volumes, alerts.

Threads: the owner's loop only.
"""

from __future__ import annotations

import logging

from evertape.domain.recording_retry import (
    IDLE,
    Attempt,
    Durable,
    Effect,
    EndAlert,
    Event,
    Idle,
    RaiseAlert,
    Resumed,
    Scheduled,
    step,
)
from evertape.engine.alarm import Alarm
from evertape.engine.recording_host import RecordingHost
from evertape.types import NS_PER_S, BootNs

log = logging.getLogger(__name__)


class RecordingRetry:
    """See the module.

    Args:
        camera: whose footage waits.
        host: the recorder.
    """

    def __init__(self, camera: str, host: RecordingHost) -> None:
        self._camera = camera
        self._host = host
        self._alarm = Alarm("recording_retry", host, camera=camera)
        self.state = IDLE

    def tell(self, event: Event, where: str = "", *, elsewhere: bool = False) -> None:
        """Something happened.

        Args:
            event: what.
            where: the volume concerned, if there is one.
            elsewhere: it takes the place of a volume that was left, which is still away.
        """
        if self.state is IDLE and isinstance(event, Durable | Idle):
            return  # ten times a second, and nothing to do
        now = BootNs(self._host.clock.boot_ns())
        self.state, effects = step(self.state, event, now, self._host.retry)
        for effect in effects:
            self._perform(effect, where, elsewhere)

    def back(self, where: str, left_ns: int) -> None:
        """Footage became durable on a volume that was left at ``left_ns``, after a time elsewhere or in memory."""
        if self.state.trouble_since is None:
            self._say_resumed(where, self._host.clock.boot_ns() - left_ns)

    @property
    def attempt(self) -> int:
        """How many there were; 0 while a volume takes footage."""
        return self.state.attempt if self.state.waiting_since is not None else 0

    def retry_in_s(self, now_ns: int) -> float | None:
        """Seconds until the next attempt; ``None`` if none is due."""
        if self.state.next_at is None or self.state.waiting_since is None:
            return None
        return max(0.0, (self.state.next_at - now_ns) / NS_PER_S)

    def _perform(self, effect: Effect, where: str, elsewhere: bool) -> None:
        camera, policy = self._camera, self._host.retry
        match effect:
            case Scheduled():
                interval = f"{policy.interval / NS_PER_S:g}s"
                log.warning(
                    "[RECORDING RETRY] Scheduled (interval: %s, max attempts: %d) (%s)",
                    interval, policy.max_attempts, camera,
                )  # fmt: skip
            case Attempt(number, prompted):
                log.info("[RECORDING RETRY] Attempt %d/%d (%s)", number, policy.max_attempts, camera)
                if not prompted:
                    self._ask()
            case RaiseAlert(attempts):
                text = f"no volume takes the footage of {camera}, after {attempts} attempts; it goes on trying"
                self._alarm.set(True, text, attempts=attempts)
            case EndAlert():
                self._alarm.set(False, over=f"the footage of {camera} is written again")
            case Resumed(0, after) if elsewhere:
                # It never stopped; it will have resumed when it is back where it was.
                log.info("[RECORDING] %s: goes on with %s, after %.1f s", camera, where, after / NS_PER_S)
            case Resumed(attempts, after):
                log.debug("[RECORDING RETRY] %d attempts (%s)", attempts, camera)
                self._say_resumed(where, after)

    def _say_resumed(self, where: str, after_ns: int) -> None:
        log.info(
            "[RECORDING RETRY] Recording resumed successfully! (%s on %s, after %.1f s)",
            self._camera, where, after_ns / NS_PER_S,
        )  # fmt: skip

    def _ask(self) -> None:
        for link in self._host.links.values():
            if not link.usable:
                link.probe()
