"""Holds what crashes of the service's own processes cost against what was promised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evertape.clock import SystemClock
from evertape.domain.coverage import GapSpan
from evertape.engine.audit import Audit, volume_roots
from evertape.engine.keeper_tail import IndexTail
from evertape.ipc.events import Event, ProcessDied
from evertape.mp4.scan import scan
from evertape.store.index import Index
from evertape.store.rows import OPEN
from evertape.types import NS_PER_S
from evertape_lab.findings import Gap
from evertape_lab.served import Served

if TYPE_CHECKING:
    from evertape_lab.judge import Result
    from evertape_lab.stage import Stage

_ALWAYS = 1 << 62
_HOUR_NS = 3600 * NS_PER_S
_ANY = "*"


def catch_up(stage: Stage) -> None:
    """Bring the index up to what the journal says, now that nobody writes any more."""
    tail = IndexTail(stage.rig.data.index_file, stage.rig.data.journal)
    tail.catch_up()
    tail.close()


def ledger(stage: Stage) -> list[Gap]:
    """The ledger as ``evertape timeline`` shows it: what nobody was there to write down is concluded."""
    gaps = []
    now = SystemClock().utc_ns()
    with Index.open_readonly(stage.rig.data.index_file) as index:
        for camera in stage.cameras:
            report = index.coverage(camera, now - _HOUR_NS, now, now, boot="")
            gaps += [
                Gap(camera, str(span.cause), span.start, None if span.end >= now else span.end, _ALWAYS)
                for span in report.spans
                if isinstance(span, GapSpan)
            ]
    return gaps


def judge_crashes(result: Result, stage: Stage, events: Sequence[Event], margin_s: float) -> None:
    """Who died and how, what of the time before it is gone, and whether what is left is whole."""
    expect = stage.script.expect
    lost = [figures.lost_before_s for figures in result.outages if figures.lost_before_s is not None]
    if stage.crashes:
        result.figures["lost_before_s"] = max(lost, default=0.0)
    if expect.lost_before_s is not None and max(lost, default=0.0) > expect.lost_before_s:
        # No margin: how much is in memory only does not depend on how busy the machine is.
        result.problems.append(f"{max(lost):.2f} s before the crash are gone, {expect.lost_before_s} s are allowed")
    result.problems += _deaths(expect.deaths, events)
    if isinstance(stage.rig, Served):
        result.figures["stopped_after_s"] = stage.rig.stopped_after_s
        result.figures["exits"] = stage.rig.exits
    if expect.stopped_within_s is not None:
        _judge_stop(result, stage, expect.stopped_within_s + margin_s)
    _audit(result, stage)


def _deaths(expected: dict[str, str], events: Sequence[Event]) -> list[str]:
    found = [event for event in events if isinstance(event, ProcessDied)]
    if _ANY in expected:
        return []
    strange = [
        f"{event.process} ended: {event.how}"
        for event in found
        if not event.how.startswith(expected.get(event.process, "nobody expects this"))
    ]
    seen = {event.process for event in found}
    return strange + [f"{process} did not end" for process in expected if process not in seen]


def _judge_stop(result: Result, stage: Stage, within_s: float) -> None:
    rig = stage.rig
    assert isinstance(rig, Served)
    if rig.exits[-1] != 0:
        result.problems.append(f"the service left with {rig.exits[-1]}")
    if rig.stopped_after_s is None or rig.stopped_after_s > within_s:
        result.problems.append(f"the service left after {rig.stopped_after_s} s, {within_s} s are allowed")
    files = rig.files()
    for path in files:
        with open(path, "rb") as file:
            if not scan(file).closed:
                result.problems.append(f"{path.name} was not finished")
    with Index.open_readonly(rig.data.index_file) as index:
        rows = list(index.every_segment())
    result.figures["rows"] = [len(rows), sum(row.state == OPEN for row in rows)]
    result.problems += [f"{row.path} is open in the index" for row in rows if row.state == OPEN]
    if len(rows) < len(files):
        result.problems.append(f"{len(files)} files, {len(rows)} in the index")


def _audit(result: Result, stage: Stage) -> None:
    rig = stage.rig
    paths = {name: path for name, (path, _) in rig.volumes.items()} or {"recordings": rig.data.recordings}
    report = Audit(rig.data, volume_roots(paths), SystemClock(), running=False, boot="").run()
    result.figures["audit"] = len([finding for finding in report.findings if finding.serious])
    result.problems += [f"audit: {finding.text}" for finding in report.findings if finding.serious]
