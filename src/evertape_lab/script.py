"""What a scenario file says: cameras, what is done to them, what is to come of it.

Each ``evertape_lab/scenarios/*.toml`` is one; ``docs`` of the fields are here. A value with a ``quick_`` twin has two:
as the promise is worded, and as short as the test suite can afford.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from evertape.errors import UsageError
from evertape_lab.interleaved import Where
from evertape_lab.script_disks import StorageExpect, Volume
from evertape_lab.servers import Kind

FOLDER = Path(__file__).parent / "scenarios"
NAMES = {f"STORAGE-{n}": f"B{n}" for n in range(1, 6)}
"""Scenarios that have a name beside their row, and are told as a time line when they are asked for by it."""


class Cameras(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A process of lab cameras.

    Args:
        count: how many.
        prefix: of their names; two groups need different ones.
        namespace: they live in a network namespace of their own.
        proxy: they are reached through a proxy.
        password: they want the user ``viewer`` with this password.
        before: commands that the cameras are given before the service begins.
        told: what the service is told instead of what is right: ``password`` or ``path``.
        options: of ``evertape lab camera``.
        settings: TOML, put below the URL of each in the service's configuration.
    """

    count: int = 1
    quick_count: int | None = None
    prefix: str = "cam_"
    namespace: bool = False
    proxy: bool = False
    password: str | None = None
    before: tuple[str, ...] = ()
    told: dict[str, str] = {}
    options: dict[str, str | int | float] = {}
    settings: str = ""


class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is no camera, configured as one; ``reason`` is what it has to be shown as."""

    camera: str
    reason: str
    kind: Kind | None = None
    url: str = ""
    script: tuple[int, ...] = (404,)


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to do; ``evertape_lab.stage`` has the verbs.

    Args:
        do: the verb.
        group: which process of cameras, counted from 0.
        camera: of the group; all by default.
        word: a command of the cameras: ``pause, resume, mute, unmute, eos, clock, jump``.
        seconds: how long, or by how much.
        share: of the packets.
        kbytes_per_s: a rate; 0 for none.
        where: which bytes of them.
        options: the camera's new ones.
        outage: it makes the cameras fall silent, and the ledger has to give one of these causes.
        answers: from its end on, cameras of an earlier outage answer again.
        state, reason: what to wait for.
        within: the longest wait, in seconds.
        times: how often ``steps`` are done, or how many of something there may be.
        steps: for ``repeat``.
        process: of the service: its name, ``supervisor``, or ``*`` for all.
        kbytes: of memory, or of a disk.
        volume: which disk.
        trouble: it breaks the volume, which then gets into one of these states.
        mended: it makes the volume usable again.
        say: what people are told is being done.
        counted: of ``repeat``: ``--times`` says how often.
        leads: of ``before_rotation``: one after the other, instead of ``seconds``.
    """

    do: str
    group: int = 0
    camera: str = "*"
    word: str = ""
    seconds: float = 0.0
    quick_seconds: float | None = None
    share: float = 0.0
    kbytes_per_s: float = 0.0
    where: Where = Where.PAYLOAD
    options: dict[str, str | int | float] = {}
    outage: tuple[str, ...] = ()
    answers: bool = False
    state: str = ""
    reason: str = ""
    within: float = 10.0
    times: int = 1
    quick_times: int | None = None
    steps: tuple[Step, ...] = ()
    process: str = ""
    kbytes: int = 0
    volume: str = ""
    trouble: tuple[str, ...] = ()
    mended: bool = False
    say: str = ""
    counted: bool = False
    leads: tuple[float, ...] = ()


class Expect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is promised. Never missing beyond what the ledger explains, and never doubled, is promised always.

    Args:
        detected_within_s: from the break to the event that says so, of every camera.
        recovered_within_s: from the answer to the first stored frame, 95 of 100.
        options_per_s, attempts_per_s: what a camera may see in any second.
        also: further causes of gaps that are right.
        gaps: whether there may be gaps at all once recording has begun.
        frames: at least so many of each camera.
        segments: at least so many files of each camera.
        playable: ``ffprobe`` reads every file to its end without a word, and finds as many pictures as there are.
        audio: the cameras whose files hold sound; the others' hold none.
        audio_holes: how often the sound of each of them may be missing for longer than a frame.
        no_frame_missing: not even with an explanation.
        connects: how often each camera may become ``connected``.
        damaged_only: frames may be missing of which the proxy damaged a packet, and no others …
        damaged_reach: … but those so close to one, because a wrong sequence number casts doubt on the next picture.
        notices: texts of notices that there have to be.
        events: further types of events that there have to be.
        alerts: kinds of a camera's alerts, each as often as it is raised; each is over at the end, no other is raised.
        causes: causes that the ledger has to show, with or without a length.
        cpu_cores: the service may not use more, in any second.
        no_leaks: threads, descriptors and memory of the recorders between ``measure`` and the end.
        lost_before_s: how much of what came before the break may be missing.
        deaths: processes that end, each with how the journal has it; ``*``: whoever, however.
        stopped_within_s: the service left so soon when it was asked to, with every file finished and every row closed.
        durable_age_s: the newest footage of no camera that is recording may get older than this while steps ran.
        storage: what is promised of the disks.
    """

    detected_within_s: float | None = None
    recovered_within_s: float | None = None
    options_per_s: int | None = None
    attempts_per_s: int | None = None
    also: tuple[str, ...] = ()
    gaps: bool = True
    frames: int = 1
    segments: int = 1
    playable: bool = False
    audio: tuple[str, ...] | None = None
    audio_holes: int = 0
    no_frame_missing: bool = False
    connects: int | None = None
    damaged_only: bool = False
    damaged_reach: int = 0
    notices: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    alerts: tuple[str, ...] | None = None
    causes: tuple[str, ...] = ()
    cpu_cores: float | None = None
    no_leaks: bool = False
    durable_age_s: float | None = None
    lost_before_s: float | None = None
    deaths: dict[str, str] = {}
    stopped_within_s: float | None = None
    storage: StorageExpect = StorageExpect()


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scenario.

    Args:
        settings: TOML for the service.
        host_clock: it runs on a clock that can be stepped.
        keeper: it runs with the index.
        served: it runs in a process of its own, with the index, and is started again when it dies.
        in_process: its recorders run in the lab's process.
        unprivileged: its processes obey permissions, though they run as root.
        volumes: its disks; none: the built-in volume.
    """

    row: str
    title: str
    expect: Expect
    settings: str = ""
    host_clock: bool = False
    keeper: bool = False
    served: bool = False
    needs_root: bool = False
    in_process: bool = False
    unprivileged: bool = False
    volumes: tuple[Volume, ...] = ()
    cameras: tuple[Cameras, ...] = ()
    servers: tuple[Server, ...] = ()
    steps: tuple[Step, ...] = ()


def load_script(name: str | Path) -> Script:
    """Read a scenario by its row (``A9``) or its path.

    Raises:
        UsageError: there is none, or it makes no sense.
    """
    path = find_script(name)
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Script)
    except (msgspec.MsgspecError, ValueError) as error:
        raise UsageError(f"{path.name} is no scenario: {error}") from error


def find_script(name: str | Path) -> Path:
    """Where it is; raises ``UsageError`` if it is nowhere."""
    if (path := Path(name)).suffix == ".toml" and path.is_file():
        return path
    row = str(name).upper()
    found = scripts().get(NAMES.get(row, row))
    if found is None:
        known = ", ".join([*scripts(), *map(str.lower, NAMES)])
        raise UsageError(f"there is no scenario {name}", hint=f"there are {known}")
    return found


def repeated(script: Script, times: int) -> Script:
    """The script with everything that is ``counted`` done so often."""

    def again(step: Step) -> Step:
        return msgspec.structs.replace(step, times=times, quick_times=None) if step.counted else step

    return msgspec.structs.replace(script, steps=tuple(again(step) for step in script.steps))


def scripts() -> dict[str, Path]:
    """The lab's own scenarios by row."""
    return {path.stem.partition("_")[0].upper(): path for path in sorted(FOLDER.glob("*.toml"), key=_order)}


def _order(path: Path) -> tuple[str, int, str]:
    row = path.stem.partition("_")[0]
    digits = "".join(c for c in row if c.isdigit())
    return row[:1], int(digits or 0), row


def quick(thing: Any, name: str, is_quick: bool) -> Any:
    """The value of a field that may have a ``quick_`` twin."""
    twin = getattr(thing, f"quick_{name}")
    return twin if is_quick and twin is not None else getattr(thing, name)
