"""Homecoming against a model of two disks, a journal and an index, killed between any two steps.

The steps are the program's (``domain.homecoming.step``), and so is what events do to the index (``store.fold``).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from evertape.domain.homecoming import (
    Began,
    Failed,
    Hashed,
    Located,
    Move,
    News,
    OnRecord,
    Placed,
    Removed,
    Stage,
    step,
)
from evertape.ipc.events import AnyEvent, SegmentClosed, SegmentCut, SegmentDeleted, SegmentMoved
from evertape.store.fold import fold_segment, is_segment_event
from evertape.store.rows import CLOSED, DELETED, SegmentRow

SPILL, HOME = "spill", "home"
PATH = "door/20260101/door_20260101_120000.mp4"


@dataclass(frozen=True)
class File:
    """A file's bytes, as far as they matter here: how many whole units there are, and whether all were written."""

    units: int
    torn: bool = False
    rotten: bool = False

    @property
    def hash(self) -> str:
        return f"{self.units}{'t' if self.torn else ''}{'r' if self.rotten else ''}"


class Homecoming(RuleBasedStateMachine):
    """One segment that was spilled."""

    def __init__(self) -> None:
        super().__init__()
        self.ids = (f"e{n}" for n in itertools.count())
        self._begin()

    def _begin(self) -> None:
        self.disks: dict[str, dict[str, File]] = {SPILL: {PATH: File(10)}, HOME: {}}
        self.part: File | None = None
        self.journal: list[AnyEvent] = []
        self.row: SegmentRow | None = None
        self.move: Move | None = None
        self.deleting = ""
        """A deletion by retention that was begun: the volume whose file goes next."""
        self._write(self._closed(SPILL, 10))

    # -- the world ------------------------------------------------------------------------------------------

    def _stamp(self) -> dict[str, object]:
        return {"id": next(self.ids), "at": 0, "boot": 0, "source": "test"}

    def _closed(self, volume: str, units: int) -> SegmentClosed:
        return SegmentClosed(
            **self._stamp(), segment="s", camera="door", volume=volume, path=PATH, epoch="e", generation=0,
            first_video=0, last_video=units - 1, start_utc=0, end_utc=units, duration=units, utc_source="arrival",
            utc_error=0, codec="h264", width=1, height=1, bytes=units, fragments=units, reason="rotate",
        )  # type: ignore[arg-type] # fmt: skip

    def _write(self, event: AnyEvent) -> None:
        self.journal.append(event)
        assert is_segment_event(event)
        self.row = fold_segment(self.row, event)  # type: ignore[arg-type]

    @property
    def known(self) -> SegmentRow:
        assert self.row is not None
        return self.row

    @property
    def others(self) -> dict[str, str]:
        """Where files are that the index does not have at their place: volume to path."""
        return {
            volume: path for volume, files in self.disks.items() for path in files
            if (volume, path) != (self.known.volume, self.known.path)
        }  # fmt: skip

    # -- the keeper -----------------------------------------------------------------------------------------

    @precondition(lambda self: self.move is None and not self.deleting)
    @rule()
    def look(self) -> None:
        """What ``engine.homecoming`` and ``engine.keeper_copies`` do about what lies there."""
        row = self.known
        if row.state == DELETED:
            for volume, path in self.others.items() or [(row.volume, row.path)]:
                self.disks[volume].pop(path, None)
        elif self.others:
            # Only a copy on the better volume takes over; any other gives way to what counts.
            ((volume, path),) = self.others.items()
            up = volume == HOME
            self.move = Move(
                segment="s", camera="door", source=SPILL, path=row.path if up else path, target=HOME,
                copy=path if up else row.path, size=row.bytes or 0, hash=row.hash, counts_at=row.volume,
                stage=Stage.READ,
            )  # fmt: skip
        elif row.volume == SPILL:
            self.move = Move("s", "door", SPILL, row.path, HOME, size=row.bytes or 0, hash=row.hash, counts_at=SPILL)

    @precondition(lambda self: self.move is not None)
    @rule(dies=st.sampled_from(["no", "no", "before", "after", "amid", "rots"]))
    def go_on(self, dies: str) -> None:
        """One stage; the keeper, or a disk's process, may die before, after or in the middle of its work.

        Or the target's disk keeps something else than it was given.
        """
        move = self.move
        assert move is not None
        if dies == "amid" and move.stage is Stage.COPY and self.part is not None:
            self.part = File(3, torn=True)
        if dies in ("before", "amid"):
            self.move = None
            return
        news = self._work(move)
        if dies == "rots" and move.stage is Stage.COPY and self.part is not None:
            self.part = replace(self.part, rotten=True)
        self.move = step(move, news) if dies in ("no", "rots") else None
        if self.move is not None and self.move.over:
            self.move = None

    @precondition(lambda self: self.move is None and not self.deleting)
    @rule(stages=st.integers(1, 8), then=st.sampled_from(["", "cut", "delete"]))
    def try_once(self, stages: int, then: str) -> None:
        """A keeper that gets so far, and dies; and what others do before the next one looks."""
        self.look()
        for stage in range(stages):
            if self.move is not None:
                self.go_on("no" if stage < stages - 1 else "after")
        if then and self.known.state == CLOSED and self.known.last_video == 9:
            if then == "cut":
                self.cut()
            else:
                self.begin_to_delete()
                self.delete()

    def _work(self, move: Move) -> News:
        match move.stage:
            case Stage.BEGIN:
                there = PATH in self.disks[HOME]
                self.part = None if there else File(0)
                return Began(PATH if there else "")
            case Stage.COPY:
                found = self.disks[SPILL].get(move.path)
                if found is None:
                    return Failed("it is gone")
                self.part = found
                return Hashed(found.hash, found.units)
            case Stage.READ | Stage.CHECK:
                source = move.stage is Stage.READ
                found = self.disks[SPILL].get(move.path) if source else self.disks[HOME].get(move.copy) or self.part
                return Hashed(found.hash, found.units) if found is not None else Failed("it is gone")
            case Stage.PLACE:
                assert self.part is not None
                self.disks[HOME][PATH], self.part = self.part, None
                return Placed(PATH)
            case Stage.RECORD:
                self._write(
                    SegmentMoved(
                        **self._stamp(), segment="s", camera="door", from_volume=SPILL, from_path=move.path,
                        volume=HOME, path=move.copy, bytes=move.read_size, hash=move.read,
                    )  # type: ignore[arg-type]
                )  # fmt: skip
                return OnRecord()
            case Stage.CONFIRM:
                row = self.known
                return Located("" if row.state == DELETED else row.volume, row.path)
            case Stage.REMOVE:
                return self._remove(SPILL, move.path)
            case Stage.DROP:
                return self._remove(HOME, move.copy)
        raise AssertionError(move.stage)

    def _remove(self, volume: str, path: str) -> News:
        self._write(self._deleted(volume, path, "moved"))
        self.disks[volume].pop(path, None)
        return Removed()

    def _deleted(self, volume: str, path: str, reason: str) -> SegmentDeleted:
        return SegmentDeleted(
            **self._stamp(), segment="s", camera="door", volume=volume, path=path, bytes=0, reason=reason
        )  # type: ignore[arg-type]

    # -- everybody else -------------------------------------------------------------------------------------

    @precondition(lambda self: self.known.state == CLOSED and self.known.last_video == 9 and self.move is None)
    @rule()
    def cut(self) -> None:
        """A superseded tail is cut, never in the middle of a move."""
        row = self.known
        self.disks[row.volume][row.path] = File(6)
        self._write(
            SegmentCut(
                **self._stamp(), segment="s", volume=row.volume, path=row.path, from_seq=6, last_video=5, end_utc=6,
                duration=6, bytes=6, fragments=6, by="t",
            )  # type: ignore[arg-type]
        )  # fmt: skip

    @precondition(lambda self: self.known.state == CLOSED and not self.deleting)
    @rule()
    def begin_to_delete(self) -> None:
        """Retention picks the segment where it counts now; the rest comes at any later moment."""
        self.deleting = self.known.volume

    @precondition(lambda self: bool(self.deleting))
    @rule()
    def delete(self) -> None:
        volume, self.deleting = self.deleting, ""
        self._write(self._deleted(volume, PATH, "retention_age"))
        self.disks[volume].pop(PATH, None)

    @precondition(lambda self: self.row is not None and self.move is None)
    @rule()
    def say_again(self) -> None:
        """A sender did not hear that its event was written: it comes a second time, right behind."""
        last = self.journal[-1]
        self.row = fold_segment(self.row, last)  # type: ignore[arg-type]

    # -- what always holds ----------------------------------------------------------------------------------

    @invariant()
    def the_index_points_at_a_whole_file(self) -> None:
        row = self.known
        if row.state == CLOSED:
            found = self.disks[row.volume].get(row.path)
            assert found is not None, f"{row.path} on {row.volume} is gone"
            assert not found.torn
            assert not found.rotten
            assert found.units == row.bytes

    @invariant()
    def nothing_comes_back_that_was_deleted(self) -> None:
        reasons = [event.reason for event in self.journal if isinstance(event, SegmentDeleted)]
        # A deletion that met the file on its way, after it had moved, deleted an old copy, and counts for nothing.
        if self.known.state == DELETED:
            assert "retention_age" in reasons

    @precondition(lambda self: self.move is None)
    @rule()
    def end_and_begin_anew(self) -> None:
        """Left alone, it ends: one file, at home, with what the index says; or none, if it was deleted."""
        if self.deleting:
            self.delete()
        for _ in range(40):
            if self.move is None:
                self.look()
            if self.move is not None:
                self.go_on("no")
        row = self.known
        if row.state == DELETED:
            assert self.disks == {SPILL: {}, HOME: {}}
        else:
            assert row.volume == HOME
            assert self.disks == {SPILL: {}, HOME: {PATH: File(row.bytes or 0)}}

        self._begin()

    def teardown(self) -> None:
        """However it was left."""
        self.end_and_begin_anew()


TestHomecoming = Homecoming.TestCase
TestHomecoming.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
