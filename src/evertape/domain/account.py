"""An account in one line: how much of a time is accounted for and recorded, and what is missing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from evertape.domain.cause import Cause
from evertape.domain.coverage import CoverageReport
from evertape.domain.spans import GapSpan
from evertape.types import NS_PER_S


@dataclass(frozen=True, slots=True)
class Account:
    """Of one camera or of many; seconds.

    What a person or a rule asked for, such as time outside of a schedule, is no time in which to record: it counts
    neither as recorded nor as a gap.

    Args:
        wanted_s: for how long there should have been footage.
        recorded_s: for how long there is.
        unexplained_s: for how long there is none and nobody knows why.
        gaps: how many there are.
        missing_s: how long they are together.
        worst_s: the longest of them.
        worst: its cause; ``None``: there is no gap.
        worst_camera: whose it is.
        causes: how many gaps there are of each cause, and how long they are together.
    """

    wanted_s: float = 0.0
    recorded_s: float = 0.0
    unexplained_s: float = 0.0
    gaps: int = 0
    missing_s: float = 0.0
    worst_s: float = 0.0
    worst: Cause | None = None
    worst_camera: str = ""
    causes: Mapping[Cause, tuple[int, float]] = field(default_factory=dict)

    @property
    def accounted(self) -> float:
        """Recorded or explained, as a share of ``wanted_s``."""
        return 1 - self.unexplained_s / self.wanted_s if self.wanted_s else 1.0

    @property
    def recorded(self) -> float:
        """Recorded, as a share of ``wanted_s``."""
        return self.recorded_s / self.wanted_s if self.wanted_s else 1.0


def account(camera: str, report: CoverageReport) -> Account:
    """A camera's account."""
    gaps = [span for span in report.spans if isinstance(span, GapSpan) and not span.cause.on_purpose]
    missing = sum(span.end - span.start for span in gaps) / NS_PER_S
    worst = report.worst
    return Account(
        wanted_s=report.recorded_s + missing,
        recorded_s=report.recorded_s,
        unexplained_s=report.unexplained_s,
        gaps=len(gaps),
        missing_s=missing,
        worst_s=(worst.end - worst.start) / NS_PER_S if worst is not None else 0.0,
        worst=worst.cause if worst is not None else None,
        worst_camera=camera if worst is not None else "",
        causes=_summed((gap.cause, (1, (gap.end - gap.start) / NS_PER_S)) for gap in gaps),
    )


def together(accounts: Iterable[Account]) -> Account:
    """All of these as one."""
    total = Account()
    for one in accounts:
        worse = one if one.worst_s > total.worst_s else total
        total = Account(
            total.wanted_s + one.wanted_s,
            total.recorded_s + one.recorded_s,
            total.unexplained_s + one.unexplained_s,
            total.gaps + one.gaps,
            total.missing_s + one.missing_s,
            worse.worst_s,
            worse.worst,
            worse.worst_camera,
            _summed((*total.causes.items(), *one.causes.items())),
        )
    return total


def _summed(parts: Iterable[tuple[Cause, tuple[int, float]]]) -> dict[Cause, tuple[int, float]]:
    found: dict[Cause, tuple[int, float]] = {}
    for cause, (gaps, seconds) in parts:
        old = found.get(cause, (0, 0.0))
        found[cause] = (old[0] + gaps, old[1] + seconds)
    return found
