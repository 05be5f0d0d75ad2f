"""What real cameras insist on, recorded end to end: one service, one camera per peculiarity."""

from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from evertape.ipc.events import CameraStateChanged, Event, Notice
from evertape_lab.audit import CameraReport, audit_files
from evertape_lab.rig import Rig
from evertape_lab.strict import Books, StrictCamera, make_certificate
from evertape_lab.strict_login import Login
from evertape_lab.strict_stream import Habits, Sets, Stamps

PASSWORD = "p@ss:w/rd"
SECONDS = 5.0


def cameras(certificate: Path) -> dict[str, tuple[StrictCamera, str]]:
    """Camera to the simulated one and to TOML of its own."""

    def camera(name: str, own: str = "", **options: object) -> tuple[StrictCamera, str]:
        habits = {key: options.pop(key) for key in ("bframes", "sets", "stamps") if key in options}
        return StrictCamera(Habits(name, **habits), **options), own  # type: ignore[arg-type]

    return {
        "short": camera("short", timeout_s=2),
        "sdp_sets": camera("sdp_sets", sets=Sets.ONCE_IN_SDP),
        "early_sets": camera("early_sets", sets=Sets.ONCE_IN_STREAM),
        "bframes": camera("bframes", bframes=2),
        "wraps": camera("wraps", stamps=Stamps.WRAPS),
        "unstamped": camera("unstamped", stamps=Stamps.MISSING),
        "basic": camera("basic", login=Login("viewer", PASSWORD, "basic")),
        "md5": camera("md5", login=Login("viewer", PASSWORD, "md5")),
        "sha256": camera("sha256", login=Login("viewer", PASSWORD, "sha-256")),
        "tls": camera("tls", certificate=certificate, login=Login("viewer", PASSWORD, "sha-256")),
        "tls_gst": camera("tls_gst", 'receiver = "rtspsrc"', certificate=certificate),
    }


ALL = [
    "short", "sdp_sets", "early_sets", "bframes", "wraps", "unstamped", "basic", "md5", "sha256", "tls", "tls_gst",
]  # fmt: skip


@dataclass
class Recorded:
    """What one camera saw, and what is on disk of it."""

    books: Books
    report: CameraReport
    files: list[Path]
    events: list[Event]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recorded]:
    folder = tmp_path_factory.mktemp("connections")
    with ExitStack() as stack:
        made = cameras(make_certificate(folder))
        for camera, _ in made.values():
            stack.enter_context(camera)
        rig = Rig(
            folder,
            {name: camera.url for name, (camera, _) in made.items()},
            own={name: own for name, (_, own) in made.items()},
        )

        async def play() -> None:
            async with rig:
                await rig.recorded(made, SECONDS, 25)

        asyncio.run(play())
        files: dict[str, list[Path]] = {name: [] for name in made}
        for path in rig.files():
            files[path.parts[-3]].append(path)
        events = rig.events()
        reports = audit_files(rig.ranges()).cameras
        assert PASSWORD not in "".join(map(str, events))
    return {
        name: Recorded(
            camera.books, reports[name], files[name], [e for e in events if getattr(e, "camera", "") == name]
        )
        for name, (camera, _) in made.items()
    }


@pytest.mark.parametrize("name", ALL)
def test_each_camera_is_recorded_in_one_session_that_is_left_by_teardown(
    recorded: dict[str, Recorded], name: str
) -> None:
    seen = recorded[name]
    assert seen.report.ok, seen.report.describe()
    assert seen.report.count >= SECONDS * 25
    books = seen.books
    assert (books.opened, books.most, books.refused) == (1, 1, 0)
    assert (books.torn_down, books.broken, books.timed_out) == (1, 0, 0)
    assert books.bad_logins == 0


def test_a_session_that_ends_after_two_seconds_is_kept_alive_as_often_as_it_needs(
    recorded: dict[str, Recorded],
) -> None:
    alive = [at for method, at in recorded["short"].books.asked if method == "GET_PARAMETER"]
    assert len(alive) >= 3
    assert max(later - earlier for earlier, later in pairwise(alive)) < 1.8e9


@pytest.mark.parametrize("name", ["sdp_sets", "early_sets", "bframes", "wraps", "unstamped", "tls"])
def test_the_files_play_to_their_last_picture_without_a_warning(recorded: dict[str, Recorded], name: str) -> None:
    seen = recorded[name]
    command = ["ffprobe", "-v", "warning", "-count_frames", "-select_streams", "v", "-of", "json"]
    pictures = 0
    for path in seen.files:
        done = subprocess.run(
            [*command, "-show_entries", "stream=nb_read_frames", str(path)],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert done.stderr == ""
        pictures += int(json.loads(done.stdout)["streams"][0]["nb_read_frames"])
    assert pictures == seen.report.count


def test_pictures_sent_out_of_order_are_in_the_file_with_the_times_at_which_they_are_shown(
    recorded: dict[str, Recorded],
) -> None:
    rows = packets(recorded["bframes"].files[0])
    dts, pts = [row[0] for row in rows], [row[1] for row in rows]
    assert all(later > earlier for earlier, later in pairwise(dts))
    assert pts != sorted(pts)
    assert all(row[1] >= row[0] for row in rows)
    shown = sorted(pts)[:-3]  # at the end those shown before the last one that came are missing
    assert {round(later - earlier, 3) for earlier, later in pairwise(shown)} == {0.04}


def test_time_goes_on_through_a_wrap_of_the_time_stamps(recorded: dict[str, Recorded]) -> None:
    seen = recorded["wraps"]
    rows = packets(seen.files[0])
    assert {round(later[0] - earlier[0], 3) for earlier, later in pairwise(rows)} == {0.04}
    assert not [event for event in seen.events if isinstance(event, Notice) and event.text == "discontinuity"]


def test_pictures_without_time_stamps_lie_where_they_arrived_and_somebody_is_told(
    recorded: dict[str, Recorded],
) -> None:
    seen = recorded["unstamped"]
    rows = packets(seen.files[0])
    assert rows[-1][0] - rows[0][0] == pytest.approx(len(rows) * 0.04, rel=0.15)
    assert [event for event in seen.events if isinstance(event, Notice) and event.text == "clock_stands"]


def test_a_camera_that_says_its_parameters_once_makes_one_file(recorded: dict[str, Recorded]) -> None:
    for name in ("sdp_sets", "early_sets"):
        assert len(recorded[name].files) == 1
        states = [e.state for e in recorded[name].events if isinstance(e, CameraStateChanged)]
        assert states == ["connecting", "receiving", "connected", "stopped"]


def packets(path: Path) -> list[tuple[float, float]]:
    """DTS and PTS of each picture of a file, in its order, in seconds."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=dts_time,pts_time",
         "-of", "json", str(path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return [(float(row["dts_time"]), float(row["pts_time"])) for row in json.loads(done.stdout)["packets"]]
