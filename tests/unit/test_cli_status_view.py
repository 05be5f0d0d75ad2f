from __future__ import annotations

import io
from typing import Any

import msgspec
from rich.console import Console

from evertape.cli.status_view import ServiceStatus, status_lines, status_table
from evertape.ipc.messages import CameraInfo, HomecomingNews, RecordingInfo, StreamInfo, VolumeInfo, VolumeTidy

FRONT = CameraInfo(
    id="front",
    name="Front door",
    streams=(
        StreamInfo(stream="sub", state="idle"),
        StreamInfo(stream="main", state="connected", fps=25.0, bitrate=4.2e6, ring_s=42.0, ring_bytes=21_000_000),
    ),
    recording=RecordingInfo(
        wanted=True, state="recording", volume="usb", segments=3, recorded_s=3725.0, durable_age_s=0.44
    ),
)
BACK = CameraInfo(
    id="back",
    name="back",
    streams=(StreamInfo(stream="main", state="reconnecting", reason="camera_unreachable", retry_in_s=7.4),),
    recording=RecordingInfo(wanted=True, state="waiting", reason="camera_unreachable"),
)


def status(*cameras: CameraInfo, waiting: tuple[str, ...] = ()) -> ServiceStatus:
    volumes = (
        VolumeInfo(name="usb", role="primary", path="/media/usb", state="online", free=5 * 10**10, total=10**12),
        VolumeInfo(name="nas", role="spill", path="/mnt/nas", state="not_mounted", reason="nothing is mounted there"),
    )
    raw: dict[str, Any] = {
        "service": "x", "started_utc": 0, "now_utc": 90 * 10**9, "waiting": list(waiting),
        "cameras": [msgspec.to_builtins(camera) for camera in cameras],
        "volumes": [msgspec.to_builtins(volume) for volume in volumes],
        "ring": {"bytes": 21_000_000, "budget": 1 << 30},
    }  # fmt: skip
    return ServiceStatus.parse(raw)


def shown(found: ServiceStatus) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=200).print(status_table(found))
    return out.getvalue().splitlines()


def test_json_has_every_field_also_those_at_their_default() -> None:
    answer = status(BACK).as_json()
    assert answer["running"] is True
    assert answer["cameras"][0]["recording"]["frames"] == 0
    assert answer["cameras"][0]["recording"]["durable_age_s"] is None
    assert answer["cameras"][0]["streams"][0]["viewers"] == 0
    assert answer["volumes"][1]["free"] == 0


def test_the_table_shows_what_matters_of_a_camera() -> None:
    row = next(line for line in shown(status(FRONT)) if line.startswith("front"))
    for cell in ("connected", "recording", "25.0", "4.2 Mbit/s", "1 h 02 min", " 3 ", "0.4 s ago", "usb", "50 GB"):
        assert cell in row


def test_trouble_is_shown_with_its_reason_and_the_next_attempt() -> None:
    lines = shown(status(BACK))
    row = next(line for line in lines if line.startswith("back"))
    assert "reconnecting (camera unreachable), again in 7 s" in row
    assert "waiting (camera unreachable)" in row
    assert any("not mounted (nothing is mounted there)" in line for line in lines if line.startswith("nas"))


def test_a_camera_that_has_not_reported_is_starting() -> None:
    assert any(line.startswith("front") and "starting" in line for line in shown(status(waiting=("front",))))
    assert status_lines(status(waiting=("front",))) == ["front  starting"]


def test_the_rings_reach_is_the_shortest_of_all() -> None:
    assert "42.0 s at least; 1 camera; up 1 min 30 s" in shown(status(FRONT))[-1]
    assert shown(status())[0].strip() == "No cameras."


def test_lines_for_a_pipe_hold_the_same() -> None:
    (line,) = status_lines(status(FRONT))
    assert line == (
        "front  connected  recording recording  fps 25.0  4.2 Mbit/s  recorded 1 h 02 min  segments 3  "
        "durable 0.4 s ago  volume usb  free 50 GB"
    )


def test_a_recording_that_waits_for_a_volume_says_which_attempt_is_next_and_when() -> None:
    recording = RecordingInfo(
        wanted=True, state="waiting", reason="storage_missing", attempt=2, retry_max=20, retry_in_s=4.2
    )
    lines = shown(status(msgspec.structs.replace(BACK, recording=recording)))
    assert any("waiting (storage missing), attempt 3/20 in 4 s" in line for line in lines)


def coming_home(**news: Any) -> ServiceStatus:
    found = status()
    found.raw["homecoming"] = msgspec.to_builtins(HomecomingNews(**news))
    return found


def test_it_says_how_much_of_the_spilled_footage_is_home_and_what_is_held_twice() -> None:
    tidy = (VolumeTidy(name="usb", reconciled=False, doubled=2), VolumeTidy(name="nas", reconciled=True))
    found = coming_home(
        volumes=tidy, files_done=12, bytes_done=1_200_000_000, files=40, bytes=4_000_000_000, rate=20_000_000.0
    )
    lines = shown(found)
    assert "coming home: 12 of 40 files, 1.20 of 4 GB, at most 160.0 Mbit/s now" in [line.strip() for line in lines]
    assert "usb: 2 files hold what others hold as well" in [line.strip() for line in lines]
    assert [volume["reconciled"] for volume in found.as_json()["volumes"]] == [False, True]
    assert found.as_json()["homecoming"]["files_done"] == 12


def test_it_says_why_nothing_comes_home_and_nothing_at_all_once_everything_is() -> None:
    waiting = shown(coming_home(files=1, bytes=5_000_000, waiting="there is no room for it"))
    assert any("0 of 1 file, 0 B of 5 MB; waiting: there is no room for it" in line for line in waiting)
    assert not any("coming home" in line or "hold" in line for line in shown(coming_home()))
    assert [volume["reconciled"] for volume in status().as_json()["volumes"]] == [None, None]


def test_it_says_where_the_page_is_or_why_there_is_none() -> None:
    found = status(FRONT)
    assert found.as_json()["hub"] is None
    found.raw["hub"] = {"url": "http://127.0.0.1:8480"}
    assert shown(found)[-1].rstrip() == "page: http://127.0.0.1:8480"
    assert found.as_json()["hub"] == {"url": "http://127.0.0.1:8480", "problem": "", "warning": ""}
    found.raw["hub"]["warning"] = "everybody in the network can listen"
    assert shown(found)[-1].rstrip() == "everybody in the network can listen"
    found.raw["hub"] = {"url": "", "problem": "the hub cannot listen on 127.0.0.1:8480: Address already in use"}
    assert "already in use" in shown(found)[-1]
