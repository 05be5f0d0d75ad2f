"""The ten-line script of the reference, with a real camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evertape import RobustNVRPipeline, StreamStatus
from evertape.errors import UsageError
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.fleet import LabCameras


def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def frames(pipeline: RobustNVRPipeline) -> int:
    info = pipeline.info
    return info.recording.frames if info is not None else 0


def test_two_pipelines_share_an_engine_and_record_when_told_to(tmp_path: Path) -> None:
    before = threading.active_count()
    with LabCameras(count=2) as lab:
        one = RobustNVRPipeline(lab.urls[0], tmp_path, "one")
        two = RobustNVRPipeline(lab.urls[1], tmp_path, "two")
        one.start()
        two.start()
        until(lambda: one.status is StreamStatus.CONNECTED and two.status is StreamStatus.CONNECTED)
        assert not one.recording
        assert list(tmp_path.glob("recordings/*/*/*.mp4")) == []
        one.start_recording()
        until(lambda: frames(one) >= 50)
        assert one.recording
        assert not two.recording
        one.stop_recording()
        until(lambda: not one.recording)
        assert one.status is StreamStatus.CONNECTED, "streaming goes on"
        one.stop()
        two.stop()
    (file,) = tmp_path.glob("recordings/*/*/*.mp4")
    assert file.parts[-3] == "one"
    assert_every_frame_once([file], cameras=["cam_01"], at_least=50)
    until(lambda: threading.active_count() <= before)


def test_mistakes_are_told_plainly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="start"):
        RobustNVRPipeline("rtsp://127.0.0.1:9/x", tmp_path, "one").start_recording()
    with pytest.raises((UsageError, ValueError)):
        RobustNVRPipeline("http://127.0.0.1:9/x", tmp_path, "one").start()
    with RobustNVRPipeline("rtsp://127.0.0.1:9/x", tmp_path, "one"), pytest.raises(UsageError, match="already"):
        RobustNVRPipeline("rtsp://127.0.0.1:9/y", tmp_path, "one").start()


def test_a_directory_can_be_used_again_after_stop(tmp_path: Path) -> None:
    with LabCameras(count=1) as lab:
        for round_ in range(2):
            with RobustNVRPipeline(lab.urls[0], tmp_path, "one") as pipeline:
                pipeline.start_recording()
                until(lambda: frames(pipeline) >= 12)
            assert len(list(tmp_path.glob("recordings/*/*/*.mp4"))) == round_ + 1


def test_a_stopped_pipeline_has_finished_its_file_while_another_goes_on_and_can_start_again(tmp_path: Path) -> None:
    with LabCameras(count=2) as lab:
        one = RobustNVRPipeline(lab.urls[0], tmp_path, "one")
        with RobustNVRPipeline(lab.urls[1], tmp_path, "two"):
            one.start()
            one.start_recording()
            until(lambda: frames(one) >= 25)
            one.stop()
            (file,) = tmp_path.glob("recordings/one/*/*.mp4")
            # Only a finished file has its index at the end.
            assert b"mfro" in file.read_bytes()[-16:]
        # The engine ended with the last one; the next begins where it left off.
        one.start()
        until(lambda: one.status is StreamStatus.CONNECTED)
        one.stop()
