"""What a soak does to its cameras, and when: a pure function of a seed, of how many cameras, and of how long.

Every fault is made of the steps that scenarios are made of (``evertape_lab.stage``). Each camera gets its own, one
after the other with good spells between; several cameras are broken at once. A shuffled pack of all faults that a
camera can have is dealt to its end before it is shuffled again, so the rare ones come too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from evertape_lab.interleaved import Where
from evertape_lab.script import Cameras, Expect, Script, Step

SHORTEST_S, LONGEST_S = 3.0, 15.0
"""How long a fault lasts."""
GOOD_S = (6.0, 20.0)
"""How long a camera is well between two: longer than the 3 s after which it counts as connected, plus the way back."""
WARM_UP_SHARE, WARM_UP_S = 0.2, (60.0, 120.0)
"""So much of the time, but no less and no more than that, is for the service to grow up in before anything is compared:
what it does once a minute, such as looking for files to delete, it has done then, and holds the connection for it.
"""

_VIDEOS: tuple[dict[str, str | int | float], ...] = (
    {"codec": "h264", "size": "640x360", "bframes": 0},
    {"codec": "h264", "size": "480x272", "bframes": 0},
    {"codec": "h265", "size": "640x360", "bframes": 0},
    {"codec": "h264", "size": "640x360", "bframes": 2},
)
_CLOCK_S = 3600.0
_SERVERS = ("garbage", "http", "hang_up", "mute")


class Fault(StrEnum):
    """What is done to a camera."""

    KILLED = "killed"
    RESET = "reset"
    REFUSED = "refused"
    FROZEN = "frozen"
    DROPPED = "dropped"
    HALF_OPEN = "half_open"
    STALLED = "stalled"
    RTP_STOPS = "rtp_stops"
    WRONG_PASSWORD = "wrong_password"
    WRONG_PATH = "wrong_path"
    OTHER_VIDEO = "other_video"
    ENDS = "ends"
    TEARDOWN = "teardown"
    FLAPPING = "flapping"
    CORRUPTED = "corrupted"
    CORRUPTED_HEADERS = "corrupted_headers"
    CAMERA_CLOCK = "camera_clock"
    TIME_STAMPS = "time_stamps"
    SOUND_STOPS = "sound_stops"
    NO_CAMERA = "no_camera"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to come of a fault.

    Args:
        row: of the scenarios.
        causes: that the ledger may give for what is missing; none: nothing may be missing beyond what was damaged.
        noticed_s: how soon it has to be noticed, if it lasts that long; ``None``: there is nothing to notice.
        needs: what only some cameras have: ``network``, ``proxy``, ``password``, ``sound``, or the ``direct`` receiver.
        lasts: until it is ended; otherwise it is over as soon as it is done.
        way_back: there is one moment from which the camera answers again.
        linger_s: for so long after its end its causes are still right.
    """

    row: str
    causes: tuple[str, ...] = ()
    noticed_s: float | None = None
    needs: str = ""
    lasts: bool = True
    way_back: bool = True
    linger_s: float = 10.0


_GONE = ("camera_unreachable",)
# A stall that turns into a refusal is news, and divides the gap.
_SILENT = ("stream_stalled", "camera_unreachable")
RULES: dict[Fault, Rule] = {
    Fault.KILLED: Rule("A1", _GONE, 1.0),
    Fault.RESET: Rule("A1B", _GONE, 1.0, "proxy", lasts=False),
    Fault.REFUSED: Rule("A1", _GONE, 1.0, "proxy"),
    Fault.FROZEN: Rule("A2", _SILENT, 5.0),
    Fault.DROPPED: Rule("A3", _SILENT, 5.0, "network"),
    Fault.HALF_OPEN: Rule("A3B", _SILENT, 5.0, "proxy"),
    Fault.STALLED: Rule("A3", _SILENT, 5.0, "proxy"),
    Fault.RTP_STOPS: Rule("A4", _SILENT, 5.0),
    Fault.WRONG_PASSWORD: Rule("A5", ("auth_failed", "settings_changed"), 1.0, "password"),
    Fault.WRONG_PATH: Rule("A6", ("stream_not_found", "settings_changed"), 1.0, "proxy"),
    Fault.OTHER_VIDEO: Rule("A7", _GONE, 1.0, lasts=False),
    Fault.ENDS: Rule("A8", _GONE, 1.0, lasts=False),
    # Said by the proxy while the camera goes on sending: rtspsrc answers that it does not know how, and goes on too.
    Fault.TEARDOWN: Rule("A8", _GONE, 1.0, "direct", lasts=False),
    Fault.FLAPPING: Rule("A10", _GONE, 1.0, "proxy", lasts=False, way_back=False),
    Fault.CORRUPTED: Rule("A11", ("stream_damaged",), None, "proxy", way_back=False),
    # rtspsrc takes a packet with a wrong source number for another source, and ends the stream when that one has sent
    # nothing more for half a minute: in the midst of the next fault.
    Fault.CORRUPTED_HEADERS: Rule("A11B", ("stream_damaged",), None, "direct", way_back=False),
    # The camera says what time it is only every 5 s or so, in its sender reports.
    Fault.CAMERA_CLOCK: Rule("A12", ("clock_jump",), None, way_back=False, linger_s=30.0),
    Fault.TIME_STAMPS: Rule("A13", (), None, lasts=False, way_back=False),
    Fault.SOUND_STOPS: Rule("A14", (), None, "sound", way_back=False),
    Fault.NO_CAMERA: Rule("A15", ("camera_error", *_SILENT, "settings_changed"), 1.0),
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault of one camera: seconds since the beginning of its part of the soak, and what is done at its ends."""

    camera: str
    fault: Fault
    at_s: float
    lasts_s: float
    begin: tuple[Step, ...]
    end: tuple[Step, ...] = ()
    about: str = ""

    @property
    def rule(self) -> Rule:
        """What is to come of it."""
        return RULES[self.fault]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole soak: what is done before anything is compared, and what is done then."""

    seed: int
    script: Script
    warm_up_s: float
    warm_up: tuple[Planned, ...]
    main_s: float
    main: tuple[Planned, ...]


def plan(seed: int, cameras: int, seconds: float, *, network: bool = True) -> Plan:
    """Make one.

    Args:
        seed: the same gives the same.
        cameras: how many.
        seconds: how long it lasts, without what it takes to start and to heal.
        network: every fourth camera may live in a network namespace, which needs root.
    """
    warm_up_s = min(max(WARM_UP_SHARE * seconds, WARM_UP_S[0]), WARM_UP_S[1], seconds / 2)
    main_s = seconds - warm_up_s
    decks = [_Deck(seed, index, network=network) for index in range(cameras)]
    warm_up = tuple(_in_order([planned for deck in decks for planned in deck.deal(warm_up_s)]))
    main = tuple(_in_order([planned for deck in decks for planned in deck.deal(main_s)]))
    steps = tuple(step for planned in (*warm_up, *main) for step in planned.begin)
    script = Script(
        row="soak",
        title=f"Random faults, seed {seed}",
        expect=Expect(),
        settings='[recording]\nrotation = "45s"\n[ring]\ntime = "15s"\n',
        keeper=True,
        needs_root=network,
        cameras=tuple(deck.cameras for deck in decks),
        steps=steps,
    )
    return Plan(seed, script, warm_up_s, warm_up, main_s, main)


def _waits_s(step: Step) -> float:
    """How long a step takes that only waits, or whose inner steps do."""
    return step.seconds if step.do == "wait" else step.times * sum(map(_waits_s, step.steps))


def _in_order(faults: list[Planned]) -> list[Planned]:
    return sorted(faults, key=lambda planned: (planned.at_s, planned.camera))


class _Deck:
    """One camera's faults, dealt one after the other."""

    def __init__(self, seed: int, index: int, *, network: bool) -> None:
        self._rng = random.Random(f"{seed}/{index}")
        self._group = index
        self._video = _VIDEOS[0]
        self._pack: list[Fault] = []
        kind = index % 4
        in_network = network and kind == 0
        has_password = kind in (1, 2)
        audio = ("aac", "pcma", "none", "aac")[kind]
        self.cameras = Cameras(
            prefix=f"soak{index + 1}_",
            namespace=in_network,
            proxy=not in_network,
            password="right horse" if has_password else None,
            settings='receiver = "rtspsrc"\n' if kind == 2 else "",
            options={**self._video, "audio": audio, "bitrate": 400} | ({"auth": "basic"} if kind == 2 else {}),
        )
        self._name = f"{self.cameras.prefix}01"
        has = {"", "network" if in_network else "proxy"}
        has |= {"password"} if has_password else set()
        has |= {"sound"} if audio != "none" else set()
        has |= {"direct"} if not in_network and kind != 2 else set()
        self._faults = [fault for fault, rule in RULES.items() if rule.needs in has]

    def deal(self, seconds: float) -> Iterator[Planned]:
        """Faults that begin and end within ``seconds``."""
        at = self._rng.uniform(0.0, 5.0)
        while True:
            fault = self._next()
            planned = self._planned(fault, round(at, 1))
            if at + planned.lasts_s > seconds:
                self._pack.append(fault)
                return
            yield planned
            at += planned.lasts_s + self._rng.uniform(*GOOD_S)

    def _next(self) -> Fault:
        if not self._pack:
            self._pack = list(self._faults)
            self._rng.shuffle(self._pack)
        return self._pack.pop()

    def _planned(self, fault: Fault, at: float) -> Planned:
        step = partial(Step, group=self._group)
        begin, end, about = self._steps(fault, step)
        lasts = self._rng.uniform(SHORTEST_S, LONGEST_S) if RULES[fault].lasts else sum(map(_waits_s, begin))
        return Planned(self._name, fault, at, round(lasts, 1), tuple(begin), tuple(end), about)

    def _steps(self, fault: Fault, step: Any) -> tuple[list[Step], list[Step], str]:
        rng = self._rng
        simple = {
            Fault.KILLED: ("kill", "start"),
            Fault.REFUSED: ("refuse", "accept"),
            Fault.FROZEN: ("freeze", "thaw"),
            Fault.DROPPED: ("drop", "restore"),
            Fault.HALF_OPEN: ("half_open", "resume"),
            Fault.STALLED: ("stall", "resume"),
            Fault.RESET: ("reset", ""),
            Fault.TEARDOWN: ("teardown", ""),
        }
        told = {Fault.RTP_STOPS: ("pause", "resume"), Fault.SOUND_STOPS: ("mute", "unmute"), Fault.ENDS: ("eos", "")}
        if fault in simple:
            first, last = simple[fault]
            return [step(do=first)], [step(do=last)] if last else [], ""
        if fault in told:
            first, last = told[fault]
            return [step(do="tell", word=first)], [step(do="tell", word=last)] if last else [], ""
        match fault:
            case Fault.WRONG_PASSWORD:
                return [step(do="mislead", options={"password": "wrong horse"})], [step(do="correct")], ""
            case Fault.WRONG_PATH:
                return [step(do="mislead", options={"path": "nosuch"})], [step(do="correct")], ""
            case Fault.NO_CAMERA:
                kind = rng.choice(_SERVERS)
                return [step(do="mislead", options={"server": kind})], [step(do="correct")], kind
            case Fault.OTHER_VIDEO:
                self._video = rng.choice([video for video in _VIDEOS if video is not self._video])
                about = f"{self._video['codec']} {self._video['size']}, {self._video['bframes']} B-frames"
                return [step(do="restart", options=self._video)], [], about
            case Fault.FLAPPING:
                away, back = round(rng.uniform(0.5, 1.5), 1), round(rng.uniform(1.0, 2.9), 1)
                once = (step(do="refuse"), step(do="wait", seconds=away), step(do="accept"))
                wait, times = step(do="wait", seconds=back), rng.randint(2, 3)
                about = f"{times + 1} times {away} s, {back} s between"
                return [step(do="repeat", times=times, steps=(*once, wait)), *once], [], about
            case Fault.CORRUPTED | Fault.CORRUPTED_HEADERS:
                where = Where.PAYLOAD if fault is Fault.CORRUPTED else Where.HEADER
                return [step(do="corrupt", share=0.01, where=where)], [step(do="corrupt", share=0.0)], ""
            case Fault.CAMERA_CLOCK:
                ahead = rng.choice((-_CLOCK_S, _CLOCK_S))
                clock = partial(step, do="tell", word="clock")
                return [clock(seconds=ahead)], [clock(seconds=0.0)], f"{ahead:+.0f} s"
            case _:
                by = rng.choice((50.0, -80.0, _CLOCK_S))
                return [step(do="tell", word="jump", seconds=by)], [], f"{by:+.0f} s"
