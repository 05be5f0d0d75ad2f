"""Homecoming: where a spilled file goes, the steps of its move, and how fast. Pure.

The steps are M1 to M5 of ``docs/design/durability.md``. A move never remembers anything across a crash: what lies
on the volumes and what the index says tell where to go on, and every step may be done twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from evertape.domain.retention_terms import Terms, thresholds
from evertape.domain.volume_state import VolumeState

PRIMARY, SPILL = "primary", "spill"
_RANK = {PRIMARY: 0, SPILL: 1}
"""Any other role, such as a retired volume's, comes last."""

NO_HOME = "no volume that it could go to is online"
NO_ROOM = "there is no room for it"
"""Why footage that should come home does not."""


# -- where to -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A volume as the keeper knows it.

    Args:
        id: the volume's identity.
        role: ``primary``, ``spill`` or ``retired``.
        order: its place in the configuration.
        state: the ``VolumeState`` last reported.
        free: bytes.
        total: bytes.
    """

    id: str
    role: str
    order: int
    state: str
    free: int
    total: int


def is_home(role: str) -> bool:
    """Whether footage on a volume of this role stays there."""
    return role == PRIMARY


def is_better(one: Place, other: Place) -> bool:
    """Whether footage belongs on ``one`` rather than on ``other``; between equals it stays where it is."""
    return _rank(one) < _rank(other)


def choose_home(source: Place, places: Iterable[Place], size: int, terms: Terms) -> Place | None:
    """Where a file of ``size`` bytes goes; ``None``: nowhere now.

    Only to a volume that is well (not low, not slow), and only as long as that leaves it more free space than the
    amount at which retention would begin to delete: coming home must cost no other footage.
    """
    better = [place for place in places if place.id != source.id and is_better(place, source)]
    fit = [place for place in better if place.state == VolumeState.ONLINE and place.free - size >= _floor(place, terms)]
    return min(fit, key=lambda place: (_rank(place), place.order), default=None)


def _rank(place: Place) -> int:
    return _RANK.get(place.role, 2)


def _floor(place: Place, terms: Terms) -> int:
    return thresholds(terms, place.total).start


# -- one move -----------------------------------------------------------------------------------------------


class Stage(StrEnum):
    """What a move does next."""

    BEGIN = "begin"
    """Clear away what an earlier try left, and see whether the file is there already."""
    COPY = "copy"
    """M1: read the source, hash it, write what was read under a temporary name, synced."""
    READ = "read"
    """M1 without writing: the other copy is there already."""
    CHECK = "check"
    """M2: read the copy back from the disk and hash it."""
    PLACE = "place"
    """M3: give it its final name."""
    RECORD = "record"
    """M4: ``segment_moved`` into the journal, durably."""
    CONFIRM = "confirm"
    """See where the index says that the segment is: only what does not count may be deleted."""
    REMOVE = "remove"
    """M5: delete the source."""
    DROP = "drop"
    """Delete the copy, for it is not what counts."""
    DONE = "done"
    STOPPED = "stopped"
    """It cannot be gone on with; ``Move.problem`` says why. Nothing is lost, and it is tried again later."""


@dataclass(frozen=True, slots=True)
class Move:
    """A segment on its way from ``source`` to ``target`` (ids of volumes).

    Args:
        segment: its id.
        camera: whose.
        source: where it lies.
        path: of the file there.
        target: where it goes.
        size: bytes that it has by its record.
        hash: that it has by its record; empty if none was computed.
        counts_at: the volume where, by the index, the segment is.
        copy: the path of the copy on the target; empty before it has its final name.
        read: the hash of what was read from the source.
        read_size: bytes that were read there.
        checked: the hash of the copy.
        checked_size: bytes of the copy.
        problem: why it stopped.
        stage: what comes next.
    """

    segment: str
    camera: str
    source: str
    path: str
    target: str
    size: int
    hash: str = ""
    counts_at: str = ""
    copy: str = ""
    read: str = ""
    read_size: int = 0
    checked: str = ""
    checked_size: int = 0
    problem: str = ""
    stage: Stage = Stage.BEGIN

    @property
    def over(self) -> bool:
        """Nothing comes next."""
        return self.stage in (Stage.DONE, Stage.STOPPED)


@dataclass(frozen=True, slots=True)
class Began:
    """The target is ready. ``copy``: the segment lies there already, at this path."""

    copy: str = ""


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file was read to its end."""

    hash: str
    size: int


@dataclass(frozen=True, slots=True)
class Placed:
    """The copy has its final name."""

    path: str


@dataclass(frozen=True, slots=True)
class OnRecord:
    """``segment_moved`` is known to be durable."""


@dataclass(frozen=True, slots=True)
class Located:
    """What the index says: ``volume`` empty if the segment was deleted meanwhile."""

    volume: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Removed:
    """The file is gone."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The step could not be done, or nobody knows whether it was."""

    text: str


News = Began | Hashed | Placed | OnRecord | Located | Removed | Failed


def step(move: Move, news: News) -> Move:
    """The move after its stage's work gave ``news``.

    Raises:
        ValueError: the stage has no such outcome; a mistake of the caller.
    """
    if isinstance(news, Failed):
        return _stopped(move, news.text)
    match move.stage, news:
        case Stage.BEGIN, Began(copy=copy):
            return replace(move, copy=copy, stage=Stage.READ if copy else Stage.COPY)
        case ((Stage.COPY | Stage.READ), Hashed(hash=digest, size=size)):
            return _read(replace(move, read=digest, read_size=size))
        case Stage.CHECK, Hashed(hash=digest, size=size):
            return _compared(replace(move, checked=digest, checked_size=size))
        case Stage.PLACE, Placed(path=path):
            return replace(move, copy=path, stage=Stage.RECORD)
        case Stage.RECORD, OnRecord():
            return replace(move, counts_at=move.target, stage=Stage.CONFIRM)
        case Stage.CONFIRM, Located(volume=volume, path=path):
            return _located(move, volume, path)
        case Stage.REMOVE, Removed():
            return replace(move, stage=Stage.DONE)
        case Stage.DROP, Removed():
            # The source counts still, or everything is deleted; either way another look says how to go on.
            return replace(move, stage=Stage.DONE)
    raise ValueError(f"a move at {move.stage} cannot have {type(news).__name__}")


def _read(move: Move) -> Move:
    if move.stage is Stage.COPY and move.read_size != move.size:
        # It was cut or replaced while it was read, or is not what the index takes it for.
        return _stopped(move, f"{move.path} has {move.read_size} bytes, not {move.size}")
    return replace(move, stage=Stage.CHECK)


def _compared(move: Move) -> Move:
    """M2. Of two files that differ, the one goes that does not count, if the one that counts was just read whole."""
    same = (move.read, move.read_size) == (move.checked, move.checked_size)
    if move.counts_at == move.target:
        if same or _whole(move, move.checked, move.checked_size):
            return replace(move, stage=Stage.CONFIRM)
        return _stopped(move, f"{move.copy} is not what it should be, and {move.path} is another")
    if same:
        return replace(move, stage=Stage.RECORD if move.copy else Stage.PLACE)
    if move.copy and _whole(move, move.read, move.read_size):
        return replace(move, stage=Stage.DROP)
    return _stopped(move, f"the copy of {move.path} does not read back as it was written")


def _located(move: Move, volume: str, path: str) -> Move:
    if volume == move.target and path == move.copy:
        return replace(move, stage=Stage.REMOVE)
    if not volume:
        # Deleted while it moved: what is left is deleted again, the copy first; the source is found by the next look.
        return replace(move, stage=Stage.DROP)
    return _stopped(move, f"the index says that {move.segment} is {path} on {volume}")


def _whole(move: Move, digest: str, size: int) -> bool:
    return size == move.size and move.hash in ("", digest)


def _stopped(move: Move, text: str) -> Move:
    return replace(move, problem=text, stage=Stage.STOPPED)


# -- how fast -----------------------------------------------------------------------------------------------

BUSY_MS, CALM_MS = 250.0, 100.0
"""A volume whose syncs take longer than the first has enough to do (beyond 750 ms the power-cut bound breaks)."""
SLOWEST = 256 * 1024
"""Bytes per second, however busy: 4 GB are home after five hours even so."""
UP, DOWN = 1.25, 0.5


def pace(now: float, most: float, sync_ms: Iterable[float]) -> float:
    """Bytes per second from now on.

    Args:
        now: bytes per second until now.
        most: the configured limit.
        sync_ms: how long the latest syncs of recording took on each volume concerned; none where nothing is recorded.
    """
    longest = max(sync_ms, default=0.0)
    if longest > BUSY_MS:
        return max(min(SLOWEST, most), now * DOWN)
    if longest < CALM_MS:
        return min(most, now * UP)
    return min(most, now)
