"""The lab's own arithmetic: packets cut and damaged, gaps held against missing frames."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.clock import ManualClock
from evertape.errors import UsageError
from evertape.ipc.events import CameraStateChanged, EventStamp, GapClosed, GapOpened
from evertape.types import NS_PER_S, Codec
from evertape_lab.audit import CameraReport, Missing
from evertape_lab.canned import interleave, rtp
from evertape_lab.findings import busiest_second, figures_of, gaps_of, p95, unexplained
from evertape_lab.interleaved import Cutter, Damage, Where
from evertape_lab.script import load_script, scripts
from evertape_lab.sei import SeiBuilder
from evertape_lab.stage import Outage, Stage
from evertape_lab.tamper import with_clock

S = NS_PER_S
MESSAGE = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\nbody"


def picture(n: int, packets: int = 3) -> list[bytes]:
    sei = SeiBuilder(Codec.H264, "cam_01").nal(n, n * S)
    parts = [sei, *[bytes([0x41]) * 100] * (packets - 1)]
    return [interleave(rtp(part, packets * n + i, 3600 * n)) for i, part in enumerate(parts)]


@given(st.lists(st.integers(1, 90), max_size=40))
def test_a_stream_is_cut_into_the_same_items_however_it_comes(sizes: list[int]) -> None:
    items = [MESSAGE, *picture(1), MESSAGE, *picture(2)]
    stream, cutter, found, at = b"".join(items), Cutter(), [], 0
    for size in [*sizes, len(stream)]:
        found += cutter.feed(stream[at : at + size])
        at += size
    assert found == items


@pytest.mark.parametrize("where", list(Where))
def test_damage_changes_its_share_of_packets_in_place_and_knows_the_pictures(where: Where) -> None:
    damage = Damage()
    before = [damage.pass_on(item) for item in picture(0)]
    assert before == picture(0)
    damage.begin(0.2, where)
    items = [item for n in range(1, 200) for item in picture(n)]
    after = [damage.pass_on(item) for item in items]
    changed = [index for index, (old, new) in enumerate(zip(items, after, strict=True)) if old != new]
    assert [len(item) for item in after] == [len(item) for item in items]
    assert 0.1 * len(items) < len(changed) <= damage.packets < 0.3 * len(items)
    assert {("cam_01", 1 + index // 3) for index in changed} <= damage.pictures_hit()
    allowed = {Where.PAYLOAD: range(16, 200), Where.HEADER: range(4, 18), Where.FRAMING: range(4)}[where]
    for index in changed:
        assert all(
            old == new or i in allowed for i, (old, new) in enumerate(zip(items[index], after[index], strict=True))
        )


def test_a_picture_that_was_on_its_way_when_damage_began_is_known_too() -> None:
    damage = Damage()
    for n in range(1000):
        for item in picture(n):
            damage.pass_on(item)
    first, *rest = picture(1000)
    damage.pass_on(first)
    damage.begin(1.0)
    for item in rest:
        damage.pass_on(item)
    assert damage.pictures_hit() == {("cam_01", 1000)}


def test_damage_leaves_messages_and_reports_alone() -> None:
    damage = Damage()
    damage.begin(1.0)
    report = interleave(bytes(28), channel=1)
    assert [damage.pass_on(item) for item in (MESSAGE, report)] == [MESSAGE, report]


def test_a_sender_report_gets_another_clock_and_nothing_else() -> None:
    packet = bytes([0x80, 200, 0, 6]) + bytes(4) + (5 << 32).to_bytes(8, "big") + bytes(12)
    moved = with_clock(packet, 3600 * S)
    assert int.from_bytes(moved[8:16], "big") >> 32 == 3605
    assert moved[:8] + moved[16:] == packet[:8] + packet[16:]
    assert with_clock(b"\x81\xcb\x00\x01" + bytes(30), S) == b"\x81\xcb\x00\x01" + bytes(30)


def report(*missing: Missing) -> CameraReport:
    return CameraReport("cam_01", 0, 1000, 0, 1000 * S, 900, list(missing))


def events(start: int, end: int, cause: str = "stream_stalled") -> list[CameraStateChanged | GapOpened | GapClosed]:
    clock = ManualClock(boot_ns=start + 4 * S, utc_ns=start + 4 * S)
    stamp = EventStamp("recorder-0", "service", clock)
    about = {"gap": "1", "camera": "cam_01", "cause": cause, "start_utc": start}
    lost = CameraStateChanged(**stamp(), camera="cam_01", old="connected", state="stalled", reason=cause)
    opened = GapOpened(**stamp(), **about)
    clock.advance(max(0, end - start - 4 * S))
    return [lost, opened, GapClosed(**stamp(), **about, end_utc=end)]


OUTAGE = Outage(("cam_01",), ("stream_stalled",), 100 * S, 100 * S, 110 * S, 110 * S)
HOLE = Missing(100, 110, 99 * S, 111 * S)


def test_an_outage_is_measured_from_the_break_and_from_the_answer() -> None:
    told = events(100 * S, 111 * S)
    figures = figures_of(OUTAGE, "cam_01", told, gaps_of(told), report(HOLE))
    assert (figures.detected_after_s, figures.recovered_after_s) == (4.0, 1.0)
    assert (figures.frames_missing, figures.gap, figures.problems) == (11, ("stream_stalled",), [])


@pytest.mark.parametrize(
    "told, problem",
    [
        (events(100 * S, 111 * S, "camera_unreachable"), "cause"),
        (events(102 * S, 111 * S), "end of the gap"),
        (events(100 * S, 113 * S), "end of the gap"),
        ([], "no gap says so"),
        (events(100 * S, 111 * S)[:2], "never closed"),
    ],
)
def test_a_gap_that_does_not_fit_is_a_problem(
    told: list[CameraStateChanged | GapOpened | GapClosed], problem: str
) -> None:
    figures = figures_of(OUTAGE, "cam_01", told, gaps_of(told), report(HOLE))
    assert any(problem in text for text in figures.problems)


def test_a_hole_of_one_frame_has_its_gap_too() -> None:
    told = events(100 * S, 100 * S + S // 12)
    hole = Missing(100, 100, 100 * S, 100 * S + S // 12)
    figures = figures_of(OUTAGE, "cam_01", told, gaps_of(told), report(hole))
    assert (figures.gap, figures.problems) == (("stream_stalled",), [])


def test_frames_are_explained_one_by_one() -> None:
    gaps = gaps_of(events(100 * S, 105 * S))
    assert unexplained(report(HOLE), gaps, [], set()) == 4, "108 to 111 lie more than a second after the gap"
    assert unexplained(report(HOLE), gaps, [("cam_01", 107, 120)], set()) == 0
    assert unexplained(report(HOLE), [], [], {("cam_01", n) for n in range(100, 109)}) == 2


def test_busiest_second_and_p95() -> None:
    assert busiest_second([0, S // 2, S - 1, S, 3 * S]) == 3
    assert busiest_second([]) == 0
    assert p95([float(n) for n in range(1, 101)]) == 95.0
    assert p95([]) is None


@pytest.mark.parametrize("row", sorted(scripts()))
def test_every_scenario_can_be_read_and_knows_its_verbs(row: str, tmp_path: Path) -> None:
    script = load_script(row)
    assert script.row == row
    verbs = Stage.verbs()
    steps = [inner for step in script.steps for inner in (step, *step.steps)]
    assert {step.do for step in steps} <= verbs


def test_section_a_is_complete() -> None:
    assert {f"A{number}" for number in range(1, 16)} <= set(scripts())


def test_a_scenario_with_a_mistake_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('row = "X"\ntitle = "x"\ntypo = 1\n[expect]\n')
    with pytest.raises(UsageError, match="typo"):
        load_script(wrong)
    with pytest.raises(UsageError, match="no scenario"):
        load_script("Z99")
