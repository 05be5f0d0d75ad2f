"""What changes something: recording, cameras, volumes, configuration, protections, retention; and who may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evertape.domain.roles import Role
from evertape.errors import NotRunningError, UsageError
from evertape.hub.api import cameras as camera_routes
from evertape.types import NS_PER_S
from evertape_lab.story import utc
from hub.canned import Canned, iso, play

CHANGES = [
    ("POST", "/recording", {"wanted": True}, Role.OPERATOR),
    ("POST", "/cameras/door/recording", {"wanted": True}, Role.OPERATOR),
    ("POST", "/cameras/door/restart", {}, Role.OPERATOR),
    ("POST", "/cameras/door/restart-writer", {}, Role.OPERATOR),
    ("POST", "/cameras/door/split", {}, Role.OPERATOR),
    ("POST", "/cameras/door/move", {}, Role.OPERATOR),
    ("POST", "/volumes/check", {}, Role.OPERATOR),
    ("POST", "/protections", {"camera": "door", "start": iso(1), "end": iso(2)}, Role.OPERATOR),
    ("DELETE", "/protections/x", None, Role.OPERATOR),
    ("POST", "/cameras", {"id": "new", "url": "rtsp://192.0.2.9/x"}, Role.ADMIN),
    ("POST", "/cameras/probe", {"url": "rtsp://192.0.2.9/x"}, Role.ADMIN),
    ("PATCH", "/cameras/door", {"name": "x"}, Role.ADMIN),
    ("DELETE", "/cameras/door", None, Role.ADMIN),
    ("POST", "/volumes", {"name": "x", "path": "/x"}, Role.ADMIN),
    ("PATCH", "/volumes/usb1", {"role": "spill"}, Role.ADMIN),
    ("DELETE", "/volumes/usb1", None, Role.ADMIN),
    ("POST", "/volumes/usb1/retire", {}, Role.ADMIN),
    ("POST", "/retention/run", {}, Role.ADMIN),
    ("POST", "/alerts/test", {}, Role.ADMIN),
    ("POST", "/alerts/channels", {"name": "x", "url": "json://192.0.2.9"}, Role.ADMIN),
    ("PATCH", "/alerts/channels/x", {"ended": False}, Role.ADMIN),
    ("DELETE", "/alerts/channels/x", None, Role.ADMIN),
    ("POST", "/alerts/channels/x/test", {}, Role.ADMIN),
    ("GET", "/config", None, Role.ADMIN),
    ("PATCH", "/config", {"recording.rotation": "5min"}, Role.ADMIN),
    ("POST", "/config/check", {}, Role.ADMIN),
    ("POST", "/config/reload", {}, Role.ADMIN),
]


def test_whoever_may_less_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        before = hub.config
        for method, path, body, needed in CHANGES:
            for role in Role:
                if not role.may(needed):
                    hub.become(role)
                    await hub.fails(method, path, 403, "not_allowed", json=body)
        assert hub.engine.asked == [] and hub.config == before

    play(tmp_path, scenario)


def test_recording_is_wished_by_name(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.become(Role.OPERATOR)
        done = await hub.send("POST", "/cameras/door/recording", {"wanted": False})
        assert done == {"cameras": ["door"], "wanted": False}
        done = await hub.send("POST", "/recording", {"wanted": True})
        assert done["cameras"] == ["door", "gate"], "one that is not enabled cannot be recorded"
        asked = [args for verb, args in hub.engine.asked if verb == "record"]
        assert [(a["cameras"], a["wanted"], a["by"]) for a in asked] == [
            (["door"], False, "somebody"), (["door", "gate"], True, "somebody"),
        ]  # fmt: skip
        await hub.fails("POST", "/cameras/spare/recording", 409, "camera_disabled", json={"wanted": True})
        await hub.fails("POST", "/cameras/nobody/recording", 404, "camera_unknown", json={"wanted": True})
        await hub.fails("POST", "/recording", 404, "camera_unknown", json={"wanted": True, "cameras": ["nobody"]})
        hub.become(Role.OPERATOR, "gate")
        assert (await hub.send("POST", "/recording", {"wanted": True}))["cameras"] == ["gate"]
        await hub.fails("POST", "/cameras/door/recording", 404, "camera_unknown", json={"wanted": True})

    play(tmp_path, scenario)


def test_partial_restarts_are_passed_on_and_refusals_come_back(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.engine.answers["camera"] = {"text": "a new file"}
        for command in ("restart", "restart-writer", "split"):
            done = await hub.send("POST", f"/cameras/door/{command}")
            assert done == {"camera": "door", "command": command, "text": "a new file"}
        await hub.send("POST", "/cameras/door/move", {"volume": "usb2"})
        assert hub.engine.asked[-1] == ("camera", {"camera": "door", "command": "move", "volume": "usb2"})
        hub.engine.trouble = UsageError("usb2 cannot be used", hint="connect it")
        found = await hub.fails("POST", "/cameras/door/move", 409, "refused", json={"volume": "usb2"})
        assert (found["what"], found["hint"]) == ("usb2 cannot be used", "connect it")

    play(tmp_path, scenario)


def test_a_camera_is_added_checked_and_in_force(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.engine.answers["reload"] = {"changed": ["cameras.yard"]}
        body = {"id": "yard", "url": "rtsp://192.0.2.9/x", "user": "u", "password": "hunter4",
                "settings": {"latency": "1s", "backoff": {"base": "2s"}}}  # fmt: skip
        done = await hub.send("POST", "/cameras", body, 201)
        assert done["in_force"] and done["changed"] == ["cameras.yard"]
        assert "[cameras.yard]" in hub.config and 'latency = "1s"' in hub.config and 'base = "2s"' in hub.config
        assert "# Somebody's words." in hub.config and "# because of the disk" in hub.config
        assert "hunter4" not in str(done)

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("body", "status", "word", "where"),
    [
        ({"id": "door", "url": "rtsp://192.0.2.9/x"}, 409, "camera_exists", ["body", "id"]),
        ({"id": "Door!", "url": "rtsp://192.0.2.9/x"}, 422, "config_invalid", None),
        ({"id": "yard", "url": "http://192.0.2.9/x"}, 422, "config_invalid", None),
        ({"id": "yard"}, 422, "request_invalid", ["body", "url"]),
        ({"id": "yard", "url": "rtsp://192.0.2.9/x", "latency": "1s"}, 422, "request_invalid", ["body", "latency"]),
        (
            {"id": "yard", "url": "rtsp://192.0.2.9/x", "settings": {"url": "y"}},
            422,
            "given_twice",
            ["body", "settings"],
        ),
        ({"id": "yard", "url": "rtsp://192.0.2.9/x", "settings": {"rotaton": "1s"}}, 422, "key_unknown", None),
        ({"id": "yard", "url": "rtsp://192.0.2.9/x", "settings": {"latency": "1 year"}}, 422, "config_invalid", None),
    ],
)
def test_a_camera_that_makes_no_sense_changes_nothing(
    tmp_path: Path, body: dict[str, Any], status: int, word: str, where: list[str] | None
) -> None:
    async def scenario(hub: Canned) -> None:
        before = hub.config
        found = await hub.fails("POST", "/cameras", status, word, json=body)
        assert where is None or found["where"] == where
        assert hub.config == before and hub.engine.asked == []

    play(tmp_path, scenario)


def test_a_camera_is_changed_and_removed(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.engine.answers["reload"] = {"changed": ["cameras.gate"]}
        await hub.send("PATCH", "/cameras/gate", {"name": "The gate", "backoff.base": "3s", "password": "hunter5"})
        assert 'name = "The gate"' in hub.config and "password_file" not in hub.config
        await hub.send("PATCH", "/cameras/gate", {"name": None})
        assert "The gate" not in hub.config
        for body, word in (
            ({}, "nothing_to_change"),
            ({"nme": "x"}, "config_refused"),
            ({"name": []}, "value_invalid"),
        ):
            await hub.fails("PATCH", "/cameras/gate", 422, word, json=body)
        await hub.send("DELETE", "/cameras/gate")
        assert "[cameras.gate]" not in hub.config

    play(tmp_path, scenario)


def test_what_is_saved_and_not_in_force_is_said(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.engine.trouble = NotRunningError("the engine is not running")
        done = await hub.send("PATCH", "/config", {"recording.rotation": "5min"})
        assert not done["in_force"] and "not running" in done["problem"]
        assert 'rotation = "5min"  # because of the disk' in hub.config

    play(tmp_path, scenario)


def test_a_probe_looks_in_a_process_of_its_own_and_saves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[Any] = []

    async def run(module: str, order: Any, **_more: Any) -> dict[str, Any]:
        orders.append((module, dict(order)))
        return {"ok": True, "codec": "h264", "width": 640, "height": 360, "server": "x"}

    monkeypatch.setattr(camera_routes, "run", run)

    async def scenario(hub: Canned) -> None:
        before = hub.config
        seen = await hub.send("POST", "/cameras/probe", {"url": "rtsp://192.0.2.9/x", "user": "u", "password": "p"})
        assert (seen["ok"], seen["codec"], seen["server"]) == (True, "h264", "x")
        ((module, order),) = orders
        assert module == "evertape.hub.work_probe"
        # Where it is known who has the stream already.
        assert Path(order.pop("data_directory")).is_dir()
        assert order == {"url": "rtsp://192.0.2.9/x", "user": "u", "password": "p"}
        assert hub.config == before
        await hub.fails("POST", "/cameras/probe", 422, "config_invalid", json={"url": "ftp://192.0.2.9/x"})

    play(tmp_path, scenario)


def test_volumes_are_added_changed_retired_and_removed(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.engine.answers["reload"] = {"changed": []}
        assert len((await hub.get("/volumes"))["volumes"]) == 2
        assert len((await hub.send("POST", "/volumes/check"))["volumes"]) == 2
        assert hub.engine.asked[-1][0] == "check_volumes"
        await hub.send("POST", "/volumes", {"name": "nas", "path": str(tmp_path / "nas"), "role": "spill"}, 201)
        assert "[volumes.nas]" in hub.config
        body = {"name": "usb1", "path": "/x"}
        await hub.fails("POST", "/volumes", 409, "volume_exists", json=body)
        await hub.fails("POST", "/volumes", 409, "on_system_disk", json={"name": "etc", "path": "/etc"})
        await hub.fails("POST", "/volumes", 422, "no_folder", json={"name": "f", "path": "/etc/passwd"})
        await hub.fails("POST", "/volumes", 422, "config_invalid", json={"name": "f", "path": "relative"})
        await hub.send("POST", "/volumes", {"name": "etc", "path": "/etc", "on_system_disk": True}, 201)
        await hub.send("PATCH", "/volumes/usb2", {"role": "primary", "mount": None})
        assert "mount" not in hub.config.partition("[volumes.usb2]")[2].partition("[")[0]
        await hub.fails("PATCH", "/volumes/usb2", 422, "nothing_to_change", json={})
        await hub.fails("PATCH", "/volumes/usb9", 404, "volume_unknown", json={"role": "spill"})
        await hub.send("POST", "/volumes/usb1/retire")
        assert 'role = "retired"' in hub.config
        await hub.send("DELETE", "/volumes/usb2")
        assert "[volumes.usb2]" not in hub.config

    play(tmp_path, scenario)


def test_the_configuration_is_shown_masked_changed_and_checked(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.engine.answers["reload"] = {"changed": ["recording"]}
        shown = await hub.get("/config")
        assert shown["config"]["recording"]["rotation"] == "10min"
        assert "hunter" not in str(shown)
        done = await hub.send("PATCH", "/config", {"recording.rotation": "5min", "ring.time": "90s"})
        assert done["in_force"] and done["changed"] == ["recording"]
        found = await hub.fails(
            "PATCH", "/config", 422, "config_invalid", json={"recording.rotation": "7min", "recording.sync": "1 h"}
        )
        assert found["problems"][0]["where"] == ["recording", "sync"]
        assert '"5min"' in hub.config and '"7min"' not in hub.config, "all or nothing"
        await hub.send("PATCH", "/config", {"ring.time": None})
        assert "90s" not in hub.config
        await hub.fails("PATCH", "/config", 422, "config_refused", json={"recording.rotaton": "7min"})
        assert (await hub.send("POST", "/config/check", {}))["ok"]
        tried = {"recording.rotation": "1s", "streaming.stall_timeout": "soon", "recording.align": False}
        mistakes = await hub.send("POST", "/config/check", {"values": tried})
        assert {tuple(one["where"]) for one in mistakes["problems"]} == {
            ("recording", "rotation"), ("streaming", "stall_timeout"),
        }  # fmt: skip
        assert (await hub.send("POST", "/config/check", {"values": {"recording.rotation": "7min"}}))["ok"]
        assert (await hub.send("GET", "/config"))["config"]["recording"]["rotation"] != "7min"
        unusable = await hub.send("POST", "/config/check", {"values": {"alerts.heartbeat_url": "ftp://h"}})
        assert [one["where"] for one in unusable["problems"]] == [["alerts.heartbeat_url"]]
        wrong = await hub.send("POST", "/config/check", {"text": "[recording]\nrotaton = 1\n"})
        assert not wrong["ok"] and "rotation" in wrong["problems"][0]["hint"]
        assert (await hub.send("POST", "/config/reload")) == {"changed": ["recording"]}

    play(tmp_path, scenario)


def test_protections_name_who_and_how_much(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.engine.answers["protect"] = {"protection": "p1", "camera": "door", "on_record": True}
        body = {"camera": "door", "start": iso(90), "end": iso(110), "why": "a theft"}
        made = await hub.send("POST", "/protections", body, 201)
        assert (made["id"], made["files"]) == ("p1", 2) and made["bytes"] > 0
        assert hub.engine.asked[-1] == (
            "protect",
            {"camera": "door", "start_utc": utc(90), "end_utc": utc(110), "why": "a theft", "who": "somebody"},
        )
        assert (await hub.get("/protections"))["protections"] == []
        await hub.fails("DELETE", "/protections/p9", 404, "protection_unknown")
        await hub.fails("POST", "/protections", 404, "camera_unknown", json={**body, "camera": "nobody"})
        await hub.fails("POST", "/protections", 422, "window_empty", json={**body, "end": iso(90)})
        await hub.fails("POST", "/protections", 422, "request_invalid", json={**body, "end": "tomorrow"})

    play(tmp_path, scenario)


def test_retention_is_planned_run_and_followed(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        assert (await hub.get("/retention/plan"))["rows"] == []
        plan = await hub.get("/retention/plan", max_age="5min")
        assert [(row["volume"], row["camera"], row["why"]) for row in plan["rows"]] == [("usb1", "door", "person")]
        assert plan["files"] == plan["rows"][0]["files"] == 2 and plan["rows"][0]["oldest"] == iso(0)
        assert plan["volumes"][0]["start"] > 0
        await hub.fails("GET", "/retention/plan", 422, "duration_invalid", params={"max_age": "old"})
        await hub.fails("GET", "/retention/plan", 404, "camera_unknown", params={"camera": "nobody"})
        hub.engine.answers["retention"] = lambda args: (
            {"done": True, "files": 2, "bytes": 9, "failed": 0, "protected": 1, "error": ""}
            if "request" in args
            else {"request": 7}
        )
        run = await hub.send("POST", "/retention/run", {"camera": "door", "max_age": "5min"}, 202)
        assert (run["run"], run["done"]) == (7, False)
        assert hub.engine.asked[-1] == ("retention", {"camera": "door", "older_than": 300 * NS_PER_S})
        assert (await hub.get("/retention/run/7"))["files"] == 2

    play(tmp_path, scenario)


def test_what_makes_no_sense_has_one_shape(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        await hub.fails("GET", "/nothing", 404, "path_unknown")
        await hub.fails("PUT", "/status", 405, "method_not_allowed")
        await hub.fails(
            "POST", "/recording", 422, "request_invalid", content=b"{", headers={"Content-Type": "application/json"}
        )
        found = await hub.fails("POST", "/recording", 422, "request_invalid", json={"wanted": "perhaps", "more": 1})
        assert {tuple(problem["where"]) for problem in found["problems"]} == {("body", "wanted"), ("body", "more")}
        found = await hub.fails("GET", "/timeline?start=x&end=y", 422, "request_invalid")
        assert found["where"] == ["query", "start"]
        secret = {"url": "rtsp://192.0.2.9/x", "password": ["hunter6"]}
        assert "hunter6" not in str(await hub.fails("POST", "/cameras/probe", 422, "request_invalid", json=secret))

    play(tmp_path, scenario)


def test_a_mistake_of_ours_is_said_without_its_text(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.engine.raw = {}
        found = await hub.fails("GET", "/status", 500, "mistake")
        assert "KeyError" not in str(found)

    play(tmp_path, scenario)


def test_the_page_is_served_with_strict_headers(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        async with hub.http as http:
            page = await http.get("http://hub/")
            assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
            assert page.headers["cache-control"] == "no-cache"
            for answer in (page, await http.get("/status"), await http.get("/nothing")):
                policy = answer.headers["content-security-policy"]
                assert "default-src 'self'" in policy and "unsafe" not in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
            for path in ("/..%2f..%2fapp.py", "/%2e%2e/app.py", "/nothing.js", "/a%00b"):
                assert (await http.get(f"http://hub{path}")).status_code == 404, path

    play(tmp_path, scenario)
