"""Alerts over canned services: what the API says, what is remembered, and how channels that fail are treated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from evertape.config.load import load_text
from evertape.domain.roles import Role
from evertape.engine import state_files
from evertape.hub.alerts.channels import shown
from evertape.hub.alerts.desk import FILE, PART, AlertDesk
from evertape.ipc.events import Alert
from evertape.store.index import Index
from evertape.store.rows import Cursor
from hub.canned import Canned, play

ALERTS = """
[alerts]
group = "0s"
min_days = 0
[alerts.channels.mail]
url = "mailto://ann:hunter4@mail.example.org?to=ann@example.org"
[alerts.channels.pager]
url = "json://pager.example.org/hunter5"
alerts = "critical"
ended = false
"""


class Post:
    """Delivers, or does not."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.broken: set[str] = set()

    def __call__(self, url: str, title: str, text: str) -> str:
        name = "mail" if url.startswith("mailto") else "pager"
        if name in self.broken:
            raise OSError(f"cannot reach {url}")
        self.sent.append((name, title, text))
        return ""

    def to(self, name: str) -> list[str]:
        return [title for who, title, _ in self.sent if who == name]


def alert(
    canned: Canned, kind: str, state: str, at: float, camera: str = "door", detail: dict[str, Any] | None = None
) -> Alert:
    return Alert(
        **canned.story.stamp("recorder-0", at), alert=f"{kind}-{camera}", kind=kind, state=state, camera=camera,
        text=f"{camera}: {kind} {state}", detail=detail or {},
    )  # fmt: skip


def desk_of(canned: Canned, post: Post) -> AlertDesk:
    text = canned.config + ALERTS
    object.__setattr__(canned.services.settings, "config", load_text(text, canned.root / "evertape.toml").config)
    desk = AlertDesk(canned.services, post)
    canned.services.parts[PART] = desk
    desk.start()
    return desk


async def soon(what: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not what():
            await asyncio.sleep(0.02)


def playing(folder: Path, scenario: Callable[[Canned, AlertDesk, Post], Coroutine[Any, Any, None]]) -> None:
    async def whole(canned: Canned) -> None:
        post = Post()
        desk = desk_of(canned, post)
        try:
            await scenario(canned, desk, post)
        finally:
            await desk.close()

    play(folder, whole)


def test_what_is_wrong_is_listed_for_those_who_may_see_it(tmp_path: Path) -> None:
    async def scenario(canned: Canned, desk: AlertDesk, post: Post) -> None:
        canned.services.news.put([alert(canned, "camera_not_recording", "raised", 601)])
        canned.services.news.put([alert(canned, "volume_slow", "raised", 602, "")])
        answer = await canned.get("/alerts")
        assert [(one["kind"], one["severity"], one["camera"]) for one in answer["alerts"]] == [
            ("camera_not_recording", "critical", "door"), ("volume_slow", "warning", ""),
        ]  # fmt: skip
        assert [(one["name"], one["to"]) for one in answer["channels"]] == [
            ("mail", "mailto://mail.example.org"), ("pager", "json://pager.example.org"),
        ]  # fmt: skip
        assert "hunter" not in json.dumps(answer)
        canned.become(Role.VIEWER, "gate")
        assert [one["kind"] for one in (await canned.get("/alerts"))["alerts"]] == ["volume_slow"]
        await canned.fails("POST", "/alerts/test", 403, "not_allowed")

    playing(tmp_path, scenario)


def test_each_channel_is_told_what_it_wants(tmp_path: Path) -> None:
    async def scenario(canned: Canned, desk: AlertDesk, post: Post) -> None:
        news = canned.services.news
        news.put([alert(canned, "camera_not_recording", "raised", 601)])
        await soon(lambda: post.to("mail") and post.to("pager"))
        news.put([alert(canned, "volume_slow", "raised", 602, "")])
        await soon(lambda: len(post.to("mail")) == 2)
        canned.clock.advance(60_000_000_000)
        news.put([alert(canned, "camera_not_recording", "ended", 660)])
        await soon(lambda: len(post.to("mail")) == 3)
        assert len(post.to("pager")) == 1

    playing(tmp_path, scenario)


def test_a_channel_that_fails_is_tried_again_and_holds_up_nobody_and_tells_no_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(canned: Canned, desk: AlertDesk, post: Post) -> None:
        post.broken.add("mail")
        canned.services.news.put([alert(canned, "camera_not_recording", "raised", 601)])
        await soon(lambda: post.to("pager") and desk.lines["mail"].problem)
        mail = next(one for one in (await canned.get("/alerts"))["channels"] if one["name"] == "mail")
        assert (mail["ok"], mail["waiting"]) == (False, 1)
        assert mail["problem"].startswith("OSError: cannot reach")
        post.broken.clear()
        await soon(lambda: post.to("mail"))
        assert (await canned.get("/alerts"))["channels"][0]["ok"]
        assert "hunter" not in json.dumps(mail) + caplog.text

    playing(tmp_path, scenario)


def test_a_test_says_which_arrived(tmp_path: Path) -> None:
    async def scenario(canned: Canned, desk: AlertDesk, post: Post) -> None:
        post.broken.add("pager")
        answer = await canned.send("POST", "/alerts/test")
        assert [(one["name"], one["ok"]) for one in answer["channels"]] == [("mail", True), ("pager", False)]
        assert post.to("mail") == ["Evertape: a test"]

    playing(tmp_path, scenario)


def test_a_hub_that_begins_anew_tells_nothing_twice_and_what_ended_meanwhile(tmp_path: Path) -> None:
    async def scenario(canned: Canned) -> None:
        first, news = Post(), canned.services.news
        desk = desk_of(canned, first)
        raised = [alert(canned, "camera_not_recording", "raised", 590), alert(canned, "footage_damaged", "raised", 591)]
        with Index.open(canned.root / "index.sqlite3") as index:
            index.apply(raised, Cursor("f", 2))
        news.put(raised)
        await soon(lambda: first.to("mail"))
        file = canned.root / "state" / FILE
        await soon(lambda: file.exists() and '"told": true' in file.read_text())
        await desk.close()

        canned.clock.advance(60_000_000_000)
        with Index.open(canned.root / "index.sqlite3") as index:
            index.apply([alert(canned, "footage_damaged", "ended", 620)], Cursor("f", 3))
        second = Post()
        desk = desk_of(canned, second)
        await soon(lambda: second.to("mail"))
        assert second.to("mail") == ["Evertape: over: door: footage_damaged raised"]
        assert [one.kind for one in desk.active] == ["camera_not_recording"]
        await desk.close()

    play(tmp_path, scenario)


def test_a_volume_that_holds_too_little_is_warned_of(tmp_path: Path) -> None:
    async def scenario(canned: Canned, desk: AlertDesk, post: Post) -> None:
        desk._tasks[1].cancel()  # what it finds by itself would get in between
        desk._forecast({"usb1": 0.5}, 2.0)
        await soon(lambda: post.to("mail"))
        assert "holds 0.5 days of footage" in post.sent[0][2]
        canned.clock.advance(60_000_000_000)
        desk._forecast({}, 2.0)
        await soon(lambda: len(post.to("mail")) == 2)
        assert "enough days" in post.sent[-1][2]

    playing(tmp_path, scenario)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mailto://ann:secret@example.org", "mailto://example.org"),
        ("tgram://123456:secret/987", "tgram://"),
        ("slack://secret/secret/secret", "slack://"),
        ("json://ann:secret@host:8080/secret", "json://host"),
    ],
)
def test_of_a_url_only_what_is_no_secret_is_shown(url: str, said: str) -> None:
    assert shown(url) == said


def test_the_hub_and_the_supervisor_keep_their_states_apart() -> None:
    own = {value for name, value in vars(state_files).items() if name.isupper() and isinstance(value, str)}
    assert own and FILE not in own
