"""What is only looked at: state, footage, ledger, events; for everybody, and for who sees one camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evertape.domain.roles import Role
from evertape.errors import NotRunningError
from evertape.store.failures import IndexBusyError
from hub.canned import REAL, Canned, iso, play


def test_the_state_has_cameras_volumes_and_no_password(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        state = await hub.get("/status")
        assert [(camera["id"], camera["sub"]) for camera in state["cameras"]] == [
            ("door", True),
            ("gate", False),
            ("spare", False),
        ]
        assert [camera["id"] for camera in state["cameras"]] == ["door", "gate", "spare"]
        door, gate, spare = state["cameras"]
        assert door["recording"]["durable_until"] == iso(599)
        assert door["day"]["gaps"] == 1 and door["day"]["accounted"] == 1
        assert gate["streams"][0]["retry_in_s"] == 42.0 and gate["streams"][0]["since"] == iso(1)
        assert spare["recording"] is None and spare["streams"] == []
        assert door["wish"] == {
            "wanted": True, "by": "schedule", "until": iso(660), "schedule": "mon-fri 07:30-19:00",
        }  # fmt: skip
        usb1, usb2 = state["volumes"]
        assert usb1["usable"] and usb1["files"] == 4 and usb1["used"] > 0 and usb1["label"]
        assert not usb2["usable"] and usb2["state"] == "missing"
        async with hub.http as http:
            for path in ("/status", "/cameras", "/config", "/health", "/events"):
                assert "hunter" not in (await http.get(path)).text, path

    play(tmp_path, scenario)


def test_a_camera_that_somebody_may_not_see_does_not_exist_for_him(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.become(Role.ADMIN, "door")
        assert [camera["id"] for camera in (await hub.get("/status"))["cameras"]] == ["door"]
        assert [camera["id"] for camera in (await hub.get("/cameras"))["cameras"]] == ["door"]
        span = {"start": iso(0), "end": iso(600)}
        assert [one["camera"] for one in (await hub.get("/timeline", **span))["cameras"]] == ["door"]
        assert {gap["camera"] for gap in (await hub.get("/ledger", **span))["gaps"]} == {"door"}
        assert {event["camera"] for event in (await hub.get("/events"))["events"]} <= {"", "door"}
        for path in ("/cameras/gate", f"/cameras/gate/at?t={iso(1)}", "/cameras/gate/schedule", "/cameras/nobody"):
            found = await hub.fails("GET", path, 404, "camera_unknown")
            assert "gate" not in found["hint"]
        await hub.fails("GET", "/timeline", 404, "camera_unknown", params={"camera": "gate", **span})
        hub.become(Role.VIEWER, "gate")
        await hub.fails("GET", f"/segments/{REAL}", 404, "segment_unknown")
        await hub.fails("GET", f"/segments/{REAL}/file", 404, "segment_unknown")

    play(tmp_path, scenario)


def test_the_timeline_tells_what_is_recorded_and_why_the_rest_is_not(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        found = await hub.get("/timeline", camera="door", start=iso(0), end=iso(600))
        spans = found["cameras"][0]["spans"]
        assert [(s["kind"], s["cause"], s["start"], s["end"]) for s in spans] == [
            ("recorded", "", iso(0), iso(120)), ("gap", "camera_unreachable", iso(120), iso(130)),
            ("recorded", "", iso(130), iso(400)), ("gap", "stopped_by_person", iso(400), iso(420)),
            ("recorded", "", iso(420), iso(500)), ("recorded", "", iso(500), iso(600)),
        ]  # fmt: skip
        assert [s["spilled"] for s in spans] == [False] * 5 + [True]
        assert spans[0]["segment_count"] == 2 and REAL in spans[0]["segments"]
        coarse = await hub.get("/timeline", camera="door", start=iso(0), end=iso(600), resolution=3600)
        (one,) = coarse["cameras"][0]["spans"]
        assert (one["kind"], one["cause"], one["gaps"]) == ("gap", "camera_unreachable", 2)
        assert one["recorded_s"] == 570

    play(tmp_path, scenario)


def test_an_instant_is_a_fragment_or_a_gap_with_where_footage_goes_on(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        there = await hub.get("/cameras/door/at", t=iso(110.3))
        assert (there["kind"], there["segment"]["id"], there["offset_s"]) == ("recorded", REAL, 10.3)
        assert (there["fragment"]["start"], there["fragment"]["media_s"], there["fragment"]["key"]) == (
            iso(110),
            10.0,
            True,
        )
        gap = await hub.get("/cameras/door/at", t=iso(125))
        assert gap["kind"] == "gap" and gap["next"] == iso(130)
        assert (gap["gap"]["start"], gap["gap"]["end"], gap["gap"]["cause"]) == (
            iso(120), iso(130), "camera_unreachable",
        )  # fmt: skip
        assert gap["gap"]["what"] and gap["gap"]["remedy"]
        away = await hub.get("/cameras/door/at", t=iso(450))
        assert away["kind"] == "recorded" and away["fragment"] is None, "its volume is away"
        before = await hub.get("/cameras/door/at", t="1999-12-31T23:59:59Z")
        assert before["kind"] == "nothing" and before["next"] == iso(0)

    play(tmp_path, scenario)


def test_what_to_play_has_every_picture_once(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        found = await hub.get("/cameras/door/segments", start=iso(90), end=iso(140))
        assert [(p["start"], p["end"], p["whole"]) for p in found["parts"]] == [
            (iso(0), iso(100), True), (iso(100), iso(120), True), (iso(130), iso(400), True),
        ]  # fmt: skip
        assert found["next"] is None
        assert found["parts"][1]["segment"]["volume"] == "usb1"
        one = await hub.get(f"/segments/{REAL}")
        assert (one["state"], one["seconds"], one["codec"]) == ("closed", 20.0, "h264")
        await hub.fails("GET", "/segments/" + "f" * 32, 404, "segment_unknown")
        await hub.fails("GET", "/segments/..%2f..%2fetc", 404, "path_unknown")
        await hub.fails("GET", "/segments/etc", 422, "request_invalid")

    play(tmp_path, scenario)


def test_fragments_have_exact_offsets(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        found = await hub.get(f"/segments/{REAL}/fragments")
        data = (hub.root.parent / "usb1/door/20260101/door_real.mp4").read_bytes()
        assert found["mime"] == 'video/mp4; codecs="avc1.64001e"' and found["closed"]
        assert data[4:8] == b"ftyp"
        at = found["head"]
        for one in found["fragments"]:
            assert one["offset"] == at
            assert b"moof" in data[at : at + one["size"]] and b"mdat" in data[at : at + one["size"]]
            at += one["size"]
        assert at == found["size"] <= len(data)
        assert sum(one["pictures"] for one in found["fragments"]) == 500
        assert [one["start"] for one in found["fragments"] if one["key"]][:2] == [iso(100), iso(101)]
        some = await hub.get(f"/segments/{REAL}/fragments", start=iso(110.1), end=iso(111))
        assert some["fragments"] == [one for one in found["fragments"] if iso(110) <= one["start"] < iso(111)]
        assert (some["head"], some["size"]) == (found["head"], found["size"])

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("wanted", "status", "span"),
    [
        (None, 200, (0, None)), ("bytes=0-99", 206, (0, 100)), ("bytes=100-", 206, (100, None)),
        ("bytes=-50", 206, (-50, None)), ("bytes=5-4", 200, (0, None)), ("bytes=0-9,20-29", 200, (0, None)),
        ("lines=1-2", 200, (0, None)), ("bytes=0-999999999", 206, (0, None)), ("bytes=999999999-", 416, (0, 0)),
        ("bytes=-0", 416, (0, 0)),
    ],
)  # fmt: skip
def test_ranges_of_a_file(tmp_path: Path, wanted: str | None, status: int, span: tuple[int, int | None]) -> None:
    async def scenario(hub: Canned) -> None:
        data = (hub.root.parent / "usb1/door/20260101/door_real.mp4").read_bytes()
        async with hub.http as http:
            answer = await http.get(f"/segments/{REAL}/file", headers={"Range": wanted} if wanted else {})
        assert answer.status_code == status
        if status == 416:
            assert answer.headers["Content-Range"] == f"bytes */{len(data)}"
            assert answer.json()["error"]["code"] == "range_unsatisfiable"
        else:
            assert answer.content == data[span[0] : span[1]]
            assert int(answer.headers["Content-Length"]) == len(answer.content)
        if status == 206:
            first = span[0] % len(data)
            assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(data)}"

    play(tmp_path, scenario)


def test_a_file_that_is_known_is_not_sent_again(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        async with hub.http as http:
            tag = (await http.get(f"/segments/{REAL}/file")).headers["ETag"]
            assert (await http.get(f"/segments/{REAL}/file", headers={"If-None-Match": tag})).status_code == 304
            stale = {"Range": "bytes=0-9", "If-Range": '"another"'}
            assert (await http.get(f"/segments/{REAL}/file", headers=stale)).status_code == 200

    play(tmp_path, scenario)


def test_footage_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        away = next(
            p["segment"]["id"] for p in (await hub.get("/cameras/door/segments", start=iso(430), end=iso(440)))["parts"]
        )
        await hub.fails("GET", f"/segments/{away}/file", 503, "volume_unusable")
        gone = next(
            p["segment"]["id"] for p in (await hub.get("/cameras/door/segments", start=iso(140), end=iso(150)))["parts"]
        )
        await hub.fails("GET", f"/segments/{gone}/file", 404, "file_missing")
        hub.engine.raw["volumes"][0]["state"] = "hung"
        found = await hub.fails("GET", f"/segments/{REAL}/file", 503, "volume_unusable")
        assert "hung" in found["what"]
        hub.engine.raw["volumes"][0]["state"] = "online"
        (hub.root.parent / "usb1/.evertape/volume.json").unlink()
        await hub.fails("GET", f"/segments/{REAL}/fragments", 503, "volume_unusable")

    play(tmp_path, scenario)


def test_a_file_behind_a_link_is_not_read(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        file = hub.root.parent / "usb1/door/20260101/door_real.mp4"
        file.rename(tmp_path / "elsewhere.mp4")
        file.symlink_to(tmp_path / "elsewhere.mp4")
        await hub.fails("GET", f"/segments/{REAL}/file", 503, "volume_unusable")

    play(tmp_path, scenario)


def test_the_ledger_tells_of_each_gap_newest_first_in_pages(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        span = {"start": iso(0), "end": iso(600)}
        gaps = (await hub.get("/ledger", camera="door", on_purpose=True, **span))["gaps"]
        assert [gap["cause"] for gap in gaps] == ["stopped_by_person", "camera_unreachable"]
        assert all(gap["what"] and gap["deed"] and gap["remedy"] for gap in gaps)
        assert (gaps[1]["start"], gaps[1]["end"], gaps[1]["seconds"], gaps[1]["lasts"]) == (
            iso(120), iso(130), 10.0, False,
        )  # fmt: skip
        first = await hub.get("/ledger", camera="door", on_purpose=True, limit=1, **span)
        assert [gap["cause"] for gap in first["gaps"]] == ["stopped_by_person"]
        rest = await hub.get("/ledger", camera="door", on_purpose=True, limit=1, cursor=first["cursor"], **span)
        assert [gap["cause"] for gap in rest["gaps"]] == ["camera_unreachable"] and rest["cursor"] is None
        only = await hub.get("/ledger", cause="auth_failed", **span)
        assert [(gap["camera"], gap["lasts"]) for gap in only["gaps"]] == [("gate", True)]
        await hub.fails("GET", "/ledger", 422, "cursor_invalid", params={"cursor": "x", **span})
        await hub.fails("GET", "/ledger", 422, "request_invalid", params={"cause": "bad luck", **span})
        await hub.fails("GET", "/ledger", 422, "window_empty", params={"start": iso(9), "end": iso(8)})

    play(tmp_path, scenario)


def test_events_come_newest_first_in_pages(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        found = await hub.get("/events", kind="camera_state")
        assert [event["camera"] for event in found["events"]] == ["door", "door", "gate"]
        assert (found["events"][0]["at"], found["events"][0]["fields"]["state"]) == (iso(130), "connected")
        first = await hub.get("/events", kind="camera_state", limit=1)
        rest = await hub.get("/events", kind="camera_state", before=first["next"])
        assert len(first["events"]) == 1 and len(rest["events"]) == 2
        assert len((await hub.get("/events", camera="gate", kind="camera_state"))["events"]) == 1
        for kind in ("audited", "no_such_thing"):
            await hub.fails("GET", "/events", 422, "kind_unknown", params={"kind": kind})

    play(tmp_path, scenario)


def test_the_newest_log_lines_are_told_without_what_somebody_may_not_see(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.engine.answers["log"] = {
            "lines": [
                {"seq": 7, "at": 1_700_000_000_000_000_000, "level": "warning", "process": "recorder-0", "text": text}
                for text in ("[STREAMING] door: gone", "[STREAMING] gate: gone", "rtsp://a:hunter2@192.0.2.1/x")
            ]
        }
        found = await hub.get("/log", after=6, level="warning", limit=10)
        assert [line["seq"] for line in found["lines"]] == [7, 7, 7] and "hunter2" not in str(found)
        assert hub.engine.asked[-1] == ("log", {"after": 6, "limit": 10, "level": "warning"})
        hub.become(Role.OPERATOR, "door")
        assert len((await hub.get("/log"))["lines"]) == 2
        hub.become(Role.VIEWER)
        await hub.fails("GET", "/log", 403, "not_allowed")

    play(tmp_path, scenario)


def test_schedules_show_what_holds_and_the_coming_week(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        door, gate = (await hub.get("/schedules"))["cameras"]
        assert (door["camera"], door["by"], door["until"]) == ("door", "schedule", iso(660))
        assert len(door["week"]) >= 5 and gate["week"] is None
        assert (await hub.get("/cameras/door/schedule")) == door

    play(tmp_path, scenario)


def test_health_names_what_is_wrong(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        found = await hub.get("/health")
        wrong = {part["part"] for part in found["parts"] if not part["ok"]}
        assert not found["ok"] and wrong == {"volume usb2", "camera gate"}
        hub.engine.trouble = NotRunningError("the engine is not running")
        found = await hub.get("/health")
        assert [part["part"] for part in found["parts"] if not part["ok"]] == ["engine"]

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "path",
    ["/status", "/cameras", "/volumes", "/schedules", f"/timeline?start={iso(0)}&end={iso(9)}", "/ledger",
     f"/cameras/door/at?t={iso(1)}", f"/cameras/door/segments?start={iso(0)}&end={iso(9)}"],
)  # fmt: skip
def test_while_the_engine_is_away_it_is_said(tmp_path: Path, path: str) -> None:
    async def scenario(hub: Canned) -> None:
        hub.engine.trouble = NotRunningError("the engine is not running")
        await hub.fails("GET", path, 503, "engine_away")
        async with hub.http as http:
            assert (await http.get("http://hub/healthz")).status_code == 200
            assert (await http.get("http://hub/readyz")).status_code == 503

    play(tmp_path, scenario)


def test_without_an_index_the_state_is_shown_all_the_same(tmp_path: Path) -> None:
    class Busy:
        async def ask(self, _question: Any) -> Any:
            raise IndexBusyError("the index is locked")

        def close(self) -> None:
            pass

    async def scenario(hub: Canned) -> None:
        hub.services.reading = Busy()
        hub.services.looks._reading = Busy()
        state = await hub.get("/status")
        assert state["cameras"][0]["day"] is None and state["volumes"][0]["used"] is None
        await hub.fails("GET", "/events", 503, "index_busy")
        await hub.fails("GET", f"/segments/{REAL}", 503, "index_busy")

    play(tmp_path, scenario)
