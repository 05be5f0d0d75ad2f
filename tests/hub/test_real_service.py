"""The hub of a real service, with real cameras, as a browser uses it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evertape.hub.api.times import instant as instant_of
from evertape.hub.api.times import parse_instant
from evertape.types import NS_PER_S
from evertape_lab import LabCameras
from evertape_lab.audit import assert_every_frame_once
from hub.served_hub import ServedHub, pictures, until

needs_ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHub]:
    with LabCameras(3, user="viewer", password="s3cret") as lab:
        cameras = "".join(f'[cameras.cam_0{n + 1}]\nurl = "{lab.urls[n]}"\n' for n in range(2))
        served = ServedHub(tmp_path_factory.mktemp("hub") / "data", cameras)
        served.spare = lab.urls[2]
        served.start()
        try:
            served.log_in()
            until(lambda: served.frames("cam_01") > 100 and served.frames("cam_02") > 100, "both are recorded")
            yield served
        finally:
            served.stop()


def window(hub: ServedHub) -> dict[str, str]:
    now = hub.get("/status")["now"]
    return {"start": now[:10] + "T00:00:00Z", "end": now}


def parts(hub: ServedHub, camera: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hub.get(f"/cameras/{camera}/segments", **window(hub))["parts"]
    return found


def closed(hub: ServedHub, camera: str) -> list[dict[str, Any]]:
    return [part for part in parts(hub, camera) if part["segment"]["state"] == "closed"]


def test_the_state_has_everything_and_no_password(hub: ServedHub) -> None:
    state = hub.get("/status")
    assert [camera["id"] for camera in state["cameras"]] == ["cam_01", "cam_02"]
    assert [camera["recording"]["state"] for camera in state["cameras"]] == ["recording"] * 2
    assert state["volumes"][0]["usable"] and state["volumes"][0]["total"] > 0
    assert {"hub", "keeper", "recorder-0"} <= {process["name"] for process in state["processes"]}
    assert hub.get("/health")["ok"]
    for path in ("/status", "/cameras", "/config", "/events", "/health"):
        assert "s3cret" not in hub.http.get(path).text


def test_recording_is_stopped_and_started_and_the_gap_says_so(hub: ServedHub) -> None:
    assert hub.post("/cameras/cam_02/recording", {"wanted": False}) == {"cameras": ["cam_02"], "wanted": False}
    until(lambda: hub.camera("cam_02")["recording"]["state"] != "recording", "it has stopped")
    stopped = hub.camera("cam_02")["recording"]["durable_until"]
    # Recording begins with what is in memory, so the middle of the gap is well before it is wanted again.
    instant = instant_of(parse_instant(stopped) + NS_PER_S)
    until(lambda: parse_instant(hub.get("/status")["now"]) > parse_instant(stopped) + 4 * NS_PER_S, "a moment passes")
    assert hub.post("/recording", {"wanted": True, "cameras": ["cam_02"]})["wanted"]
    frames = hub.frames("cam_02")
    until(lambda: hub.frames("cam_02") > frames + 30, "it is recorded again")
    # What is new reaches the index within a second or so.
    at = until(
        lambda: (found := hub.get("/cameras/cam_02/at", t=instant))["kind"] == "gap" and found["next"] and found,
        "the gap is known, and where footage goes on",
    )
    assert at["gap"]["cause"] == "stopped_by_person" and at["gap"]["on_purpose"]
    assert at["gap"]["start"] <= instant < at["gap"]["end"] <= at["next"]
    assert hub.get("/cameras/cam_02/at", t=at["next"])["kind"] == "recorded"
    spans = hub.get("/timeline", camera="cam_02", **window(hub))["cameras"][0]["spans"]
    assert [span["kind"] for span in spans if span["cause"] != "starting"] == ["recorded", "gap", "recorded"]
    gaps = hub.get("/ledger", camera="cam_02", on_purpose=True, **window(hub))["gaps"]
    assert "stopped_by_person" in {gap["cause"] for gap in gaps}


@needs_ffprobe
def test_byte_ranges_of_a_segment_play(hub: ServedHub, tmp_path: Path) -> None:
    part = until(lambda: closed(hub, "cam_01"), "a file is finished")[0]
    segment = part["segment"]["id"]
    found = hub.get(f"/segments/{segment}/fragments")
    assert found["closed"] and found["mime"].startswith('video/mp4; codecs="avc1.')
    whole = hub.http.get(f"/segments/{segment}/file")
    assert whole.status_code == 200 and len(whole.content) == part["segment"]["bytes"]
    begin = next(n for n, one in enumerate(found["fragments"]) if n and one["key"])
    chosen = found["fragments"][begin:]
    ranges = [(0, found["head"]), *((one["offset"], one["offset"] + one["size"]) for one in chosen)]
    data = b""
    for first, end in ranges:
        answer = hub.http.get(f"/segments/{segment}/file", headers={"Range": f"bytes={first}-{end - 1}"})
        assert answer.status_code == 206
        assert answer.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(whole.content)}"
        data += answer.content
    (tmp_path / "range.mp4").write_bytes(data)
    assert pictures(tmp_path / "range.mp4") == sum(one["pictures"] for one in chosen)
    again = hub.http.get(f"/segments/{segment}/file", headers={"If-None-Match": whole.headers["ETag"]})
    assert again.status_code == 304


@needs_ffprobe
def test_an_export_becomes_a_file_that_plays(hub: ServedHub, tmp_path: Path) -> None:
    part = until(lambda: closed(hub, "cam_01"), "a file is finished")[0]
    order = {"cameras": ["cam_01"], "start": part["start"], "end": part["end"]}
    job = hub.post("/exports", order, code=202)
    done = until(
        lambda: (found := hub.get(f"/exports/{job['id']}"))["state"] in ("done", "failed") and found, "it is exported"
    )
    assert done["state"] == "done", done["error"]
    assert done["progress"] == 1 and done["file"].endswith(".mp4")
    answer = hub.http.get(f"/exports/{job['id']}/file")
    assert len(answer.content) == done["bytes"]
    (tmp_path / "export.mp4").write_bytes(answer.content)
    assert pictures(tmp_path / "export.mp4") > 20
    assert hub.http.delete(f"/exports/{job['id']}").status_code == 204
    assert not (hub.data / "exports" / job["id"]).exists()


def test_a_bundle_of_two_cameras_has_what_proves_it(hub: ServedHub, tmp_path: Path) -> None:
    part = until(lambda: closed(hub, "cam_01"), "a file is finished")[0]
    order = {"cameras": ["cam_01", "cam_02"], "start": part["start"], "end": part["end"], "bundle": True}
    job = hub.post("/exports", order, code=202)
    done = until(
        lambda: (found := hub.get(f"/exports/{job['id']}"))["state"] in ("done", "failed") and found, "it is exported"
    )
    assert done["state"] == "done", done["error"]
    (tmp_path / "all.zip").write_bytes(hub.http.get(f"/exports/{job['id']}/file").content)
    shutil.unpack_archive(tmp_path / "all.zip", tmp_path / "all")
    made = sorted((tmp_path / "all").iterdir())
    assert [file.name.partition("-")[0] for file in made] == ["cam_01", "cam_02"]
    from evertape.evidence.verify import verify

    assert [verify(file).problems for file in made] == [[], []]


def test_pictures_of_now_and_of_then(hub: ServedHub) -> None:
    part = until(lambda: closed(hub, "cam_01"), "a file is finished")[0]
    for query in ({}, {"at": part["end"][:19] + "Z", "width": 160}):
        if query and query["at"] < part["start"]:
            query["at"] = part["start"]
        answer = hub.http.get("/cameras/cam_01/snapshot.jpg", params=query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/jpeg" and answer.content[:2] == b"\xff\xd8"
    missing = hub.http.get("/cameras/cam_01/snapshot.jpg", params={"at": "2001-01-01T00:00:00Z"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "no_footage")


def test_footage_is_protected_and_let_go(hub: ServedHub) -> None:
    part = until(lambda: closed(hub, "cam_01"), "a file is finished")[0]
    body = {"camera": "cam_01", "start": part["start"], "end": part["end"], "why": "a test"}
    made = hub.post("/protections", body, code=201)
    assert made["on_record"] and made["files"] >= 1
    until(lambda: [p["id"] for p in hub.get("/protections")["protections"]] == [made["id"]], "it is in the index")
    assert hub.http.delete(f"/protections/{made['id']}").status_code == 200
    until(lambda: not hub.get("/protections")["protections"], "it is gone")
    assert hub.get("/retention/plan")["files"] == 0
    assert hub.get("/retention/plan", max_age="1ms")["files"] >= 1


def test_a_camera_is_looked_at_added_changed_and_removed(hub: ServedHub) -> None:
    url = hub.spare
    seen = hub.post("/cameras/probe", {"url": url})
    assert seen["ok"] and seen["codec"] == "h264" and seen["width"] > 0
    away = hub.post("/cameras/probe", {"url": "rtsp://127.0.0.1:9/nothing"})
    assert not away["ok"] and away["error"]
    added = hub.post("/cameras", {"id": "extra", "url": url, "record": False, "settings": {"latency": "1s"}}, code=201)
    assert added["in_force"] and added["changed"] == ["cameras.extra"]
    until(lambda: hub.camera("extra")["streams"][:1] and hub.camera("extra")["streams"][0]["frames"], "it is received")
    assert hub.post("/cameras", {"id": "extra", "url": url}, code=409)["error"]["code"] == "camera_exists"
    refused = hub.http.patch("/cameras/extra", json={"latency": "1 year"})
    assert refused.status_code == 422 and refused.json()["error"]["code"] == "config_invalid"
    assert hub.http.patch("/cameras/extra", json={"name": "Another"}).json()["in_force"]
    until(lambda: hub.camera("extra")["name"] == "Another", "it has its name")
    assert hub.http.delete("/cameras/extra").json()["in_force"]
    until(lambda: hub.http.get("/cameras/extra").status_code == 404, "it is gone")
    assert "# A comment that has to survive." in (hub.data / "evertape.toml").read_text()


def test_a_killed_hub_costs_no_frame_and_is_back(hub: ServedHub) -> None:
    before = hub.pid("hub")
    os.kill(before, signal.SIGKILL)
    until(lambda: hub.pid("hub") not in (0, before), "another one is started")
    hub.follow()
    assert hub.get("/status")["cameras"][0]["id"] == "cam_01", "whoever was logged in still is"
    frames = hub.frames("cam_01")
    until(lambda: hub.frames("cam_01") > frames + 30, "recording goes on")
    hub.post("/cameras/cam_01/recording", {"wanted": False})
    until(lambda: hub.camera("cam_01")["recording"]["state"] != "recording", "it has stopped")
    mine = [file for file in hub.files() if "cam_01" in str(file)]
    assert_every_frame_once(mine, cameras=["cam_01"], at_least=100)
    assert "Traceback" not in hub.log()
