"""One session for each stream in an installation: who has it, who gives way, and what nobody has to wait for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from evertape.clock import ManualClock
from evertape.domain.failure import FailureKind
from evertape.media import claimed as claimed_module
from evertape.media.capture import CaptureEvent, CaptureRequest, SessionFailed
from evertape.media.claimed import FILES_NS, LOOK_NS, RESOLVE_NS, YIELD_NS, ClaimedSession
from evertape.media.claims import Claim, Claimant, ClaimTerms, claim_worker, stream_keys, take, who_has, wish
from evertape.types import AccessUnit, Epoch

URL = "rtsp://viewer:s3cret@127.0.0.1:8554/live"
DOOR = Claimant("the service", "door", records=True)
VIEW = Claimant("evertape view")


def keys(url: str = URL, *addresses: str) -> list[str]:
    return stream_keys(url, addresses)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


# -- files --------------------------------------------------------------------------------------------------------


def test_a_stream_is_had_once_and_the_next_one_is_told_by_whom(tmp_path: Path) -> None:
    first = take(ClaimTerms(str(tmp_path / "s"), DOOR), keys())
    assert isinstance(first, Claim)
    assert take(ClaimTerms(str(tmp_path / "s"), VIEW), keys()) == DOOR
    assert who_has(str(tmp_path / "s"), URL) == DOOR
    first.release()
    first.release()
    assert who_has(str(tmp_path / "s"), URL) is None
    second = take(ClaimTerms(str(tmp_path / "s"), VIEW), keys())
    assert isinstance(second, Claim)
    second.release()


@pytest.mark.parametrize(
    "other, addresses, same",
    [
        ("rtsp://127.0.0.1:8554/live/", (), True),
        ("rtsp://other:login@127.0.0.1:8554/live", (), True),
        ("rtsp://localhost:8554/live", ("::1", "127.0.0.1"), True),
        ("rtsp://camera.lan:8554/live", ("127.0.0.1",), True),
        ("rtsp://camera.lan:8554/live", (), False),
        ("rtsp://127.0.0.1:8555/live", (), False),
        ("rtsp://127.0.0.1:8554/small", (), False),
        ("rtsp://127.0.0.1:8554/live?channel=2", (), False),
    ],
)
def test_a_stream_is_told_by_address_port_and_path_whatever_its_host_is_called(
    tmp_path: Path, other: str, addresses: Sequence[str], same: bool
) -> None:
    held = take(ClaimTerms(str(tmp_path), DOOR), keys())
    assert isinstance(held, Claim)
    found = take(ClaimTerms(str(tmp_path), VIEW), stream_keys(other, addresses))
    assert (found == DOOR) is same
    held.release()
    if isinstance(found, Claim):
        found.release()
    # Whoever was refused holds none of the other names either.
    again = take(ClaimTerms(str(tmp_path), VIEW), stream_keys(other, addresses))
    assert isinstance(again, Claim)
    again.release()


def test_names_of_one_host_are_one_stream_also_for_who_asks(tmp_path: Path) -> None:
    held = take(ClaimTerms(str(tmp_path), DOOR), keys())
    assert isinstance(held, Claim)
    assert who_has(str(tmp_path), URL.replace("127.0.0.1", "localhost")) == DOOR
    held.release()


def test_the_files_have_no_password(tmp_path: Path) -> None:
    held = take(ClaimTerms(str(tmp_path), DOOR), keys())
    assert isinstance(held, Claim)
    assert not any("s3cret" in path.name or "s3cret" in path.read_text() for path in tmp_path.iterdir())
    held.release()


def test_who_is_killed_has_nothing_any_more(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom evertape.media.claims import *\n"
        f"held = take(ClaimTerms(sys.argv[1], UNKNOWN), stream_keys({URL!r}, ()))\n"
        "print('had', flush=True)\ntime.sleep(60)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=env) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"had\n"
        assert who_has(str(tmp_path), URL) is not None
        other.send_signal(signal.SIGKILL)
        other.wait()
    held = take(ClaimTerms(str(tmp_path), DOOR), keys())
    assert isinstance(held, Claim)
    held.release()


# -- sessions -----------------------------------------------------------------------------------------------------


class Inner:
    """A session that does nothing, and knows what was asked of it."""

    def __init__(self) -> None:
        self.epoch = Epoch("e" * 32)
        self.started = self.closed = 0

    def start(self) -> None:
        self.started += 1

    def drain(self) -> Sequence[AccessUnit]:
        return ()

    def events(self) -> Sequence[CaptureEvent]:
        return ()

    def fileno(self) -> int | None:
        return None

    def next_deadline_ns(self) -> int | None:
        return None

    def close(self) -> None:
        self.closed += 1


class Session:
    """A claimed one, stepped by hand."""

    def __init__(self, folder: Path, who: Claimant, clock: ManualClock, url: str = URL) -> None:
        self.inner = Inner()
        self.clock = clock
        self.session = ClaimedSession(
            CaptureRequest(url, self.inner.epoch), ClaimTerms(str(folder), who), clock, lambda: self.inner
        )
        self.session.start()
        self.events: list[CaptureEvent] = []

    def look(self, ns: int = 0) -> None:
        """Time passes, what was asked for is done, and the owner looks."""
        self.clock.advance(ns)
        done = claim_worker.submit(lambda: None)
        assert done.done.wait(10)
        self.session.drain()
        self.events += self.session.events()

    @property
    def failed(self) -> list[tuple[FailureKind, str]]:
        return [(e.kind, e.detail.debug) for e in self.events if isinstance(e, SessionFailed)]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_session_begins_once_the_stream_is_its_own(tmp_path: Path, clock: ManualClock) -> None:
    door = Session(tmp_path, DOOR, clock)
    door.look()
    assert door.inner.started == 1
    view = Session(tmp_path, VIEW, clock)
    view.look()
    assert view.inner.started == 0
    assert view.failed == [(FailureKind.IN_USE, "the service, as camera door has this stream")]
    door.session.close()
    view.look()
    third = Session(tmp_path, VIEW, clock)
    third.look()
    assert third.inner.started == 1
    third.session.close()


def test_whoever_only_looks_gives_way_to_the_recorder_within_a_second(tmp_path: Path, clock: ManualClock) -> None:
    view = Session(tmp_path, VIEW, clock)
    view.look()
    door = Session(tmp_path, DOOR, clock)
    door.look()
    assert door.inner.started == 0
    for _ in range(2):
        view.look(LOOK_NS)
        view.look()
    assert view.failed == [(FailureKind.IN_USE, "the service takes over this stream")]
    assert view.inner.closed == 1
    door.look()
    door.look()
    assert door.inner.started == 1
    door.session.close()
    # It wants nothing any more: somebody may look again.
    again = Session(tmp_path, VIEW, clock)
    again.look()
    again.look(2 * LOOK_NS)
    again.look()
    assert again.inner.started == 1
    assert again.failed == []
    again.session.close()


def test_a_recorder_does_not_wait_for_ever_for_somebody_who_hangs(tmp_path: Path, clock: ManualClock) -> None:
    view = Session(tmp_path, VIEW, clock)
    view.look()
    door = Session(tmp_path, DOOR, clock)
    door.look()
    door.look(YIELD_NS)
    door.look()
    assert door.inner.started == 1
    door.session.close()
    view.session.close()


def test_a_camera_that_is_recorded_under_another_name_is_not_opened_twice(tmp_path: Path, clock: ManualClock) -> None:
    door = Session(tmp_path, DOOR, clock)
    door.look()
    twin = Session(tmp_path, Claimant("the service", "twin", records=True), clock, "rtsp://localhost:8554/live")

    def refused() -> bool:
        twin.look()
        return bool(twin.failed)

    until(refused)
    assert twin.failed == [(FailureKind.IN_USE, "the service, as camera door has this stream")]
    assert twin.inner.started == 0
    door.session.close()


def test_the_successor_of_a_recorder_waits_for_it_to_leave(tmp_path: Path, clock: ManualClock) -> None:
    door = Session(tmp_path, DOOR, clock)
    door.look()
    successor = Session(tmp_path, DOOR, clock)
    successor.look()
    assert successor.failed == []
    door.session.close()
    successor.look(LOOK_NS)
    successor.look()
    assert successor.inner.started == 1
    successor.session.close()


def test_a_disk_that_hangs_and_a_name_server_that_is_away_hold_up_nobody(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(claimed_module, "take", lambda _terms, _keys: hangs.wait(10))
    door = Session(tmp_path, DOOR, clock)
    door.session.drain()
    assert door.inner.started == 0
    clock.advance(FILES_NS)
    door.session.drain()
    assert door.inner.started == 1
    door.session.close()
    hangs.set()
    monkeypatch.undo()

    class Away:
        done, result = threading.Event(), ()

    monkeypatch.setattr(claimed_module, "look_up", lambda _host, _port: Away)
    named = Session(tmp_path, DOOR, clock, "rtsp://camera.lan/live")
    named.look()
    assert named.inner.started == 0
    named.look(RESOLVE_NS)
    named.look()
    assert named.inner.started == 1
    named.session.close()


def test_a_folder_that_cannot_be_used_costs_no_footage(tmp_path: Path, clock: ManualClock) -> None:
    door = Session(tmp_path / "no such place" / "streams", DOOR, clock)
    door.look()
    assert door.inner.started == 1
    door.session.close()


def test_a_session_that_is_closed_while_it_asks_keeps_nothing(tmp_path: Path, clock: ManualClock) -> None:
    Session(tmp_path, VIEW, clock).session.close()
    door = Session(tmp_path, DOOR, clock)
    door.look()
    assert door.inner.started == 1
    door.session.close()
    done = claim_worker.submit(lambda: wish(ClaimTerms(str(tmp_path), DOOR), keys()).release())
    assert done.done.wait(10)
    assert who_has(str(tmp_path), URL) is None
