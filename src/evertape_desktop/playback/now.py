"""What time it is for the recorder, which may be another machine with another clock."""

from __future__ import annotations

from time import monotonic_ns, time_ns

from evertape_desktop.backend.model import utc_ns


class RecorderClock:
    """See the module. May be read from any thread."""

    def __init__(self) -> None:
        self._ahead = time_ns() - monotonic_ns()

    def set(self, text: str) -> None:
        """It said what time it is just now; a small difference is the way here."""
        try:
            self._ahead = utc_ns(text) - monotonic_ns()
        except ValueError:
            return

    def now(self) -> int:
        """UTC ns."""
        return monotonic_ns() + self._ahead
