"""What an audit found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from evertape.domain.cause import Cause

Progress = Callable[[int, int], None]
"""Called with the files looked at so far and how many there will be, about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Args:
        kind: a word for it, such as ``missing``; ``docs/reference`` lists them.
        serious: the audit fails because of it. Others are worth knowing.
        text: one sentence.
        camera: whose, if it is about a camera.
        volume: the volume's name, if it is about one.
        path: of the file on the volume.
        segment: its id.
    """

    kind: str
    serious: bool
    text: str
    camera: str = ""
    volume: str = ""
    path: str = ""
    segment: str = ""


@dataclass(slots=True)
class CameraAccount:
    """A camera's time since it was first wanted; seconds of UTC, instants in UTC nanoseconds."""

    start: int = 0
    end: int = 0
    recorded_s: float = 0.0
    explained_s: float = 0.0
    unexplained_s: float = 0.0
    gaps: int = 0
    causes: dict[Cause, float] = field(default_factory=dict)
    files: int = 0
    doubled_units: int = 0
    """Video units that two files hold; they count once, and will be there once when that is reconciled."""

    @property
    def total_s(self) -> float:
        """Seconds accounted for."""
        return self.recorded_s + self.explained_s + self.unexplained_s


@dataclass(slots=True)
class AuditReport:
    """The whole result.

    Args:
        findings: in order of discovery.
        files: looked at.
        bytes: of these.
        segments: that the journal says are held, on volumes that could be reached.
        unreachable: segments on volumes that could not.
        events: in the journal.
        volumes: names of those that were looked at.
        cameras: each one's account.
    """

    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    segments: int = 0
    unreachable: int = 0
    events: int = 0
    volumes: list[str] = field(default_factory=list)
    cameras: dict[str, CameraAccount] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Nothing serious was found."""
        return not any(finding.serious for finding in self.findings)
