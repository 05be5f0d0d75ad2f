"""A soak's plan is its seed's, and its reckoning lets nothing pass that nobody caused."""

from __future__ import annotations

from collections import Counter
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from evertape.clock import ManualClock
from evertape.ipc.events import CameraStateChanged, Event, EventStamp, GapClosed, GapOpened, ProcessDied
from evertape.types import NS_PER_S
from evertape_lab.audit import CameraReport, FramesReport, Missing
from evertape_lab.meters import Inventory, inventory
from evertape_lab.soak import main
from evertape_lab.soak_figures import by_fault, fit_memory, judge_holdings
from evertape_lab.soak_judge import Verdict, judge_frames
from evertape_lab.soak_plan import GOOD_S, LONGEST_S, RULES, SHORTEST_S, Fault, Plan, Planned, plan
from evertape_lab.soak_play import Look, Played, leaks
from evertape_lab.stage import Outage, Stage

S = NS_PER_S
FPS = 25
CAMERA = "soak1_01"

# -- the plan -----------------------------------------------------------------------------------------------------


def by_camera(made: Plan) -> dict[str, list[Planned]]:
    faults = sorted(made.main, key=lambda one: (one.camera, one.at_s))
    return {name: list(mine) for name, mine in groupby(faults, key=lambda one: one.camera)}


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert plan(7, 8, 600) == plan(7, 8, 600)
    assert plan(7, 8, 600).main != plan(8, 8, 600).main


def test_a_camera_more_changes_nothing_for_the_others() -> None:
    fewer = {name: faults for name, faults in by_camera(plan(7, 8, 600)).items() if name != "soak8_01"}
    assert by_camera(plan(7, 7, 600)) == fewer


@pytest.mark.parametrize("seed", range(20))
def test_each_fault_is_short_ends_in_time_and_is_followed_by_a_good_spell(seed: int) -> None:
    made = plan(seed, 8, 300)
    assert made.warm_up_s + made.main_s == 300
    for faults, seconds in ((made.warm_up, made.warm_up_s), (made.main, made.main_s)):
        assert all(one.at_s >= 0 and one.at_s + one.lasts_s <= seconds for one in faults)
    for mine in by_camera(made).values():
        assert all(one.lasts_s == 0 or SHORTEST_S <= one.lasts_s <= LONGEST_S for one in mine)
        assert all(bool(one.end) == one.rule.lasts for one in mine)
        spells = [later.at_s - one.at_s - one.lasts_s for one, later in pairwise(mine)]
        assert all(GOOD_S[0] - 0.1 <= spell <= GOOD_S[1] + 0.1 for spell in spells)


def test_half_an_hour_has_every_kind_of_fault_and_several_cameras_broken_at_once() -> None:
    made = plan(1, 8, 1800)
    assert set(Counter(one.fault for one in made.main)) == set(Fault) == set(RULES)
    moments = [sum(one.at_s <= at < one.at_s + one.lasts_s for one in made.main) for at in range(0, 1600, 10)]
    assert max(moments) >= 4


def test_without_root_nothing_needs_it_and_nobody_gets_what_his_camera_has_not() -> None:
    made = plan(1, 8, 1800, network=False)
    assert not made.script.needs_root
    assert not any(cameras.namespace for cameras in made.script.cameras)
    assert Fault.DROPPED not in {one.fault for one in made.main}
    for one in made.main:
        cameras = made.script.cameras[one.begin[0].group]
        assert one.camera.startswith(cameras.prefix)
        assert one.rule.needs != "password" or cameras.password is not None
        assert one.rule.needs != "sound" or cameras.options["audio"] != "none"


def test_every_step_is_one_that_the_stage_can_do(tmp_path: Path) -> None:
    verbs = Stage.verbs()
    made = plan(3, 8, 1800)
    assert {step.do for one in made.main for step in (*one.begin, *one.end)} <= verbs


def test_the_plan_can_be_read_beforehand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--plan", "--seed", "5", "--minutes", "2", "--cameras", "2"]) == 0
    shown = capsys.readouterr().out
    made = plan(5, 2, 120)
    assert len(shown.splitlines()) == len(made.warm_up) + len(made.main) + 2
    assert all(one.camera in shown and one.fault in shown for one in made.main)


# -- the reckoning ------------------------------------------------------------------------------------------------


def played(fault: Fault, start: float, end: float) -> Played:
    """A fault that was done from one second to another; both clocks are the same here."""
    outage = Outage((CAMERA,), RULES[fault].causes, *(int(at * S) for at in (start, start, end, end)))
    return Played(Planned(CAMERA, fault, start, end - start, ()), outage, start)


def told(start: float, end: float, cause: str, noticed: float = 0.5) -> list[Event]:
    """What a service says of a camera that was away."""
    clock = ManualClock(boot_ns=int((start + noticed) * S), utc_ns=int((start + noticed) * S))
    stamp = EventStamp("recorder-0", "service", clock)
    about: dict[str, Any] = {"gap": f"{start}", "camera": CAMERA, "cause": cause, "start_utc": int(start * S)}
    lost = CameraStateChanged(**stamp(), camera=CAMERA, old="connected", state="waiting", reason=cause)
    opened = GapOpened(**stamp(), **about)
    clock.advance(int((end - start - noticed) * S))
    return [lost, opened, GapClosed(**stamp(), **about, end_utc=int(end * S))]


def footage(*holes: tuple[float, float], doubled: int | None = None) -> FramesReport:
    """Numbered pictures of 1000 s, without those in the holes."""
    missing = [
        Missing(round(start * FPS) + 1, round(end * FPS) - 1, int(start * S), int(end * S)) for start, end in holes
    ]
    lost = sum(hole.count for hole in missing)
    camera = CameraReport(CAMERA, 0, 1000 * FPS, 0, 1000 * S, 1000 * FPS + 1 - lost, missing)
    if doubled is not None:
        camera.doubled[doubled] = [Path("a"), Path("b")]
    return FramesReport({CAMERA: camera})


def judge(faults: list[Played], events: list[Event], report: FramesReport, **more: Any) -> Verdict:
    about: dict[str, Any] = {"not_sent": [], "hit": set(), "margin_s": 0.0} | more
    return judge_frames(faults, events, report, **about)


KILLED = played(Fault.KILLED, 100, 110)


def test_frames_in_a_gap_that_the_fault_explains_are_accounted_for() -> None:
    verdict = judge([KILLED], told(100, 111, "camera_unreachable"), footage((100, 111)))
    assert verdict.problems == []
    assert (verdict.frames.missing, verdict.frames.in_gaps) == (274, 274)
    line = verdict.lines[0].figures
    assert (line.detected_after_s, line.recovered_after_s, line.gap) == (0.5, 1.0, ("camera_unreachable",))
    assert by_fault(verdict.lines)["killed"]["recovered_p95_s"] == 1.0


@pytest.mark.parametrize(
    "faults, events, report, problem",
    [
        pytest.param([KILLED], [], footage((100, 111)), "missing without a reason", id="no gap says so"),
        pytest.param(
            [KILLED],
            told(100, 111, "stream_damaged"),
            footage((100, 111)),
            "missing without a reason",
            id="other cause",
        ),
        pytest.param(
            [KILLED],
            [*told(100, 111, "camera_unreachable"), *told(500, 505, "camera_unreachable")],
            footage((100, 111), (500, 505)),
            "that nobody caused",
            id="a gap at another time",
        ),
        pytest.param(
            [KILLED],
            told(100, 111, "camera_unreachable"),
            footage((100, 111), (400, 401)),
            "without a reason",
            id="a hole",
        ),
        pytest.param(
            [KILLED], told(100, 111, "camera_unreachable")[:2], footage((100, 111)), "was never closed", id="open gap"
        ),
        pytest.param(
            [KILLED], told(100, 111, "camera_unreachable", 3.0), footage((100, 111)), "noticed after", id="noticed late"
        ),
        pytest.param(
            [KILLED], told(100, 114, "camera_unreachable"), footage((100, 114)), "recovered (p95)", id="recovered late"
        ),
        pytest.param([KILLED], [], footage(), "never noticed", id="never noticed"),
        pytest.param(
            [KILLED], told(100, 111, "camera_unreachable"), footage((100, 111), doubled=7), "doubled", id="doubled"
        ),
        pytest.param([KILLED], told(100, 111, "camera_unreachable"), FramesReport({}), "not a single", id="nothing"),
    ],
)
def test_what_nobody_caused_is_a_problem(
    faults: list[Played], events: list[Event], report: FramesReport, problem: str
) -> None:
    verdict = judge(faults, events, report)
    assert any(problem in text for text in verdict.problems), verdict.problems


def test_a_process_that_died_is_a_problem() -> None:
    stamp = EventStamp("supervisor", "service", ManualClock())
    died = ProcessDied(**stamp(), process="recorder-0", pid=1, how="signal 11")
    verdict = judge([KILLED], [*told(100, 111, "camera_unreachable"), died], footage((100, 111)))
    assert verdict.problems == ["recorder-0 ended: signal 11"]


def test_what_the_camera_says_it_never_sent_is_nobodys_fault() -> None:
    hole, gap = footage((100, 111), (500, 504)), told(500, 504, "stream_stalled")
    events = [*told(100, 111, "camera_unreachable"), *gap]
    sent = judge([KILLED], events, hole, not_sent=[(CAMERA, 500 * FPS, 504 * FPS)])
    assert sent.problems == []
    assert sent.frames.not_sent == 99


def test_pictures_are_excused_that_were_damaged_on_purpose_and_no_others() -> None:
    faults, report = [played(Fault.CORRUPTED_HEADERS, 100, 110)], footage((104, 104.12))
    assert judge(faults, [], report, hit={(CAMERA, 2601)}).problems == []
    assert judge(faults, [], report, hit={(CAMERA, 2601)}).frames.damaged == 2
    assert judge(faults, [], report, hit={(CAMERA, 2700)}).problems != []
    assert judge([KILLED], [], report, hit={(CAMERA, 2601)}).problems != [], "at another time than the damage"


# -- what is held -------------------------------------------------------------------------------------------------


def look(at_s: float = 0.0, memory: int = 100 << 20, threads: int = 5, sockets: int = 9, pipelines: int = 2) -> Look:
    held = Inventory(Counter(python=threads), Counter(socket=sockets, file=3), memory)
    return Look(at_s, {"recorder-0": held}, pipelines)


def test_more_of_anything_at_the_end_is_a_leak_and_less_is_none() -> None:
    assert leaks(look(), look(threads=4, sockets=8, pipelines=1)) == []
    assert leaks(look(), look(threads=6)) == ["recorder-0: +1 threads: {'python': 1}"]
    assert leaks(look(), look(pipelines=3)) == ["+1 pipelines"]
    sockets = leaks(look(), look(sockets=10))
    assert sockets == ["recorder-0: +1 descriptors: {'socket': 1}", "recorder-0: +1 sockets"]


def test_a_socket_in_the_place_of_a_file_is_a_leak_too() -> None:
    before = Inventory(Counter(), Counter(socket=3, file=3), 0)
    assert Inventory(Counter(), Counter(socket=4, file=2), 0).beyond(before) == ["+1 sockets"]


def test_memory_that_keeps_growing_is_told_from_memory_that_varies() -> None:
    varies = [look(5.0 * n, (100 + n % 3) << 20) for n in range(300)]
    grows = [look(5.0 * n, (100 << 20) + n * 50_000) for n in range(300)]
    flat, steep = fit_memory(varies), fit_memory(grows)
    assert flat is not None
    assert steep is not None
    assert abs(flat.growth) < 100_000
    assert judge_holdings(look(), look(), flat, 0) == []
    assert steep.per_hour == pytest.approx(36_000_000)
    assert any("memory grew by" in text for text in judge_holdings(look(), look(), steep, 0))
    assert judge_holdings(look(), look(), None, 0) == ["memory was not measured"]
    assert any("mistakes" in text for text in judge_holdings(look(), look(), flat, 2))


def test_a_process_is_counted_as_the_kernel_has_it() -> None:
    import os
    import socket
    import threading

    ready = threading.Event()
    before = inventory(os.getpid())
    with socket.socket() as _open:
        thread = threading.Thread(target=ready.wait)
        thread.start()
        during = inventory(os.getpid())
        ready.set()
        thread.join()
    assert before is not None
    assert during is not None
    assert during.threads.total() == before.threads.total() + 1
    assert during.descriptors["socket"] == before.descriptors["socket"] + 1
    assert inventory(1 << 22) is None
