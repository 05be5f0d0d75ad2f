"""A range across rotations, a gap and a spill, exported and bundled: every frame once, and proof of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evertape.media.decode_check import decode_problem
from evertape_lab import LabCameras
from evertape_lab.audit import assert_every_frame_once, scan_file

EVERTAPE = [sys.executable, "-m", "evertape.cli.main"]
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}


class Place:
    """A service with a primary and a spill volume."""

    def __init__(self, folder: Path, url: str) -> None:
        self.data, self.home, self.spill = (folder / name for name in ("data", "home", "spill"))
        for path in (self.data, self.home, self.spill):
            path.mkdir()
        volumes = "".join(
            f'[volumes.{path.name}]\npath = "{path}"\nrole = "{role}"\nmount = false\n'
            for path, role in ((self.home, "primary"), (self.spill, "spill"))
        )
        (self.data / "evertape.toml").write_text(
            "[hub]\nenabled = false\n"
            '[storage]\nmin_record_free = "1MB"\nresume_free = "1MB"\nprobe_interval = "500ms"\n'
            '[recording]\nrotation = "2s"\nalign = false\n[retention]\nstart_free = "1MB"\nstart_percent = 0.0\n'
            f'[cameras.door]\nurl = "{url}"\n{volumes}'
        )

    def verb(self, *arguments: str, code: int | None = 0) -> Any:
        command = [*EVERTAPE, "--data", str(self.data), *arguments, "--json"]
        done = subprocess.run(command, env=ENV, capture_output=True, text=True, timeout=60, check=False)
        assert code in (None, done.returncode), done.stdout + done.stderr
        return json.loads(done.stdout)

    def until(self, condition: Callable[[dict[str, Any]], bool], what: str) -> None:
        """Poll the camera's recording."""
        deadline = time.monotonic() + 25
        while True:
            done = subprocess.run(
                [*EVERTAPE, "--data", str(self.data), "status", "--json"], env=ENV, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            now = json.loads(done.stdout)["cameras"] if done.returncode == 0 else []
            if now and condition(now[0]["recording"]):
                return
            assert time.monotonic() < deadline, f"{what}: {now}"
            time.sleep(0.1)

    def more(self, frames: int, volume: str) -> None:
        """So many frames more, with the newest on this volume."""
        begun: list[int] = []

        def there(recording: dict[str, Any]) -> bool:
            if recording["state"] != "recording" or recording["volume"] != volume:
                return False
            begun.append(recording["frames"])
            return bool(recording["frames"] >= begun[0] + frames)

        self.until(there, f"{frames} frames on {volume}")

    def segments(self) -> list[Path]:
        return sorted([*self.home.glob("door/*/*.mp4"), *self.spill.glob("door/*/*.mp4")])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Rotations, a stop of three seconds or so, and a primary that was away; nothing runs any more."""
    folder = tmp_path_factory.mktemp("bundle")
    with LabCameras(1) as lab, (folder / "log").open("wb") as log:
        place = Place(folder, lab.urls[0])
        process = subprocess.Popen([*EVERTAPE, "serve", "--data", str(place.data)], env=ENV, stderr=log)
        try:
            place.more(120, "home")
            place.verb("record", "stop", "door")
            place.until(lambda recording: recording["state"] == "stopped", "it is stopped")
            place.verb("record", "start", "door")
            place.more(30, "home")
            os.rename(place.home, folder / "away")
            place.more(75, "spill")
            process.terminate()
            process.wait(15)
            # Only now: else all would come home, and there were no spill to export from.
            shutil.rmtree(place.home, ignore_errors=True)
            os.rename(folder / "away", place.home)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(10)
        yield place


def test_every_frame_of_a_range_with_all_that_can_happen_is_exported_once(recorded: Place, tmp_path: Path) -> None:
    assert list(recorded.spill.glob("door/*/*.mp4"))
    assert len(recorded.segments()) >= 5
    out = tmp_path / "out.mp4"
    answer = recorded.verb("export", "door", "--from", "10m ago", "-o", str(out))
    given = [frame.n for file in answer["files"] for frame in scan_file(file["path"])]
    held = {frame.n for path in recorded.segments() for frame in scan_file(path)}
    assert len(held) >= 225
    assert given == sorted(held)
    assert recorded.verb("verify", str(out))["ok"]
    assert_every_frame_once([recorded.segments()[0]], cameras=["cam_01"], at_least=25)


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_a_bundle_has_all_of_it_with_the_ledger_and_verifies_without_the_installation(
    recorded: Place, tmp_path: Path, name: str
) -> None:
    target = tmp_path / name
    made = recorded.verb("export", "door", "--from", "10m ago", "--bundle", "-o", str(target))
    key = recorded.verb("key", "show")
    assert made["fingerprint"] == key["fingerprint"]
    assert "stopped_by_person" in {entry["cause"] for entry in made["ledger"]}
    assert {one["volume"] for one in made["segments"]} == {"home", "spill"}
    assert {one["segment"] for one in made["segments"] if not one["hash"]} == {
        one["segment"] for one in made["segments"] if one["state"] == "open"
    }, "every finished file was hashed as it was written, and only those"
    assert sum(one["state"] == "closed" for one in made["segments"]) >= 5
    assert all(one["hash"] == one["found"] for one in made["segments"])
    parts = [part for file in made["files"] for part in file["parts"]]
    assert sum(part["last_video"] - part["first_video"] + 1 for part in parts) == made["files"][0]["pictures"]
    command = [*EVERTAPE, "--data", str(tmp_path / "nowhere"), "verify", str(target), "--fingerprint"]
    good = subprocess.run([*command, key["fingerprint"]], env=ENV, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "and no more" in good.stdout
    bad = subprocess.run([*command, "00" * 32], env=ENV, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "✗ it is signed with another key" in bad.stdout
    assert recorded.verb("export", "door", "--from", "10m ago", "--bundle", "-o", str(target), "--force")["files"]
    assert recorded.verb("export", "door", "--from", "10m ago", "--bundle", "-o", str(target), code=2)


def test_what_a_scrub_finds_is_left_out_of_nothing_that_is_well(recorded: Place) -> None:
    answer = recorded.verb("scrub", "--sample-decode", "2")
    assert (answer["ok"], answer["unhashed"], answer["away"]) == (True, 0, 0)
    assert len(recorded.segments()) - 1 <= answer["files"] <= answer["decoded"] * 2  # one may be unfinished
    before = [one for one in recorded.verb("audit", code=None)["findings"] if one["serious"]]
    assert {one["kind"] for one in before} <= {"unfinished"}
    path = recorded.segments()[1]
    whole = path.read_bytes()
    try:
        at = len(whole) // 2
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        answer = recorded.verb("scrub", "--camera", "door", "--volume", "home", code=1)
        assert [hurt["path"] for hurt in answer["damaged"]] == [str(path.relative_to(recorded.home))]
        (lost,) = answer["damaged"][0]["lost"]
        assert 1 <= lost["last_video"] - lost["first_video"] + 1 <= 13, "half a second"
        after = [one for one in recorded.verb("audit", code=1)["findings"] if one["serious"]]
        assert [one["kind"] for one in after if one not in before] == ["changed"]
    finally:
        path.write_bytes(whole)


def test_a_file_with_a_picture_that_cannot_be_decoded_is_told(recorded: Place, tmp_path: Path) -> None:
    whole = recorded.segments()[0]
    assert decode_problem(whole) == ""
    copy = tmp_path / "copy.mp4"
    data = bytearray(whole.read_bytes())
    begin = data.index(b"mdat") + 4
    data[begin : begin + 4000] = bytes(4000)
    copy.write_bytes(bytes(data))
    assert decode_problem(copy) != ""
