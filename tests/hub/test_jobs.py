"""Work in processes of its own: exports with progress, pictures, and what happens when it is cancelled or hangs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from evertape.domain.roles import Role
from evertape.evidence.verify import verify
from evertape.hub import jobs, work
from evertape.hub.api import snapshot as snapshot_routes
from evertape.hub.failure import HubError
from evertape.mp4.scan import scan
from evertape.types import NS_PER_S
from hub.canned import REAL, Canned, iso, play

ORDER = {"cameras": ["door"], "start": iso(101), "end": iso(110)}


async def finished(hub: Canned, job: str) -> dict[str, Any]:
    for _ in range(600):
        found: dict[str, Any] = await hub.get(f"/exports/{job}")
        if found["state"] in ("done", "failed"):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"not finished: {found}")


def test_an_export_is_made_followed_fetched_and_deleted(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.become(Role.VIEWER, "door")
        job = await hub.send("POST", "/exports", ORDER, 202)
        assert job["owner"] == "somebody" and job["state"] in ("waiting", "running")
        for what in ("file", "hash"):
            await hub.fails("GET", f"/exports/{job['id']}/{what}", 409, "export_unfinished")
        done = await finished(hub, job["id"])
        assert (done["state"], done["progress"], done["error"]) == ("done", 1.0, "")
        assert done["file"] == "door-20260101T000141Z.mp4"
        async with hub.http as http:
            answer = await http.get(f"/exports/{job['id']}/file")
            part = await http.get(f"/exports/{job['id']}/file", headers={"Range": "bytes=0-9"})
            hashes = await http.get(f"/exports/{job['id']}/hash")
        (tmp_path / done["file"]).write_bytes(answer.content)
        (tmp_path / f"{done['file']}.blake3").write_bytes(hashes.content)
        assert f'filename="{done["file"]}.blake3"' in hashes.headers["content-disposition"]
        assert verify(tmp_path / done["file"]).problems == []
        (tmp_path / done["file"]).write_bytes(answer.content[:-1] + b"x")
        assert verify(tmp_path / done["file"]).problems
        assert len(answer.content) == done["bytes"] and part.content == answer.content[:10]
        assert 'filename="door-2026' in answer.headers["content-disposition"]
        assert [one["id"] for one in (await hub.get("/exports"))["exports"]] == [job["id"]]
        await hub.send("DELETE", f"/exports/{job['id']}", code=204)
        await hub.fails("GET", f"/exports/{job['id']}", 404, "export_unknown")
        assert not (hub.root / "exports" / job["id"]).exists()

    play(tmp_path, scenario)


def test_a_bundle_says_where_its_footage_is_from(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        job = await hub.send("POST", "/exports", {**ORDER, "bundle": True}, 202)
        done = await finished(hub, job["id"])
        assert done["state"] == "done", done["error"]
        with zipfile.ZipFile(hub.root / "exports" / job["id"] / done["file"]) as bundle:
            manifest = json.loads(
                bundle.read(next(name for name in bundle.namelist() if name.endswith("manifest.json")))
            )
        assert (manifest["camera"], manifest["name"], manifest["made_by"]) == ("door", "Front door", "somebody")
        assert [segment["segment"] for segment in manifest["segments"]] == [REAL]

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"cameras": ["gate"], "start": iso(0), "end": iso(9)}, "no footage"),
        ({"cameras": ["door"], "start": iso(430), "end": iso(440)}, "lies on vol-away, which is not there"),
        ({"cameras": ["door"], "start": iso(1), "end": iso(9)}, "No such file"),
    ],
)
def test_an_export_that_cannot_be_says_why(tmp_path: Path, order: dict[str, Any], words: str) -> None:
    async def scenario(hub: Canned) -> None:
        job = await hub.send("POST", "/exports", order, 202)
        done = await finished(hub, job["id"])
        assert done["state"] == "failed" and words in done["error"], done
        assert list((hub.root / "exports" / job["id"]).iterdir()) == [hub.root / "exports" / job["id"] / "job.json"]

    play(tmp_path, scenario)


def test_an_order_that_makes_no_sense_is_refused_at_once(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        await hub.fails("POST", "/exports", 404, "camera_unknown", json={**ORDER, "cameras": ["nobody"]})
        await hub.fails("POST", "/exports", 422, "window_empty", json={**ORDER, "end": ORDER["start"]})
        await hub.fails("POST", "/exports", 422, "window_too_long", json={**ORDER, "end": "2027-01-01T00:00:00Z"})
        await hub.fails("POST", "/exports", 422, "request_invalid", json={**ORDER, "cameras": []})
        await hub.fails("GET", "/exports/" + "0" * 32, 404, "export_unknown")

    play(tmp_path, scenario)


def test_an_export_is_for_its_owner_and_for_operators(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        job = await hub.send("POST", "/exports", ORDER, 202)
        await finished(hub, job["id"])
        hub.authority.who = type(hub.authority.who)("another", Role.VIEWER)
        await hub.fails("GET", f"/exports/{job['id']}", 404, "export_unknown")
        await hub.fails("DELETE", f"/exports/{job['id']}", 404, "export_unknown")
        assert (await hub.get("/exports"))["exports"] == []
        hub.authority.who = type(hub.authority.who)("another", Role.OPERATOR)
        assert len((await hub.get("/exports"))["exports"]) == 1
        hub.authority.who = type(hub.authority.who)("another", Role.OPERATOR, frozenset({"gate"}))
        await hub.fails("GET", f"/exports/{job['id']}/file", 404, "export_unknown")

    play(tmp_path, scenario)


def test_finished_exports_outlive_the_hub_for_a_day_and_unfinished_ones_do_not(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        job = await hub.send("POST", "/exports", ORDER, 202)
        await finished(hub, job["id"])
        left = hub.root / "exports" / ("1" * 32)
        left.mkdir()
        (left / ".half.mp4.part").write_bytes(b"x")
        hub.services.exports = jobs.Exports(hub.root / "exports", hub.services._order, hub.clock)
        assert [one["id"] for one in (await hub.get("/exports"))["exports"]] == [job["id"]]
        assert not left.exists()
        hub.clock.advance(25 * 3600 * NS_PER_S)
        assert (await hub.get("/exports"))["exports"] == []
        assert list((hub.root / "exports").iterdir()) == []

    play(tmp_path, scenario)


SLEEPER = """
import os, sys, time
from evertape.hub.work import say
sys.stdin.readline()
say(progress={"done": os.getpid(), "total": 1})
time.sleep(60)
"""


def gone(pid: int) -> bool:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"
    return True


async def until_gone(pid: int) -> None:
    for _ in range(200):
        if gone(pid):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it still runs")


@pytest.fixture
def sleeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "a_sleeper.py").write_text(SLEEPER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return "a_sleeper"


def test_work_that_nobody_waits_for_is_killed(sleeper: str) -> None:
    async def scenario() -> None:
        pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(
            work.run(sleeper, {}, timeout_s=30, progress=lambda said: pid.set_result(said["done"]))
        )
        number = await asyncio.wait_for(pid, 20)
        assert not gone(number)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until_gone(number)

    asyncio.run(scenario())


def test_work_that_takes_too_long_is_killed_and_said(sleeper: str) -> None:
    async def scenario() -> None:
        numbers: list[int] = []
        with pytest.raises(HubError) as failed:
            await work.run(sleeper, {}, timeout_s=4, progress=lambda said: numbers.append(said["done"]))
        assert (failed.value.status, failed.value.code) == (504, "took_too_long")
        assert numbers, "it had begun"
        await until_gone(numbers[0])

    asyncio.run(scenario())


def test_a_deleted_export_stops_at_once(tmp_path: Path, sleeper: str, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: list[int] = []

    async def run(_module: str, order: Any, *, progress: Any, **more: Any) -> dict[str, Any]:
        def note(said: dict[str, Any]) -> None:
            numbers.append(said["done"])
            progress(said)

        return await work.run(sleeper, order, progress=note, **more)

    monkeypatch.setattr(jobs, "run", run)

    async def scenario(hub: Canned) -> None:
        job = await hub.send("POST", "/exports", ORDER, 202)
        while not numbers:
            await asyncio.sleep(0.02)
        assert (await hub.get(f"/exports/{job['id']}"))["state"] == "running"
        await hub.send("DELETE", f"/exports/{job['id']}", code=204)
        await until_gone(numbers[0])
        assert not (hub.root / "exports" / job["id"]).exists()

    play(tmp_path, scenario)


def test_a_picture_is_made_once_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[Any] = []

    async def run(_module: str, order: Any, **_more: Any) -> dict[str, Any]:
        orders.append(order)
        return {"jpeg": "/9j/"}

    monkeypatch.setattr(snapshot_routes, "run", run)

    async def scenario(hub: Canned) -> None:
        hub.engine.answers["feed"] = {"socket": "/run/recorder-0.sock"}
        async with hub.http as http:
            for _ in range(2):
                then = await http.get("/cameras/door/snapshot.jpg", params={"at": iso(105), "width": 160})
                now = await http.get("/cameras/door/snapshot.jpg")
            assert then.content == now.content == b"\xff\xd8\xff"
            assert (then.headers["cache-control"], now.headers["cache-control"]) == (
                "private, max-age=3600",
                "no-store",
            )
        assert [order.get("socket") for order in orders] == [None, "/run/recorder-0.sock"]
        assert (orders[0]["path"], orders[0]["width"]) == ("door/20260101/door_real.mp4", 160)
        await hub.fails("GET", "/cameras/door/snapshot.jpg", 404, "no_footage", params={"at": iso(125)})
        await hub.fails("GET", "/cameras/nobody/snapshot.jpg", 404, "camera_unknown")
        await hub.fails("GET", "/cameras/door/snapshot.jpg", 422, "request_invalid", params={"width": 1})

    play(tmp_path, scenario)


def test_the_pictures_up_to_an_instant_are_those_from_its_keyframe_on(tmp_path: Path) -> None:
    from evertape.hub.work_snapshot import _group

    async def scenario(hub: Canned) -> None:
        with (hub.root.parent / "usb1/door/20260101/door_real.mp4").open("rb") as file:
            found = scan(file)
        for second in (0.0, 0.5, 3.7, 19.9, 99.0):
            group = _group(found.fragments, found.header.start_utc_ns + round(second * NS_PER_S))
            assert group[0].key
            assert group[0].start_utc_ns == found.header.start_utc_ns + min(19, int(second)) * NS_PER_S

    play(tmp_path, scenario)
