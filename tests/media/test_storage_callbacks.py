"""``get_storage_error_callback`` and ``disconnect``: what a pipeline and a camera do with news of a volume."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from evertape import CameraStream, GstPipeline, RobustNVRPipeline, StorageNotice, StreamStatus
from evertape.clock import SystemClock
from evertape.engine.in_process import InProcessRecorder
from evertape.engine.storage_service import StorageService
from evertape.media.capture import Backend, CaptureRequest
from evertape.media.gst.capture import GstCaptureSession
from evertape.media.gst.lib import Gst
from evertape.types import Epoch
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.fleet import LabCameras
from evertape_lab.footage import logical_ranges
from evertape_lab.rig import Rig
from evertape_lab.sei import find_frames


def until(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.01)


def gone(volume: str) -> StorageNotice:
    return StorageNotice(volume, "missing", "somebody says so", "⚠ Storage: USB Disconnected", usable=False)


def test_a_capture_pipeline_streams_on_whatever_it_is_told_of_storage(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    frames: list[int] = []

    def pull(session: GstCaptureSession, count: int) -> bool:
        for unit in session.drain():
            frames.extend(frame.n for frame in find_frames(bytes(unit.data)))
        return len(frames) >= count

    with LabCameras(1, size="320x192", gop=5) as lab:
        session = GstCaptureSession(
            CaptureRequest(lab.urls[0], Epoch(uuid4().hex), backend=Backend.RTSPSRC), SystemClock()
        )
        try:
            session.start()
            until(lambda: pull(session, 10), "frames come")
            pipeline = session.pipeline
            assert isinstance(pipeline, GstPipeline)
            told = threading.Thread(target=pipeline.get_storage_error_callback(), args=(gone("usb"),))
            told.start()
            told.join()
            until(lambda: pull(session, 30), "they go on")
            assert session.pipeline is pipeline and pipeline.elements("rtspsrc")[0].current_state is Gst.State.PLAYING
        finally:
            session.close()
    assert frames == list(range(frames[0], frames[0] + len(frames)))
    (line,) = [r.getMessage() for r in caplog.records if "Streaming continues" in r.getMessage()]
    assert "USB Disconnected" in line


def test_a_pipeline_that_is_told_of_a_lost_volume_writes_anew_and_loses_no_frame(tmp_path: Path) -> None:
    with LabCameras(1, size="320x192", gop=5) as lab:
        pipeline = RobustNVRPipeline(lab.urls[0], tmp_path, "door")
        callback = pipeline.get_storage_error_callback()
        callback(gone("recordings"))  # not started: nobody to tell

        def frames() -> int:
            return pipeline.info.recording.frames if pipeline.info is not None else 0

        with pipeline:
            pipeline.start_recording()
            until(lambda: frames() >= 25, "it is recorded")
            assert pipeline.info is not None
            before, volume = pipeline.info.recording.segments, pipeline.info.recording.volume
            callback(gone(volume))
            until(lambda: pipeline.info is not None and pipeline.info.recording.segments > before, "another file")
            assert pipeline.status.flowing
            seen = frames()
            until(lambda: frames() >= seen + 25, "it goes on")
            pipeline.register_storage_error_callback(callback)
            pipeline.disconnect()
        assert pipeline.directory == tmp_path
        assert pipeline.status is StreamStatus.STOPPED
    # What was under way when it was told is in both files; the later one counts.
    assert_every_frame_once(logical_ranges(tmp_path.glob("recordings/*/*/*.mp4")), cameras=["cam_01"], at_least=50)


def test_a_camera_that_is_disconnected_is_told_no_longer_and_streams_no_longer(tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        async with Rig(tmp_path, {"cam_01": url}, in_process=True) as rig:
            await rig.recorded(["cam_01"], 1)
            (recorder,) = (c for c in rig.supervisor.children.values() if isinstance(c, InProcessRecorder))
            worker = recorder.camera("cam_01")
            assert isinstance(worker, CameraStream)
            storage = worker._host.storage
            assert isinstance(storage, StorageService)
            assert worker.get_storage_error_callback() in storage._consumers.of("cam_01")
            worker.disconnect()
            assert storage._consumers.of("cam_01") == ()
            assert not worker.recording.wanted
            assert all(str(stream.state.status) == "stopped" for stream in worker.streams.values())

    with LabCameras(1, size="320x192", gop=5) as lab:
        asyncio.run(scenario(lab.urls[0]))
