"""The ledger as people read it: each gap of the account, with the entries and the event that say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from evertape.domain.cause import Cause
from evertape.domain.coverage import GapSpan, Held
from evertape.domain.deed import deed
from evertape.domain.done import Done, GapFacts
from evertape.store.deeds import deeds
from evertape.store.index import View
from evertape.store.rows import EventRow, GapRow
from evertape.types import UtcNs


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One gap of one camera.

    Args:
        camera: its id.
        cause: why.
        start: UTC ns, exact to the access unit where a recorder said so.
        end: UTC ns; of a gap that lasts, now.
        lasts: it has not ended.
        noticed_at: when its beginning was noticed, UTC ns; ``None``: concluded afterwards.
        ended_at: when its end was noticed.
        frames_lost: how many frames it took, if that is known.
        evidence: the event that showed it.
        derived: no entry says so; it follows from what else is known.
        done: what became of the footage, in figures.
    """

    camera: str
    cause: Cause
    start: UtcNs
    end: UtcNs
    lasts: bool
    noticed_at: int | None
    ended_at: int | None
    frames_lost: int | None
    evidence: EventRow | None
    derived: bool
    done: tuple[Done, ...] = ()

    @property
    def deed(self) -> str:
        """What Evertape does, or did, about it, a sentence."""
        return deed(self.cause, over=not self.lasts)


def ledger(
    view: View,
    camera: str,
    window: tuple[int, int],
    now: int,
    *,
    open_until: Mapping[str, int] | None = None,
    boot: str | None = None,
    held: Held | None = None,
    causes: Collection[Cause] = (),
    on_purpose: bool = False,
) -> list[LedgerEntry]:
    """A camera's gaps in ``window``, by time.

    Args:
        view: of the index.
        camera: its id.
        window: from and to, UTC ns.
        now: UTC ns.
        open_until: see ``View.coverage``.
        boot: see there.
        held: see there.
        causes: only these; empty: all.
        on_purpose: also what was asked for by a person or a rule.
    """
    with view.moment() as still:
        report = still.coverage(camera, *window, now, open_until=open_until, boot=boot, held=held)
        spans = [
            span
            for span in report.spans
            if isinstance(span, GapSpan)
            and (span.cause in causes if causes else on_purpose or not span.cause.on_purpose)
        ]  # fmt: skip
        gaps = still.gaps_by_id([name for span in spans for name in span.gaps])
        events = still.events_by_id([gap.evidence for gap in gaps.values() if gap.evidence])
        names = {volume.id: volume.name for volume in still.volumes()}
        found = []
        for span in spans:
            entry = _entry(camera, span, [gaps[name] for name in span.gaps if name in gaps], events, now)
            facts = GapFacts(
                span.cause, span.start, span.end, entry.lasts, entry.frames_lost,
                held=held is not None and span.derived and span.cause is held.cause and span.start >= held.since,
            )  # fmt: skip
            found.append(replace(entry, done=deeds(still, camera, facts, names, open_until or {}, now)))
    return found


def _entry(camera: str, span: GapSpan, gaps: list[GapRow], events: Mapping[str, EventRow], now: int) -> LedgerEntry:
    lost = [gap.frames_lost for gap in gaps if gap.frames_lost is not None]
    evidence = next((events[gap.evidence] for gap in gaps if gap.evidence in events), None)
    lasts = span.end >= now and (not gaps or any(gap.end_utc is None for gap in gaps))
    ended = [gap.closed_at for gap in gaps if gap.closed_at is not None]
    return LedgerEntry(
        camera=camera,
        cause=span.cause,
        start=span.start,
        end=span.end,
        lasts=lasts,
        noticed_at=min((gap.opened_at for gap in gaps), default=None),
        ended_at=None if lasts else max(ended, default=None),
        frames_lost=sum(lost) if lost else None,
        evidence=evidence,
        derived=span.derived,
    )
