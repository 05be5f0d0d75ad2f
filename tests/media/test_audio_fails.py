"""An error of an element costs what that element does: audio's the audio, video's the session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from gi.repository import GLib

from evertape.clock import SystemClock
from evertape.domain.failure import FailureKind
from evertape.engine.in_process import InProcessRecorder
from evertape.ipc.events import CameraStateChanged, Notice
from evertape.media.capture import Backend, CaptureRequest, NoticeKind, SessionFailed, StreamNotice, Transport
from evertape.media.claimed import ClaimedSession
from evertape.media.gst import audio_branch
from evertape.media.gst import pipeline as pipeline_module
from evertape.media.gst.audio import make_transcoder
from evertape.media.gst.capture import GstCaptureSession
from evertape.media.gst.lib import Gst, join_disposals, make
from evertape.types import AccessUnit, Epoch, Stream, Track
from evertape_lab import LabCameras
from evertape_lab.audit import assert_every_frame_once, audit_files
from evertape_lab.rig import Rig
from evertape_lab.sei import find_frames

STREAM, RESOURCE = Gst.StreamError.quark(), Gst.ResourceError.quark()


@pytest.fixture(scope="module")
def camera() -> Iterator[LabCameras]:
    with LabCameras(1, size="320x192", gop=5, audio="aac") as cameras:
        yield cameras


class Capture:
    """A session, and everything that has come of it."""

    def __init__(self, url: str, transport: Transport = Transport.TCP) -> None:
        request = CaptureRequest(url, Epoch(uuid4().hex), backend=Backend.RTSPSRC, transport=transport)
        self.session = GstCaptureSession(request, SystemClock(), make_transcoder)
        self.units: list[AccessUnit] = []
        self.notices: list[StreamNotice] = []
        self.failed: list[SessionFailed] = []
        self.session.start()
        self.until(lambda: self.of(Track.AUDIO) > 5 and self.of(Track.VIDEO) > 5, "audio and video")

    def of(self, track: Track) -> int:
        return sum(unit.track is track for unit in self.units)

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain: {what}; {self.notices} {self.failed}"
            self.units += self.session.drain()
            for event in self.session.events():
                if isinstance(event, SessionFailed):
                    self.failed.append(event)
                elif isinstance(event, StreamNotice):
                    self.notices.append(event)
            time.sleep(0.01)

    def element(self, factory: str, *, of_audio: bool) -> Any:
        """The one of ``factory``'s elements that serves audio, or the one that does not."""
        pipeline = self.session.pipeline
        assert pipeline is not None
        assert pipeline._audio is not None
        kin = pipeline._audio.kin
        return next(e for e in pipeline.elements(factory) if (e.get_name() in kin) is of_audio)

    def kinds(self) -> list[NoticeKind]:
        return [n.kind for n in self.notices if n.kind in (NoticeKind.AUDIO_FAILED, NoticeKind.AUDIO_BACK)]

    def missing(self) -> list[int]:
        """Frames of the camera that lie between those that came and did not come."""
        numbers = [f.n for unit in self.units if unit.track is Track.VIDEO for f in find_frames(unit.data)]
        return sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))


def post(element: Any, domain: int, code: int) -> None:
    element.post_message(Gst.Message.new_error(element, GLib.Error.new_literal(domain, "made", code), "on purpose"))


def goes_on_without_loss(seen: Capture) -> None:
    """Audio fails, is said to, and comes back, and all the while every picture comes."""
    seen.until(lambda: NoticeKind.AUDIO_FAILED in seen.kinds(), "the failure is said")
    frames = seen.of(Track.VIDEO)
    seen.until(lambda: NoticeKind.AUDIO_BACK in seen.kinds(), "audio is back")
    assert seen.of(Track.VIDEO) > frames
    heard = seen.of(Track.AUDIO)
    seen.until(lambda: seen.of(Track.AUDIO) > heard + 5, "audio goes on")
    assert seen.kinds() == [NoticeKind.AUDIO_FAILED, NoticeKind.AUDIO_BACK]
    assert seen.failed == []
    assert seen.missing() == []
    assert len({unit.epoch for unit in seen.units}) == 1


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("factory", ["appsink", "rtpjitterbuffer"])
def test_an_error_of_audio_costs_audio_only(camera: LabCameras, transport: Transport, factory: str) -> None:
    seen = Capture(camera.urls[0], transport)
    with closing(seen.session):
        assert seen.session.pipeline is not None
        assert seen.session.pipeline._audio is not None
        inside = seen.element("rtpjitterbuffer", of_audio=True)  # made by rtspsrc, which has one for each stream
        element = inside if factory == "rtpjitterbuffer" else seen.session.pipeline._audio.sink
        post(element, STREAM if factory == "appsink" else RESOURCE, int(Gst.ResourceError.READ))
        goes_on_without_loss(seen)
    assert join_disposals(5)


def test_an_element_of_audio_that_really_fails_does_not_stop_what_feeds_it(
    camera: LabCameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It posts an error and returns one, which rtspsrc would answer by ending everything.
    more = {name: ((*factories, "identity"), caps) for name, (factories, caps) in pipeline_module._AUDIO.items()}
    monkeypatch.setattr(pipeline_module, "_AUDIO", more)
    fuses = iter([30])

    def make_breaking(name: str, **properties: Any) -> Any:
        return make(name, **properties, **({"error_after": next(fuses, -1)} if name == "identity" else {}))

    monkeypatch.setattr(audio_branch, "make", make_breaking)
    seen = Capture(camera.urls[0])
    with closing(seen.session):
        goes_on_without_loss(seen)
        assert "identity" in next(n.text for n in seen.notices if n.kind is NoticeKind.AUDIO_FAILED)
    assert join_disposals(5)


def test_audio_that_fails_again_and_again_is_tried_ever_more_rarely(camera: LabCameras) -> None:
    seen = Capture(camera.urls[0])
    with closing(seen.session):
        for times in (1, 2):
            assert seen.session.pipeline is not None
            assert seen.session.pipeline._audio is not None
            sink = seen.session.pipeline._audio.sink
            # The second one is of the bin that is on its way out already: no news.
            post(sink, STREAM, int(Gst.StreamError.FORMAT))
            post(sink, STREAM, int(Gst.StreamError.FAILED))
            seen.until(partial(lambda n: seen.kinds().count(NoticeKind.AUDIO_BACK) == n, times), "back")
    assert [n.text.rpartition("; ")[2] for n in seen.notices if n.kind is NoticeKind.AUDIO_FAILED] == [
        "again in 1 s",
        "again in 2 s",
    ]
    assert seen.missing() == []


@pytest.mark.parametrize("factory", ["rtpjitterbuffer", "rtph264depay", "rtspsrc"])
def test_an_error_of_video_or_of_the_session_ends_the_session(camera: LabCameras, factory: str) -> None:
    seen = Capture(camera.urls[0])
    with closing(seen.session):
        post(seen.element(factory, of_audio=False), RESOURCE, int(Gst.ResourceError.READ))
        seen.until(lambda: seen.failed != [], "the end")
    assert seen.failed[0].kind is FailureKind.RESET
    assert seen.failed[0].detail.element == factory
    assert seen.kinds() == []


def _session(rig: Rig) -> GstCaptureSession:
    """That of the only camera, which the rig's own process records."""
    recorder = rig.supervisor.children["recorder-0"]
    assert isinstance(recorder, InProcessRecorder)
    assert recorder._recorder is not None
    claimed = recorder._recorder.cameras["cam_01"].streams[Stream.MAIN]._session
    assert isinstance(claimed, ClaimedSession)
    assert isinstance(claimed.inner, GstCaptureSession)
    return claimed.inner


def _notices(rig: Rig) -> list[str]:
    return [e.text for e in rig.events(Notice) if isinstance(e, Notice) and e.text.startswith("audio_")]


def test_a_recording_loses_no_frame_to_audio_and_is_resumed_after_an_error_of_video(
    camera: LabCameras, tmp_path: Path
) -> None:
    async def scenario() -> None:
        own = {"cam_01": 'receiver = "rtspsrc"\n'}
        async with Rig(tmp_path, {"cam_01": camera.urls[0]}, own=own, in_process=True) as rig:
            await rig.recorded(["cam_01"], 1.5)
            pipeline = _session(rig).pipeline
            assert pipeline is not None
            assert pipeline._audio is not None
            post(pipeline._audio.sink, STREAM, int(Gst.StreamError.FAILED))
            await rig.until(lambda: _notices(rig) == ["audio_failed", "audio_back"], 15, "audio is back")
            await rig.recorded(["cam_01"], 1.5)
            assert _session(rig).pipeline is pipeline
            assert_every_frame_once(rig.files(), cameras=["cam_01"], at_least=50, not_sent=camera.not_sent)
            (video,) = pipeline.elements("rtph264depay")
            post(video, RESOURCE, int(Gst.ResourceError.READ))
            await rig.until(lambda: "waiting" in _states(rig), 5, "the session is given up")
            await rig.recorded(["cam_01"], 1.5)
            assert _session(rig).pipeline is not pipeline
        assert _states(rig)[:5] == ["connecting", "receiving", "connected", "waiting", "reconnecting"]
        (report,) = audit_files(rig.ranges()).cameras.values()
        assert not report.doubled
        assert len(report.missing) == 1

    asyncio.run(scenario())


def _states(rig: Rig) -> list[str]:
    return [e.state for e in rig.events(CameraStateChanged) if isinstance(e, CameraStateChanged)]
