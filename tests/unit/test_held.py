"""What only a running recorder knows of the newest footage, and what the account makes of it."""

from __future__ import annotations

import pytest

from evertape.domain.cause import Cause
from evertape.domain.coverage import CoverageInput, Footage, GapSpan, Held, WishChange, coverage
from evertape.engine.held import held, open_until
from evertape.ipc.messages import CameraInfo, RecordingInfo, StreamInfo
from evertape.store.rows import SegmentRow
from evertape.types import NS_PER_S, UtcNs


def s(second: float) -> int:
    return round(second * NS_PER_S)


def camera(
    state: str = "waiting", reason: str = "storage_missing", *, durable: float = 100, pending: int = 1,
    ring_s: float = 60, segment: str = "",
) -> CameraInfo:  # fmt: skip
    recording = RecordingInfo(
        wanted=True, state=state, reason=reason, durable_utc=s(durable), pending_bytes=pending, segment=segment
    )
    return CameraInfo(
        id="door",
        name="door",
        streams=(StreamInfo(stream="main", state="connected", ring_s=ring_s),),
        recording=recording,
    )


@pytest.mark.parametrize(
    ("info", "now", "expected"),
    [
        (camera(), 120, Held(s(100), Cause.STORAGE_MISSING)),
        (camera(reason="storage_full"), 120, Held(s(100), Cause.STORAGE_FULL)),
        (camera(reason="camera_unreachable"), 120, Held(s(100), Cause.STORAGE_MISSING)),
        (camera(reason="a newer word"), 120, Held(s(100), Cause.STORAGE_MISSING)),
        (camera("recording", ""), 120, Held(s(100), Cause.STORAGE_SLOW)),
        (camera("recording", ""), 104, None),
        (camera(pending=0), 120, None),
        # Memory that reaches back for ten seconds explains no more than them, and the moments nobody judges.
        (camera(ring_s=10), 500, Held(s(485), Cause.STORAGE_MISSING)),
        (camera(durable=0, ring_s=10), 500, Held(s(485), Cause.STORAGE_MISSING)),
    ],
)
def test_what_is_in_memory_only(info: CameraInfo, now: float, expected: Held | None) -> None:
    assert held([info], s(now)).get("door") == expected


def row(name: str, start: float, whose: str = "door") -> SegmentRow:
    return SegmentRow(name, whose, "v", name, "e", 0, 0, s(start), "rtcp", 0, "h264", 640, 360)


def test_a_file_on_a_disk_that_is_away_reaches_to_the_newest_durable_footage() -> None:
    unfinished = [row("old", 10), row("new", 90), row("later", 101), row("other", 95, "yard")]
    assert open_until([camera()], unfinished) == {"new": s(100)}
    assert open_until([camera(segment="here")], unfinished) == {"here": s(100)}
    assert open_until([camera(durable=0)], unfinished) == {}
    assert open_until([camera()], []) == {}


def test_what_is_in_memory_is_explained_and_footage_counts_more() -> None:
    known = CoverageInput(
        footage=[Footage("a", "e", 0, s(0), None, 0, None, "open", "")],
        wishes=[WishChange(0, True)],
        open_until={"a": s(100)},
        held=Held(s(90), Cause.STORAGE_MISSING),
    )
    report = coverage(known, UtcNs(s(0)), UtcNs(s(120)), UtcNs(s(120)))
    assert (report.recorded_s, report.unexplained_s) == (100.0, 0.0)
    assert report.spans[-1] == GapSpan(UtcNs(s(100)), UtcNs(s(120)), Cause.STORAGE_MISSING, (), derived=True)


def test_memory_explains_nothing_before_it() -> None:
    known = CoverageInput(wishes=[WishChange(0, True)], held=Held(s(90), Cause.STORAGE_FULL))
    report = coverage(known, UtcNs(s(0)), UtcNs(s(120)), UtcNs(s(120)))
    assert report.causes == {Cause.STORAGE_FULL: 30, Cause.UNKNOWN: 90}
