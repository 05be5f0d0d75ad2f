"""What of a camera is decoded and near the clock: which picture an instant shows, which are its neighbours. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import StrEnum

from evertape_desktop.playback.terms import JOIN_NS, Edge, Hole, Mode, Shown

_BEHIND = 8
"""So many pictures that were shown are kept, for steps back."""


class Look(StrEnum):
    """What there is at an instant."""

    PICTURE = "picture"
    WAITING = "waiting"
    """It is on its way."""
    GAP = "gap"
    EDGE = "edge"
    """It has not been recorded yet, as far as is known."""


class Reel:
    """See the module. Pictures come in the order in which they are shown: falling in ``Mode.BACK``."""

    def __init__(self) -> None:
        self._mode = Mode.ALL
        self._ahead: deque[Shown | Hole | Edge] = deque()
        self._behind: deque[Shown] = deque(maxlen=_BEHIND)
        self.shown: Shown | None = None
        """The picture that is shown; stays until another one is."""
        self.hole: Hole | None = None
        """While in a gap: as far as is known."""
        self._is_current = False
        """``shown`` belongs to this run."""

    @property
    def waiting(self) -> int:
        """Pictures that are not shown yet."""
        return sum(isinstance(one, Shown) for one in self._ahead)

    def restart(self, mode: Mode) -> None:
        """Pictures of another place come; what is shown stays for the while."""
        self._mode = mode
        self._ahead.clear()
        self._behind.clear()
        self.hole, self._is_current = None, False

    def add(self, items: Iterable[Shown | Hole | Edge]) -> None:
        """They are there now."""
        for item in items:
            if self._ahead and isinstance(self._ahead[-1], Edge):
                self._ahead.pop()
            self._ahead.append(item)

    def look(self, at: int) -> Look:
        """Move to an instant: ``shown`` is what is to be shown then."""
        return self._look_back(at) if self._mode is Mode.BACK else self._look_forward(at)

    def has(self, at: int) -> bool:
        """Whether a picture of that instant is at hand, without asking for anything."""
        behind = self._behind if self._mode is not Mode.BACK else ()
        near = [*behind, *(one for one in self._ahead if isinstance(one, Shown))]
        if self.shown is not None and self._is_current:
            near.append(self.shown)
        return any(one.utc <= at < one.until for one in near)

    def rewind(self, at: int) -> None:
        """Go back to a picture that was shown; see ``has``. Backward there is none: what was shown is later."""
        if self._mode is Mode.BACK:
            return
        if self._is_current and self.shown is not None and self.shown.utc > at:
            self._ahead.appendleft(self.shown)
            self._is_current = False
        while self._behind and self._behind[-1].until > at:
            self._ahead.appendleft(self._behind.pop())
        self.hole = None

    def next_utc(self) -> int | None:
        """When the next picture is; ``None``: it is not there yet."""
        now = self.shown.utc if self.shown is not None and self._is_current else -1
        return next((one.utc for one in self._ahead if isinstance(one, Shown) and one.utc > now), None)

    def previous_utc(self) -> int | None:
        """When the picture before was; ``None``: it is not there any more."""
        return self._behind[-1].utc if self._behind else None

    # -- inside ---------------------------------------------------------------------------------------------

    def _show(self, one: Shown) -> None:
        if self.shown is not None and self._is_current and self.shown is not one:
            self._behind.append(self.shown)
        self.shown, self._is_current, self.hole = one, True, None

    def _pass(self, one: Shown) -> None:
        """It is over already: kept for a step back, and never shown."""
        if self.shown is not None and self._is_current:
            self._behind.append(self.shown)
        self._is_current = False
        self._behind.append(one)

    def _look_forward(self, at: int) -> Look:
        while self._ahead:
            head = self._ahead[0]
            if isinstance(head, Shown) and head.until <= at:
                self._pass(head)
            elif isinstance(head, Shown) and head.utc <= at:
                self._show(head)
            elif isinstance(head, Hole) and head.end is not None and at >= head.end:
                self.hole = None
            else:
                break
            self._ahead.popleft()
        current = self.shown if self._is_current else None
        if current is not None and at < current.until and self.hole is None:
            return Look.PICTURE
        if not self._ahead:
            return Look.WAITING
        head = self._ahead[0]
        if isinstance(head, Hole):
            self.hole = head
            return Look.GAP
        if isinstance(head, Edge):
            return Look.EDGE
        # A short hole, in which the last picture stands; or the first one comes a little later than it was asked for.
        if head.utc - at >= JOIN_NS:
            return self._hole_before(head)
        if current is None:
            self._show(self._behind.pop() if self._behind else self._ahead.popleft())  # type: ignore[arg-type]
        return Look.PICTURE

    def _hole_before(self, head: Shown) -> Look:
        start = self.shown.until if self.shown is not None and self._is_current else None
        self.hole = Hole(start, head.utc)
        return Look.GAP

    def _look_back(self, at: int) -> Look:
        while self._ahead:
            head = self._ahead[0]
            if isinstance(head, Shown) and at < head.until:
                self._show(head)
            elif isinstance(head, Hole) and head.start is not None and at < head.start:
                self.hole = None
            else:
                break
            self._ahead.popleft()
        current = self.shown if self._is_current else None
        if current is not None and at >= current.utc and self.hole is None:
            return Look.PICTURE
        if not self._ahead:
            return Look.WAITING
        head = self._ahead[0]
        if isinstance(head, Hole):
            self.hole = head
            return Look.GAP
        return Look.PICTURE if current is not None and isinstance(head, Shown) else Look.WAITING
