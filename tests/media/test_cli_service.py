"""The program as a person runs it: a real service, real cameras, real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evertape.config.load import load
from evertape.mp4.model import iso_utc
from evertape_lab import LabCameras
from evertape_lab.audit import assert_every_frame_once

EVERTAPE = [sys.executable, "-m", "evertape.cli.main"]
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
ENV.pop("EVERTAPE_DATA", None)
STOP_S = 5.0


def until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.05)


class Service:
    """``evertape serve`` on a data directory of its own, and the other verbs on it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process: subprocess.Popen[bytes] | None = None

    def verb(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [*EVERTAPE, "--data", str(self.data), *arguments]
        done = subprocess.run(command, env=ENV, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.verb(*arguments, "--json", code=code).stdout)

    def start(self) -> None:
        with (self.data / "serve.log").open("ab") as log:
            self.process = subprocess.Popen([*EVERTAPE, "serve", "--data", str(self.data)], env=ENV, stderr=log)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def camera(self, name: str) -> dict[str, Any]:
        """What ``status`` says of one camera; empty while it says nothing."""
        done = subprocess.run(
            [*EVERTAPE, "status", "--json", "--data", str(self.data)], env=ENV, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        cameras = json.loads(done.stdout)["cameras"] if done.returncode == 0 else []
        return next((camera for camera in cameras if camera["id"] == name), {})

    def recording(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.camera(name).get("recording", {})
        return found

    def frames(self, name: str) -> int:
        return int(self.recording(name).get("frames", 0))

    def until_recording(self, *names: str) -> None:
        until(lambda: all(self.frames(name) for name in names), f"{', '.join(names)} are recorded")

    def until_more(self, name: str, frames: int = 25) -> None:
        wanted = self.frames(name) + frames
        until(lambda: self.frames(name) >= wanted, f"more of {name} is recorded")

    def log(self) -> str:
        return (self.data / "serve.log").read_text()

    def files(self, camera: str = "") -> list[Path]:
        return sorted((self.data / "recordings" / camera).rglob("*.mp4"))


@pytest.fixture(scope="module")
def lab() -> Iterator[LabCameras]:
    with LabCameras(3, user="viewer", password="s3cret") as cameras:
        yield cameras


@pytest.fixture
def service(tmp_path: Path, lab: LabCameras) -> Iterator[Service]:
    """A running service that records the first two cameras."""
    running = Service(tmp_path / "data")
    running.data.mkdir()
    cameras = "".join(f'[cameras.cam_0{n + 1}]\nurl = "{lab.urls[n]}"\n' for n in range(2))
    (running.data / "evertape.toml").write_text(f"[hub]\nenabled = false\n[recording]\nalign = false\n{cameras}")
    running.start()
    try:
        running.until_recording("cam_01", "cam_02")
        yield running
    finally:
        if running.process is not None and running.process.poll() is None:
            running.stop()


def ffprobe(path: Path) -> dict[str, Any]:
    """What ffprobe says of a file that it must open without a warning."""
    command = ["ffprobe", "-v", "warning", "-of", "json", "-show_streams", "-show_format", "-count_packets", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_service_records_says_so_and_stops_in_time(service: Service, lab: LabCameras) -> None:
    status = service.json("status")
    assert [camera["id"] for camera in status["cameras"]] == ["cam_01", "cam_02"]
    for camera in status["cameras"]:
        assert camera["recording"]["state"] == "recording"
        assert camera["streams"][0]["codec"] == "h264"
        assert {"fps", "bitrate", "ring_s", "viewers"} <= camera["streams"][0].keys()
        assert {"recorded_s", "segments", "durable_age_s", "frames_lost", "volume"} <= camera["recording"].keys()
    assert status["volumes"][0]["state"] == "online"
    assert status["volumes"][0]["free"] > 0
    table = service.verb("status").stdout
    assert "cam_02" in table
    assert "recording" in table
    assert service.json("volume", "check")["volumes"][0]["seen_by"] == "service"
    assert "runs already" in service.verb("serve", code=2).stderr
    service.until_more("cam_01")
    assert service.stop() == 0
    service.verb("status", code=3)
    assert_every_frame_once(service.files(), cameras=["cam_01", "cam_02"], at_least=25, not_sent=lab.not_sent)
    assert "s3cret" not in service.log()


def test_a_stop_makes_the_file_readable_at_once_and_survives_a_restart(service: Service) -> None:
    service.verb("record", "stop", "cam_01")
    until(lambda: service.recording("cam_01")["state"] == "stopped", "the recording stops")
    (file,) = service.files("cam_01")
    recorded = service.frames("cam_01")
    assert int(ffprobe(file)["streams"][0]["nb_read_packets"]) == recorded
    service.until_more("cam_02")
    assert service.stop() == 0
    service.start()
    service.until_recording("cam_02")
    assert service.recording("cam_01")["state"] == "stopped"
    assert service.files("cam_01") == [file]
    assert service.json("record", "start", "--all")["cameras"] == ["cam_01", "cam_02"]
    service.until_recording("cam_01")


def test_a_camera_comes_and_goes_and_no_other_notices(service: Service, lab: LabCameras) -> None:
    before = service.camera("cam_01")
    answer = service.json("camera", "add", "cam_03", lab.urls[2], "--name", "Third")
    assert answer["in_force"] is True
    assert answer["probe"]["codec"] == "h264"
    assert (answer["probe"]["width"], answer["probe"]["fps"], answer["probe"]["gop"]) == (640, 25.0, 25)
    assert answer["probe"]["clock_source"] == "rtcp"
    service.until_recording("cam_03")
    listed = {camera["id"]: camera for camera in service.json("camera", "list")["cameras"]}
    assert listed["cam_03"]["live"]["recording"]["state"] == "recording"
    assert "s3cret" not in json.dumps(listed)
    service.verb("camera", "remove", "cam_03")
    until(lambda: not service.camera("cam_03"), "the camera is gone")
    after = service.camera("cam_01")
    assert after["streams"][0]["units"] > before["streams"][0]["units"]
    assert after["recording"]["segments"] == before["recording"]["segments"]
    for name in ("cam_01", "cam_03"):
        assert service.files(name)


def test_commands_reach_a_camera(service: Service) -> None:
    segments = service.recording("cam_01")["segments"]
    service.verb("camera", "split", "cam_01")
    until(lambda: service.recording("cam_01")["segments"] > segments, "a new file")
    service.verb("camera", "restart-writer", "cam_01")
    service.verb("camera", "restart", "cam_01")
    service.until_more("cam_01")
    assert "there is no camera 'cam_09'" in service.verb("camera", "restart", "cam_09", code=2).stderr


def test_a_changed_config_is_taken_up_and_a_broken_one_is_not(service: Service) -> None:
    config = service.data / "evertape.toml"
    segments = service.recording("cam_01")["segments"]
    assert service.json("config", "set", "recording.rotation", "2s")["in_force"] is True
    until(lambda: service.recording("cam_01")["segments"] > segments + 1, "files of 2 s")
    good = config.read_text()
    config.write_text(good + "\n[recrding]\n")
    until(lambda: "is refused, the old one stays in force" in service.log(), "the broken one is refused")
    service.verb("config", "check", code=2)
    segments = service.recording("cam_01")["segments"]
    until(lambda: service.recording("cam_01")["segments"] > segments, "still files of 2 s")
    config.write_text(good.replace('"2s"', '"3s"'))
    assert service.process is not None
    service.process.send_signal(signal.SIGHUP)
    until(lambda: service.log().count("reloaded; changed: recording") == 2, "the repaired one is taken up")
    assert load(config).config.recording.rotation == 3_000_000_000


def test_footage_is_listed_and_exported_while_it_is_written(service: Service, tmp_path: Path) -> None:
    service.verb("camera", "split", "cam_01")
    service.until_more("cam_01", 75)
    answer = service.json("timeline", "cam_01", "--from", "10m ago")
    assert answer["recorded"][-1]["seconds"] > 2
    assert {gap["cause"] for gap in answer["gaps"]} <= {"starting"}
    assert all(gap["explanation"] for gap in answer["gaps"])
    assert answer["unexplained_s"] == 0
    assert "recorded" in service.verb("timeline", "cam_01").stdout
    out = tmp_path / "out.mp4"
    (file,) = service.json("export", "cam_01", "--from", "10m ago", "-o", str(out))["files"]
    assert file["gaps"] == []
    found = ffprobe(out)
    assert int(found["streams"][0]["nb_read_packets"]) == file["frames"] >= 75
    assert float(found["format"]["duration"]) == pytest.approx(file["seconds"], abs=0.1)
    assert out.read_bytes()[:4096].find(b"moov") > 0
    assert_every_frame_once([out], cameras=["cam_01"], at_least=75)
    assert "is there already" in service.verb("export", "cam_01", "--from", "10m ago", "-o", str(out), code=2).stderr
    # A second that begins between two keyframes is given from the first of them on.
    begin, end = (iso_utc(file["start_utc"] + offset) for offset in (1_500_000_000, 2_500_000_000))
    (part,) = service.json("export", "cam_01", "--from", begin, "--to", end, "-o", str(out), "--force")["files"]
    assert 25 <= part["frames"] <= 50
    assert ffprobe(out)["streams"][0]["nb_read_packets"] == str(part["frames"])
    assert not list(tmp_path.glob(".*part"))
    no_footage = service.verb("export", "cam_01", "--from", "3h ago", "--to", "2h ago", "-o", "x.mp4", code=2)
    assert "there is no footage" in no_footage.stderr
    assert service.stop() == 0
    recorded = service.json("timeline", "cam_01")["recorded"]
    assert sum(span["seconds"] for span in recorded) >= answer["recorded"][-1]["seconds"]
    assert set(map(Path, recorded[-1]["files"])) == set(service.files("cam_01"))
    audit = service.json("audit")
    assert (audit["ok"], audit["files"], audit["cameras"]["cam_01"]["unexplained_s"]) == (True, len(service.files()), 0)
    index = service.data / "index.sqlite3"
    for damage in (index.unlink, lambda: index.write_bytes(b"this is no database")):
        damage()
        assert service.json("timeline", "cam_01")["recorded"] == recorded


def test_an_audit_passes_while_recording_and_finds_a_damaged_file(service: Service) -> None:
    service.verb("camera", "split", "cam_01")
    until(lambda: len(service.files("cam_01")) == 2, "a second file")
    service.until_more("cam_01")
    assert service.json("audit")["findings"] == []
    assert "everything matches" in service.verb("audit").stdout
    assert service.stop() == 0
    victim = service.files("cam_01")[0]
    victim.write_bytes(victim.read_bytes()[:-1000])
    audit = service.json("audit", code=1)
    assert [finding["path"] for finding in audit["findings"] if finding["serious"]] == [
        str(victim.relative_to(service.data / "recordings"))
    ]
    assert "what does not match: 1" in service.verb("audit", code=1).stdout


@pytest.mark.timed
def test_a_demo_records_every_frame_and_takes_its_directory_away() -> None:
    done = subprocess.run(
        [*EVERTAPE, "demo", "--seconds", "8", "--json"],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["ok"], summary["problems"]) == (0, True, []), done.stderr
    assert len(summary["cameras"]) == 4
    for camera in summary["cameras"]:
        assert camera["recorded"] > 100
        assert camera["received"] >= camera["recorded"]
        assert (camera["missing"], camera["doubled"], camera["gaps"]) == (0, 0, [])
    assert summary["first_frame_s"] < 5
    assert summary["hub"].startswith("http://127.0.0.1:")
    assert not Path(summary["data"]).exists()


def test_an_interrupted_demo_finishes_its_files_and_keeps_a_chosen_directory(tmp_path: Path) -> None:
    command = [*EVERTAPE, "demo", "--cameras", "2", "--data", str(tmp_path / "data")]
    process = subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        until(lambda: sum(file.stat().st_size > 100_000 for file in tmp_path.rglob("*.mp4")) == 2, "the demo records")
        # As Ctrl-C does it: to the whole group, the cameras included.
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=15)
    finally:
        process.kill()
    assert process.returncode == 0, out
    assert "0 missing, 0 doubled" in out
    for file in tmp_path.rglob("*.mp4"):
        ffprobe(file)
    service = Service(tmp_path / "data")
    assert {camera["id"] for camera in service.json("camera", "list")["cameras"]} == {"cam_01", "cam_02"}
