"""Who may what: roles on every route, cameras that one may not see, accounts, tokens, and who did what."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, WebSocket
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import HTTPConnection

from evertape.domain.roles import Role
from evertape.errors import NotRunningError
from evertape.hub.api.asking import Operator, Viewer
from evertape.hub.app import API, ROUTERS
from evertape.hub.auth import guard
from evertape.hub.auth.guard import COOKIE, Who
from evertape.hub.auth.recheck import Recheck
from evertape.hub.auth.refusal import Refusal, not_logged_in
from evertape.hub.auth.trail import MOST, Entry, Trail
from evertape.hub.errors import unknown
from evertape.types import NS_PER_S
from hub.auth_case import ORIGIN, PASSWORD, Case, error_code, run

USERS, TOKENS, SESSION = (f"{API}/{name}" for name in ("users", "tokens", "session"))
OPEN = {("POST", "/session"), ("GET", "/session"), ("POST", "/setup")}
"""What everybody may ask: see docs/design/hub.md."""

extra = APIRouter()


@extra.get("/test/cameras/{camera}")
async def camera_(camera: str, who: Viewer) -> dict[str, str]:
    if camera not in ("door", "gate") or not who.sees(camera):
        raise unknown("camera", camera, known=who.visible(["door", "gate"]))
    return {"camera": camera}


@extra.post("/test/cameras/{camera}/restart")
async def restart_(camera: str, _who: Operator) -> dict[str, str]:
    if camera == "bad":
        raise ValueError("a mistake")
    return {"camera": camera}


@extra.websocket("/test/live")
async def live_(socket: WebSocket, who: Viewer) -> None:
    await socket.accept()
    await socket.send_text(who.name)
    await socket.close()


# -- roles --------------------------------------------------------------------------------------------------


def _guards(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _guards(inner)


def test_every_route_asks_who_is_asking() -> None:
    known = {guard.viewer, guard.operator, guard.admin}
    seen = 0
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute | APIWebSocketRoute)
            methods = getattr(route, "methods", None) or {"WEBSOCKET"}
            if OPEN.isdisjoint((method, route.path) for method in methods):
                seen += 1
                assert known & set(_guards(route.dependant)), route.path
    assert seen > 5


def test_nobody_may_nothing_and_each_role_what_it_may(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        for role in Role:
            await case.account(role.value, role)
        may = {}
        people = [await case.browser(role.value) for role in Role]
        for name, person in zip(["nobody", *Role], [case.client(), *people], strict=True):
            asked = [
                await person.get("/api/v1/test/cameras/door"),
                await person.post("/api/v1/test/cameras/door/restart"),
                await person.get(USERS),
            ]
            may[str(name)] = [answer.status_code for answer in asked]
        assert may == {
            "nobody": [401, 401, 401],
            "viewer": [200, 403, 403],
            "operator": [200, 200, 403],
            "admin": [200, 200, 200],
        }

    run(tmp_path, scenario, extra)


def test_a_camera_that_one_may_not_see_does_not_exist(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        await case.account("ann", Role.VIEWER, frozenset({"door"}))
        ann, jo = await case.browser("ann"), await case.browser("jo")
        assert (await ann.get("/api/v1/test/cameras/door")).status_code == 200
        assert (await jo.get("/api/v1/test/cameras/gate")).status_code == 200
        hidden, missing = [await ann.get(f"/api/v1/test/cameras/{name}") for name in ("gate", "yard")]
        assert hidden.status_code == missing.status_code == 404
        assert hidden.text == missing.text.replace("yard", "gate")
        assert (await ann.get(SESSION)).json()["cameras"] == ["door"]

    run(tmp_path, scenario, extra)


# -- accounts -----------------------------------------------------------------------------------------------


def test_accounts_are_made_changed_and_removed_by_an_admin(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        jo = await case.browser("jo")
        new = {"name": "Ann", "password": PASSWORD, "role": "viewer", "cameras": ["door"]}
        made = await jo.post(USERS, json=new)
        assert made.status_code == 201 and made.json()["name"] == "ann" and PASSWORD not in made.text
        twice = await jo.post(USERS, json=new)
        assert (twice.status_code, error_code(twice)) == (409, "user_exists")
        strange = await jo.post(USERS, json={**new, "name": "bob", "cameras": ["yard"]})
        assert (strange.status_code, error_code(strange)) == (422, "camera_unknown")
        odd = await jo.post(USERS, json={**new, "name": "bob", "is_god": True})
        assert (odd.status_code, error_code(odd)) == (422, "request_invalid")
        assert [user["name"] for user in (await jo.get(USERS)).json()["users"]] == ["ann", "jo"]
        ann = await case.browser("ann")
        assert (await jo.patch(f"{USERS}/ann", json={"cameras": []})).json()["cameras"] == []
        assert (await ann.get(SESSION)).json()["cameras"] == [], "in force at once"
        assert (await jo.delete(f"{USERS}/ann")).status_code == 204
        assert (await ann.get(SESSION)).status_code == 401
        gone = await jo.delete(f"{USERS}/ann")
        assert (gone.status_code, error_code(gone)) == (404, "user_unknown")

    run(tmp_path, scenario)


def test_the_last_admin_can_neither_go_nor_step_down(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        jo = await case.browser("jo")
        for answer in (await jo.delete(f"{USERS}/jo"), await jo.patch(f"{USERS}/jo", json={"role": "viewer"})):
            assert (answer.status_code, error_code(answer)) == (409, "last_admin")
        await case.account("eve")
        assert (await jo.delete(f"{USERS}/jo")).status_code == 204

    run(tmp_path, scenario)


def test_everybody_may_change_his_own_password_and_nothing_else(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        await case.account("ann", Role.VIEWER)
        ann = await case.browser("ann")
        new = {"password": "another horse entirely", "old_password": PASSWORD}
        for name, change in (("ann", {"role": "admin"}), ("ann", {"cameras": []}), ("jo", new), ("nobody", new)):
            refused = await ann.patch(f"{USERS}/{name}", json=change)
            assert (refused.status_code, error_code(refused)) == (403, "not_allowed")
        assert (await ann.patch(f"{USERS}/ann", json=new)).status_code == 200
        await case.browser("ann", "another horse entirely")

    run(tmp_path, scenario)


def test_guessing_the_old_password_is_limited_like_a_login(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        jo = await case.browser("jo")
        change = {"password": "another horse entirely", "old_password": "wrong password"}
        codes = [(await jo.patch(f"{USERS}/jo", json=change)).status_code for _ in range(6)]
        assert codes == [403] * 5 + [429]

    run(tmp_path, scenario)


# -- tokens -------------------------------------------------------------------------------------------------


def test_a_token_may_no_more_than_its_owner_may_now(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        await case.account("ann", Role.OPERATOR, frozenset({"door"}))
        ann = await case.browser("ann")
        above = await ann.post(TOKENS, json={"name": "x", "role": "admin"})
        assert (above.status_code, error_code(above)) == (403, "not_allowed")
        program = await case.token("ann", Role.OPERATOR)
        assert (await program.post("/api/v1/test/cameras/door/restart")).status_code == 200
        assert (await program.get("/api/v1/test/cameras/gate")).status_code == 404
        jo = await case.browser("jo")
        await jo.patch(f"{USERS}/ann", json={"role": "viewer"})
        assert (await program.post("/api/v1/test/cameras/door/restart")).status_code == 403
        await jo.delete(f"{USERS}/ann")
        assert (await program.get("/api/v1/test/cameras/door")).status_code == 401

    run(tmp_path, scenario, extra)


def test_a_token_is_shown_once_ends_when_it_says_and_makes_no_others(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        jo = await case.browser("jo")
        made = (await jo.post(TOKENS, json={"name": "mine", "role": "admin"})).json()
        listed = await jo.get(TOKENS)
        assert made["token"].startswith("et_") and made["token"] not in listed.text
        assert listed.json()["tokens"][0] == {key: value for key, value in made.items() if key != "token"}
        past = await jo.post(TOKENS, json={"name": "x", "ends": "2001-01-01T00:00:00Z"})
        assert (past.status_code, error_code(past)) == (422, "ends_invalid")
        async with case.client(headers={"Authorization": f"Bearer {made['token']}"}) as program:
            assert (await program.get(SESSION)).json()["via"] == "token"
            bred = await program.post(TOKENS, json={"name": "child"})
            assert (bred.status_code, error_code(bred)) == (403, "not_by_token")
            assert (await jo.delete(f"{TOKENS}/{made['id']}")).status_code == 204
            assert error_code(await program.get(SESSION)) == "token_refused"
        short = await case.token("jo", ends=case.clock.utc_ns() + NS_PER_S)
        assert (await short.get(SESSION)).status_code == 200
        case.clock.advance(NS_PER_S)
        assert (await short.get(SESSION)).status_code == 401

    run(tmp_path, scenario)


def test_somebody_elses_tokens_are_neither_seen_nor_ended_but_by_an_admin(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        await case.account("ann", Role.VIEWER)
        await case.token("jo")
        ann, jo = await case.browser("ann"), await case.browser("jo")
        own = (await ann.post(TOKENS, json={"name": "own"})).json()
        assert [token["id"] for token in (await ann.get(TOKENS)).json()["tokens"]] == [own["id"]]
        tokens = (await jo.get(TOKENS)).json()["tokens"]
        assert len(tokens) == 2
        other = next(token["id"] for token in tokens if token["user"] == "jo")
        assert (await ann.delete(f"{TOKENS}/{other}")).status_code == 404
        assert (await jo.delete(f"{TOKENS}/{own['id']}")).status_code == 204

    run(tmp_path, scenario)


# -- WebSockets ---------------------------------------------------------------------------------------------


async def knock(case: Case, headers: dict[str, str]) -> list[dict[str, Any]]:
    """What the application says to a WebSocket that asks to be let in."""
    said: list[dict[str, Any]] = []
    asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    asked.put_nowait({"type": "websocket.connect"})
    scope = {
        "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws",
        "path": f"{API}/test/live", "raw_path": b"", "query_string": b"", "root_path": "",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8480),
        "headers": [(k.lower().encode(), v.encode()) for k, v in {"Host": "127.0.0.1:8480", **headers}.items()],
        "subprotocols": [], "state": {}, "extensions": {"websocket.http.response": {}},
    }  # fmt: skip

    async def send(message: Any) -> None:
        said.append(dict(message))

    await case.app(scope, asked.get, send)
    return said


def test_a_websocket_has_to_come_from_our_page_or_with_a_token(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        browser, program = await case.browser("jo"), await case.token("jo")
        cookie = {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
        bearer = {"Authorization": program.headers["Authorization"]}
        let_in = [{**cookie, "Origin": ORIGIN}, bearer, {**bearer, "Origin": ORIGIN}]
        for headers in let_in:
            assert (await knock(case, headers))[0]["type"] == "websocket.accept", headers
        evil = {"Origin": "http://evil.example"}
        refused = {
            401: [{}, {"Origin": ORIGIN}, {"Authorization": "Bearer et_x"}],
            403: [cookie, {**cookie, **evil}, {**bearer, **evil}],
            421: [{**cookie, "Host": "evil.example", "Origin": "http://evil.example"}],
        }
        for status, attempts in refused.items():
            for headers in attempts:
                first = (await knock(case, headers))[0]
                assert (first["type"], first["status"]) == ("websocket.http.response.start", status), headers

    run(tmp_path, scenario, extra)


class Talk:
    """A WebSocket's client: hears everything, says nothing."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._said.put_nowait({"type": "websocket.connect"})
        self.receive = self._said.get

    async def send(self, message: Any) -> None:
        self.heard.append(dict(message))


class Changing:
    """Knows somebody, until he changes or is nobody any more."""

    def __init__(self) -> None:
        self.who: Who | Refusal = Who("ann", Role.VIEWER)

    async def identify(self, connection: HTTPConnection) -> Who:
        if isinstance(self.who, Refusal):
            raise self.who
        connection.state.who = self.who
        return self.who


@pytest.mark.parametrize("sends", [True, False])
@pytest.mark.parametrize(
    "then, goes",
    [
        (not_logged_in(), True),
        (Who("ann", Role.VIEWER, frozenset({"door"})), True),
        (Who("ann", Role.OPERATOR), True),
        (Refusal(503, "accounts_away", "the disk hangs"), False),
        (Who("ann", Role.VIEWER), False),
    ],
)
def test_a_websocket_ends_when_who_opened_it_may_not_stay(then: Who | Refusal, goes: bool, sends: bool) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await authority.identify(HTTPConnection(scope))
        await send({"type": "websocket.accept"})
        authority.who = then
        while sends:
            await send({"type": "websocket.send", "text": "x"})
            await asyncio.sleep(0.005)
        assert (await receive())["type"] == "websocket.disconnect"

    async def scenario() -> None:
        talk = Talk()
        work = asyncio.ensure_future(
            Recheck(app, authority, every_s=0.01)({"type": "websocket", "headers": []}, talk.receive, talk.send)
        )
        done, _ = await asyncio.wait({work}, timeout=5.0 if goes else 0.1)
        assert bool(done) is goes
        if goes:
            assert isinstance(work.exception(), OSError) is sends
            closes = [message["code"] for message in talk.heard if message["type"] == "websocket.close"]
            assert closes == [1008] and talk.heard[-1]["type"] == "websocket.close"
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    authority = Changing()
    asyncio.run(scenario())


# -- the trail ----------------------------------------------------------------------------------------------


def test_every_change_is_on_the_trail_with_who_where_from_what_and_whether_it_worked(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        await case.account("ann", Role.VIEWER)
        jo, ann = await case.browser("jo", address="192.0.2.7"), await case.browser("ann")
        program = await case.token("jo")
        await jo.get("/api/v1/test/cameras/door")
        await jo.post("/api/v1/test/cameras/door/restart")
        await program.post("/api/v1/test/cameras/gate/restart")
        await ann.post("/api/v1/test/cameras/door/restart")
        await jo.post("/api/v1/test/cameras/bad/restart")
        await jo.post(USERS, json={"name": "eve", "password": PASSWORD})
        async with case.client() as client:
            await client.post(SESSION, json={"name": "jo", "password": "wrong password"})
            await client.post("/api/v1/test/cameras/door/restart")
        await case.security.trail.close()
        fields = ("who", "via", "address", "what", "target", "ok", "status")
        restart = "POST /test/cameras/{camera}/restart"
        assert [tuple(entry[name] for name in fields) for entry in case.engine.trail()] == [
            ("jo", "password", "192.0.2.7", "POST /session", "", True, 200),
            ("ann", "password", "127.0.0.1", "POST /session", "", True, 200),
            ("jo", "session", "192.0.2.7", restart, "door", True, 200),
            ("jo", "token a program", "127.0.0.1", restart, "gate", True, 200),
            ("ann", "session", "127.0.0.1", restart, "door", False, 403),
            ("jo", "session", "192.0.2.7", restart, "bad", False, 500),
            ("jo", "session", "192.0.2.7", "POST /users", "eve", True, 201),
            ("", "password", "127.0.0.1", "POST /session", "", False, 401),
        ]

    run(tmp_path, scenario, extra)


def test_strangers_cannot_fill_the_journal(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        for n in range(100):
            async with case.client(f"192.0.{n}.1") as client:
                await client.post(SESSION, json={"name": f"n{n}", "password": "wrong password"})
        await case.security.trail.close()
        assert len(case.engine.trail()) == 30

    run(tmp_path, scenario)


def test_what_the_engine_cannot_take_is_told_when_it_is_back() -> None:
    async def scenario() -> None:
        told: list[str] = []
        away = True

        async def ask(_verb: str, **args: Any) -> None:
            if away:
                raise NotRunningError("away")
            told.append(args["target"])

        trail = Trail(ask, again_s=0.001)
        for n in range(3):
            trail.put(Entry("jo", "session", "", "POST /x", str(n), True))
        await asyncio.sleep(0.01)
        assert told == []
        away = False
        await trail.close(5.0)
        assert told == ["0", "1", "2"]

    asyncio.run(scenario())


def test_the_trail_that_waits_is_bounded() -> None:
    async def scenario() -> None:
        async def ask(_verb: str, **_: Any) -> None:
            raise NotRunningError("away")

        trail = Trail(ask, again_s=60)
        for n in range(MOST + 10):
            trail.put(Entry("jo", "session", "", "POST /x", str(n), True))
        assert len(trail._waiting) == MOST and trail._waiting[-1].target == str(MOST + 9)
        await trail.close(0)

    asyncio.run(scenario())
