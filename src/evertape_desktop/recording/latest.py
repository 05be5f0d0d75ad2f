"""Which of two tellers is right: an event, which comes at once, or the state that is asked for. Pure.

The state may be half a second old when it is answered, so that it may know less than an event that came before it.
"""

from __future__ import annotations

_SETTLED_S = 1.5
"""After so long the state knows whatever the event said; a hub answers with a state at most 0.5 s old."""


class Latest:
    """What events said last, by key. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[str, float]] = {}

    def heard(self, key: str, state: str, now_s: float) -> None:
        """An event said so."""
        self._heard[key] = (state, now_s)

    def believes(self, key: str, state: str, now_s: float) -> bool:
        """Whether a state that was asked for is not older than what an event has said."""
        said = self._heard.get(key)
        if said is None:
            return True
        if said[0] == state or now_s - said[1] > _SETTLED_S:
            del self._heard[key]
            return True
        return False
