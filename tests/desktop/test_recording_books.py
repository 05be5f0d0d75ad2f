"""What the recording panel keeps in its head: pure, on a clock of the test's own."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from desktop.canned_link import NOW, camera, volume
from evertape.domain.storage_label import StorageTrouble, VolumeFacts, label_of, trouble_of
from evertape.domain.volume_state import VolumeState
from evertape.ipc.messages import VolumeInfo
from evertape_desktop.backend.model import CameraLook, EventLook, ServiceLook, VolumeLook
from evertape_desktop.recording.labels import attempt_text, headline, label_text, remedy
from evertape_desktop.recording.latest import Latest
from evertape_desktop.recording.recording_book import OVERDUE_S, RecordingBook, Transition
from evertape_desktop.recording.storage_book import StorageBook, Volume


def look(*cameras: object, volumes: tuple[object, ...] = (), now: str = NOW) -> ServiceLook:
    raw = {"now": now, "cameras": list(cameras), "volumes": list(volumes)}
    return msgspec.convert(raw, ServiceLook)


def event(kind: str, camera_id: str = "", at: str = NOW, **fields: object) -> EventLook:
    return EventLook(id="e", at=at, kind=kind, camera=camera_id, fields=fields)


@pytest.mark.parametrize("state", [*VolumeState, "of a newer version"])
def test_labels_are_those_of_the_service_to_the_letter(state: str) -> None:
    for is_mount, was_usable, errno, used, files in itertools.product(
        (False, True), (False, True), (0, 2, 5), (None, 812_400_000), (1, 37)
    ):
        info = VolumeInfo(
            name="usb1", state=state, free=850_000_000, is_mount=is_mount, was_usable=was_usable, errno=errno
        )
        facts = VolumeFacts(state, is_mount, was_usable, errno, "", 850_000_000, used, files)
        assert label_text(Volume(info, used, files)) == label_of(facts).text


@pytest.mark.parametrize("state", list(VolumeState))
@pytest.mark.parametrize(("is_mount", "was_usable"), [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("errno", [0, 2, 19])
def test_what_the_hub_answers_makes_the_label_that_it_had(
    state: VolumeState, is_mount: bool, was_usable: bool, errno: int
) -> None:
    """A volume is known by the hub's word for its trouble; what the engine's service makes of that is the same."""
    facts = VolumeFacts(state, is_mount, was_usable or state.usable, errno)
    trouble = trouble_of(facts)
    answer = VolumeLook(name="usb1", state=state, usable=state.usable, trouble=trouble.code if trouble else None)
    book = StorageBook()
    (seen,) = book.saw(msgspec.structs.replace(look(), volumes=(answer,)), 0.0)
    assert seen.trouble is trouble


def test_every_trouble_has_words_and_a_remedy() -> None:
    assert len({headline(trouble) for trouble in StorageTrouble}) == len(StorageTrouble)
    assert len({remedy(trouble) for trouble in StorageTrouble}) == len(StorageTrouble)


def test_an_event_is_believed_until_the_state_has_caught_up() -> None:
    latest = Latest()
    latest.heard("usb1", "missing", 10.0)
    assert not latest.believes("usb1", "online", 10.4)
    assert latest.believes("usb2", "online", 10.4)
    assert latest.believes("usb1", "missing", 10.6)
    assert latest.believes("usb1", "online", 10.7), "it is back, though no event said so"
    latest.heard("usb1", "missing", 20.0)
    assert latest.believes("usb1", "online", 21.6), "the event of the return was missed"


def test_an_event_says_at_once_what_is_wrong_with_a_folder() -> None:
    book = StorageBook()
    book.saw(look(volumes=(volume(),)), 0.0)
    gone = book.heard(event("volume_state", volume="usb1", old="online", state="missing", errno=2), 1.0)
    assert gone is not None and gone.trouble is StorageTrouble.DIRECTORY_NOT_FOUND
    assert book.heard(event("segment_opened"), 1.0) is None


def test_a_volume_that_is_no_longer_declared_is_forgotten() -> None:
    book = StorageBook()
    book.saw(look(volumes=(volume("usb1"), volume("usb2"))), 0.0)
    book.saw(look(volumes=(volume("usb2"),)), 1.0)
    assert [one.name for one in book.volumes] == ["usb2"]


def test_what_can_take_nothing_comes_first_and_a_spare_volume_behind_it() -> None:
    book = StorageBook()
    spare = volume("internal", role="spill", state="io_error", trouble="io_error")
    low = volume("usb3", state="low", trouble="low_space")
    book.saw(look(volumes=(volume("usb1"), low, spare, volume("usb2", state="full", trouble="low_space"))), 0.0)
    assert [one.name for one in book.volumes] == ["usb2", "internal", "usb3", "usb1"]


def test_what_is_shown_is_of_this_recording_only() -> None:
    book = RecordingBook()
    idle = camera("door", recording="stopped")
    idle["recording"].update(bytes=500, recorded_s=60.0)
    book.saw(look(idle), 0.0)
    book.heard(event("recording_state", "door", old="stopped", state="recording", volume="usb1"), 1.0)
    running = camera("door")
    running["recording"].update(bytes=800, recorded_s=63.0)
    later = NOW.replace("10:30:00", "10:30:05")
    book.saw(look(running, now=later), 6.0)
    entry = book.entries["door"]
    assert (entry.bytes, entry.elapsed_s(book.utc(6.0)), entry.elapsed_s(book.utc(8.0))) == (300, 5.0, 7.0)
    restarted = camera("door")
    restarted["recording"].update(bytes=20)
    book.saw(look(restarted), 7.0)
    assert entry.bytes == 20, "the recorder counts from its own start"


def test_a_recording_that_waits_for_a_disk_is_stopped_and_started_to_those_who_listen() -> None:
    book = RecordingBook()
    book.saw(look(camera("door")), 0.0)
    story = [("recording", "waiting"), ("waiting", "waiting"), ("waiting", "recording"), ("recording", "stopped")]
    told = [
        book.heard(event("recording_state", "door", old=old, state=state, reason="storage_missing"), 1.0)
        for old, state in story
    ]
    assert told == [[Transition("door", False)], [], [Transition("door", True)], [Transition("door", False)]]


def test_a_wish_is_obeyed_also_where_the_disk_is_away() -> None:
    book = RecordingBook()
    book.saw(look(camera("door", recording="stopped")), 0.0)
    book.asked(["door", "nobody"], True, 0.0)
    entry = book.entries["door"]
    book.heard(event("recording_state", "door", old="stopped", state="waiting"), 0.1)
    assert entry.asked is True, "it has not begun, and nothing is wrong"
    book.heard(event("recording_state", "door", old="waiting", state="waiting", reason="storage_missing"), 0.2)
    assert entry.asked is None


def test_a_wish_that_is_not_obeyed_is_told_of() -> None:
    book = RecordingBook()
    book.saw(look(camera("door", recording="stopped")), 0.0)
    book.asked(["door"], True, 0.0)
    assert book.overdue(OVERDUE_S - 1) == []
    assert [entry.camera.id for entry in book.overdue(OVERDUE_S + 1)] == ["door"]
    assert book.overdue(OVERDUE_S + 2) == []


def test_the_next_attempt_is_counted_down_from_when_it_was_said() -> None:
    book = RecordingBook()
    waits = camera("door", recording="waiting")
    waits["recording"].update(attempt=2, retry_in_s=4.0)
    book.saw(look(waits), 10.0)
    entry = book.entries["door"]
    assert [entry.retry_in_s(now) for now in (10.0, 11.5, 20.0)] == [4.0, 2.5, 0.0]
    assert attempt_text(2, 20, 4.0) == "attempt 3/20 in 4 s"
    assert attempt_text(2, 20, 0.0) == "attempt 3/20 now"
    assert attempt_text(20, 20, 4.0) == "attempt 21 in 4 s"
    assert attempt_text(0, 20, None) == ""


def test_a_camera_without_a_report_is_not_recorded() -> None:
    book = RecordingBook()
    book.saw(ServiceLook(cameras=(CameraLook(id="door", name="Door"),)), 0.0)
    assert not book.entries["door"].is_on
