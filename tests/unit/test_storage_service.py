"""Who is told what about the storage, and in which order the log has it."""

from __future__ import annotations

import logging

import pytest

from evertape.engine.storage_notice import StorageNotice
from evertape.engine.storage_service import StorageConsumers, StorageService
from evertape.ipc.messages import VolumeInfo

LOGGER = "evertape.engine.storage_service"


class Fixture:
    """Three cameras, one service, and what each camera was told."""

    def __init__(self) -> None:
        self.recording = ["cam_01", "cam_02", "cam_03"]
        self.consumers = StorageConsumers()
        self.service = StorageService(lambda: self.recording, self.consumers)
        self.told: dict[str, list[StorageNotice]] = {camera: [] for camera in self.recording}
        for camera, notices in self.told.items():
            self.service.register(camera, notices.append)

    def news(self, state: str, name: str = "usb", **more: object) -> None:
        fields = {"path": f"/mnt/{name}", "is_mount": True, "role": "primary", "layer": "kernel", **more}
        self.service.volume_changed(VolumeInfo(name=name, state=state, **fields))  # type: ignore[arg-type]

    def states(self, camera: str) -> list[str]:
        return [notice.state for notice in self.told[camera]]


@pytest.fixture
def made(caplog: pytest.LogCaptureFixture) -> Fixture:
    caplog.set_level(logging.INFO, LOGGER)
    return Fixture()


def texts(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_every_recording_camera_is_told_once_per_change_of_state(made: Fixture) -> None:
    made.news("online")
    for _ in range(3):
        made.news("missing")
    made.news("online")
    made.news("online")
    for camera in made.told:
        assert made.states(camera) == ["missing", "online"]


def test_a_camera_that_does_not_record_is_not_told(made: Fixture) -> None:
    made.recording.remove("cam_02")
    made.news("missing")
    assert made.states("cam_02") == []
    assert made.states("cam_03") == ["missing"]


def test_one_that_raises_does_not_keep_the_others_from_being_told(
    made: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_notice: StorageNotice) -> None:
        raise ZeroDivisionError("a mistake in a consumer")

    made.service.unregister("cam_01")
    made.service.register("cam_01", broken)
    made.news("missing")
    assert made.states("cam_02") == made.states("cam_03") == ["missing"]
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "cam_01" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_a_recording_camera_without_a_consumer_is_warned_of(made: Fixture, caplog: pytest.LogCaptureFixture) -> None:
    made.service.unregister_storage_error_callback("cam_02")
    made.news("missing")
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert any("cam_02 records, and nobody asked to be told" in text for text in warnings)


def test_a_camera_that_starts_without_a_consumer_is_warned_of_while_all_is_well(
    made: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    made.news("online")
    made.service.camera_records("cam_04")
    assert any("cam_04 records, and nobody asked" in text for text in texts(caplog))


def test_a_camera_that_starts_while_the_volume_is_bad_learns_it_at_once(made: Fixture) -> None:
    made.recording.remove("cam_03")
    made.news("online", "spill")
    made.news("hung")
    assert made.states("cam_03") == []
    made.recording.append("cam_03")
    made.service.camera_records("cam_03")
    assert made.states("cam_03") == ["hung"]
    made.news("online")
    assert made.states("cam_03") == ["hung", "online"]


def test_the_log_tells_the_story_in_this_order(made: Fixture, caplog: pytest.LogCaptureFixture) -> None:
    made.service.unregister("cam_02")
    made.service.register(
        "cam_02", lambda notice: logging.getLogger(LOGGER).info("[RECORDING] cam_02 %s", notice.state)
    )
    made.news("online")
    caplog.clear()
    made.news("missing", reason="/mnt/usb is no longer mounted")
    made.news("online", free=51_200_000_000)
    wanted = [
        "[STORAGE] USB mount point not found",
        "[STORAGE] Notifying 3 camera(s) about storage error: ⚠ Storage: USB Disconnected",
        "[STORAGE] Calling storage error callback for cam_01",
        "[STORAGE] Calling storage error callback for cam_02",
        "[RECORDING] cam_02 missing",
        "[STORAGE] Calling storage error callback for cam_03",
        "[STORAGE] Storage recovered!",
        "[STORAGE] Storage path available!",
        "[STORAGE] Notifying 3 camera(s): Free: 51.2 GB",
        "[STORAGE] Calling storage callback for cam_01",
    ]
    lines = iter(texts(caplog))
    for start in wanted:
        assert any(line.startswith(start) for line in lines), f"{start} is missing, or too early"


def test_never_mounted_since_the_start_is_told_apart_from_pulled_while_in_use(made: Fixture) -> None:
    made.news("not_mounted")
    assert made.told["cam_01"][-1].label == "⚠ Storage: Not Mounted"
    made.news("online")
    made.news("not_mounted")
    assert made.told["cam_01"][-1].label == "⚠ Storage: USB Disconnected"


def test_a_notice_says_what_a_program_needs(made: Fixture) -> None:
    made.news("online")
    made.news("missing", reason="/mnt/usb is no longer mounted", since_utc=7, free=5)
    notice = made.told["cam_01"][-1]
    assert notice == StorageNotice(
        volume="usb", state="missing", reason="/mnt/usb is no longer mounted", label="⚠ Storage: USB Disconnected",
        usable=False, path="/mnt/usb", role="primary", old="online", layer="kernel", free=5, since_utc=7,
    )  # fmt: skip
    assert notice.is_error


def test_a_process_that_cannot_be_reached_counts_as_not_responding(made: Fixture) -> None:
    made.news("online")
    info = VolumeInfo(name="usb", state="online", path="/mnt/usb", reason="of another state")
    made.service.volume_changed(info, state="hung")
    notice = made.told["cam_01"][-1]
    assert (notice.state, notice.label) == ("hung", "⚠ Storage: Not Responding")
    assert notice.reason == "the disk does not answer"


def test_no_news_is_no_news(made: Fixture, caplog: pytest.LogCaptureFixture) -> None:
    made.news("unknown")
    made.news("online")
    made.news("unknown")
    made.news("online")
    assert made.states("cam_01") == []
    assert texts(caplog) == []


def test_low_space_is_told_without_calling_it_an_error(made: Fixture, caplog: pytest.LogCaptureFixture) -> None:
    made.news("online")
    made.news("low", free=850_000_000)
    notice = made.told["cam_01"][-1]
    assert notice.usable
    assert notice.label.endswith("⚠ Low Space: 0.85 GB")
    assert not any("error" in text for text in texts(caplog))


def test_a_retired_volume_is_nobodys_trouble(made: Fixture) -> None:
    made.news("online", role="retired")
    made.news("missing", role="retired")
    made.service.camera_records("cam_01")
    assert made.states("cam_01") == []


def test_each_volume_is_judged_for_itself(made: Fixture) -> None:
    made.news("missing", "usb")
    made.news("missing", "spill")
    assert [notice.volume for notice in made.told["cam_01"]] == ["usb", "spill"]
    made.service.forget("usb")
    made.news("missing", "usb")
    assert [notice.volume for notice in made.told["cam_01"]] == ["usb", "spill", "usb"]


def test_several_may_ask_about_one_camera_and_leave_one_by_one(made: Fixture) -> None:
    heard: list[str] = []

    def also(notice: StorageNotice) -> None:
        heard.append(notice.state)

    made.consumers.register_storage_error_callback("cam_01", also)
    made.consumers.register_storage_error_callback("cam_01", also)
    made.news("missing")
    made.service.unregister_storage_error_callback("cam_01", also)
    made.service.unregister_storage_error_callback("nobody")
    made.news("online")
    assert heard == ["missing"]
    assert made.states("cam_01") == ["missing", "online"]
