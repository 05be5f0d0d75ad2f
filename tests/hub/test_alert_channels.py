"""Ways to tell people are added, changed, tried one by one and removed; what nothing can be sent to is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from evertape.config.load import load
from evertape.hub.alerts.desk import AlertDesk
from evertape.store.index import Index
from evertape.store.rows import Cursor
from hub.canned import Canned, play
from hub.test_alerts_desk import Post, alert, desk_of, playing, soon

MAIL = "mailto://ann:hunter4@mail.example.org?to=ann@example.org"


def changing(folder: Path, scenario: Callable[[Canned], Coroutine[Any, Any, None]]) -> None:
    """Play it where the service takes up what is changed."""

    async def whole(canned: Canned) -> None:
        canned.engine.answers["reload"] = {"changed": []}
        await scenario(canned)

    play(folder, whole)


def in_force(canned: Canned) -> None:
    """As after a reload, which a canned engine does not do."""
    config = load(canned.services.settings.config_file).config
    object.__setattr__(canned.services.settings, "config", config)


def test_a_channel_comes_changes_and_goes_and_its_url_is_never_answered(tmp_path: Path) -> None:
    async def scenario(canned: Canned) -> None:
        before, said = canned.config, []
        said.append(await canned.send("POST", "/alerts/channels", {"name": "mail", "url": MAIL, "ended": False}, 201))
        in_force(canned)
        found = canned.services.config.alerts.channels["mail"]
        assert (found.url.get_secret_value(), str(found.alerts), found.ended) == (MAIL, "all", False)
        said.append(await canned.send("PATCH", "/alerts/channels/mail", {"alerts": "critical", "ended": True}))
        in_force(canned)
        found = canned.services.config.alerts.channels["mail"]
        assert (found.url.get_secret_value(), str(found.alerts), found.ended) == (MAIL, "critical", True)
        said.append(await canned.send("PATCH", "/alerts/channels/mail", {"url": "json://hook.example.org/hunter5"}))
        in_force(canned)
        assert "hunter5" in canned.config and MAIL not in canned.config
        said.append(await canned.get("/config"))
        said.append(await canned.send("DELETE", "/alerts/channels/mail"))
        assert "hunter" not in json.dumps(said)
        assert canned.config.strip() == before.strip(), "and everything else stays as it was"

    changing(tmp_path, scenario)


def test_what_there_is_not_and_what_there_is_already_is_refused(tmp_path: Path) -> None:
    async def scenario(canned: Canned) -> None:
        await canned.send("POST", "/alerts/channels", {"name": "mail", "url": MAIL}, 201)
        in_force(canned)
        before = canned.config
        await canned.fails("POST", "/alerts/channels", 409, "channel_exists", json={"name": "mail", "url": MAIL})
        await canned.fails("POST", "/alerts/channels", 422, "config_invalid", json={"name": "Mail!", "url": MAIL})
        await canned.fails("PATCH", "/alerts/channels/pager", 404, "channel_unknown", json={"ended": True})
        await canned.fails("DELETE", "/alerts/channels/pager", 404, "channel_unknown")
        for body in ({}, {"url": None}):
            await canned.fails("PATCH", "/alerts/channels/mail", 422, "nothing_to_change", json=body)
        assert canned.config == before

    changing(tmp_path, scenario)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ann@example.org", "url_no_url"),
        ("mailto:ann:hunter4@example.org", "url_no_url"),
        ("carrier-pigeon://hunter4", "url_kind_unknown"),
        ("https://example.org/hunter4", "url_of_the_web"),
        ("tgram://hunter4", "url_incomplete"),
        ("json://[hunter4", "url_no_url"),
    ],
)
def test_a_url_that_nothing_can_be_sent_to_is_refused_before_it_is_saved(tmp_path: Path, url: str, code: str) -> None:
    async def scenario(canned: Canned) -> None:
        await canned.send("POST", "/alerts/channels", {"name": "mail", "url": MAIL}, 201)
        in_force(canned)
        before = canned.config
        for method, path, body in (
            ("POST", "/alerts/channels", {"name": "phone", "url": url}),
            ("PATCH", "/alerts/channels/mail", {"url": url}),
            ("PATCH", "/config", {"alerts.channels.phone.url": url}),
        ):
            found = await canned.fails(method, path, 422, code, json=body)
            assert "hunter" not in json.dumps(found), path
        assert canned.config == before

    changing(tmp_path, scenario)


@pytest.mark.parametrize("url", ["hc-ping.com/x", "ftp://hc-ping.com/x", "https://", "http://[x"])
def test_a_heartbeat_that_could_not_be_fetched_is_refused(tmp_path: Path, url: str) -> None:
    async def scenario(canned: Canned) -> None:
        before = canned.config
        await canned.fails("PATCH", "/config", 422, "url_of_heartbeat", json={"alerts.heartbeat_url": url})
        assert canned.config == before
        await canned.send("PATCH", "/config", {"alerts.heartbeat_url": "https://hc-ping.com/hunter4"})
        assert "hunter4" in canned.config
        await canned.send("PATCH", "/config", {"alerts.heartbeat_url": None})
        assert "hunter4" not in canned.config

    changing(tmp_path, scenario)


def test_one_channel_is_tried_without_the_others(tmp_path: Path) -> None:
    async def scenario(canned: Canned, desk: AlertDesk, post: Post) -> None:
        answer = await canned.send("POST", "/alerts/channels/pager/test")
        assert [(one["name"], one["ok"], one["alerts"], one["ended"]) for one in answer["channels"]] == [
            ("pager", True, "critical", False)
        ]
        assert (post.to("mail"), post.to("pager")) == ([], ["Evertape: a test"])
        post.broken.add("mail")
        (mail,) = (await canned.send("POST", "/alerts/channels/mail/test"))["channels"]
        assert not mail["ok"] and mail["problem"].startswith("OSError") and "hunter" not in json.dumps(mail)
        await canned.fails("POST", "/alerts/channels/phone/test", 404, "channel_unknown")

    playing(tmp_path, scenario)


def test_an_alert_carries_the_values_of_its_text_also_after_the_hub_began_anew(tmp_path: Path) -> None:
    async def scenario(canned: Canned) -> None:
        desk = desk_of(canned, Post())
        desk._tasks[1].cancel()  # what it forecasts by itself would get in between
        raised = alert(canned, "camera_not_recording", "raised", 590, detail={"cause": "camera_unreachable"})
        with Index.open(canned.root / "index.sqlite3") as index:
            index.apply([raised], Cursor("f", 2))
        canned.services.news.put([raised])
        desk._forecast({"usb1": 0.52}, 2.0)
        details = {
            "camera_not_recording": {"cause": "camera_unreachable"},
            "volume_forecast": {"days": 0.5, "least": 2},
        }

        async def told() -> dict[str, Any]:
            return {one["kind"]: one["detail"] for one in (await canned.get("/alerts"))["alerts"]}

        assert await told() == details
        file = canned.root / "state" / "told.json"
        await soon(lambda: file.exists() and "camera_unreachable" in file.read_text())
        await desk.close()
        desk = desk_of(canned, Post())
        desk._tasks[1].cancel()
        await soon(lambda: len(desk.active) == 2)
        assert await told() == details
        await desk.close()

    play(tmp_path, scenario)
