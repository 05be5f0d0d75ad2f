"""Logging in and out, over HTTP: the one-time link, sessions, CSRF, tokens, rate limits."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from evertape.domain.roles import Role
from evertape.hub.auth.guard import COOKIE, CSRF_HEADER
from evertape.hub.auth.passwords import AT_ONCE, WAITING, Passwords
from evertape.hub.auth.refusal import Refusal
from evertape.hub.auth.sessions import IDLE_NS, LONGEST_NS, kept
from evertape.store.accounts import FILE
from evertape.types import NS_PER_S
from hub.auth_case import ORIGIN, PASSWORD, Case, cheap, error_code, run

SESSION, SETUP, USERS, TOKENS = (f"/api/v1/{name}" for name in ("session", "setup", "users", "tokens"))
WRONG = {"name": "jo", "password": "wrong password"}
RIGHT = {"name": "jo", "password": PASSWORD}


# -- the first account --------------------------------------------------------------------------------------


def test_the_first_account_is_made_by_the_link_and_the_link_is_good_once(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        token = await case.security.accounts.begin()
        place = tmp_path / "setup.token"
        assert stat.S_IMODE(place.stat().st_mode) == 0o600 and len(token) >= 43
        assert await case.security.accounts.begin() == token, "the same after a restart"
        async with case.client() as client:
            assert error_code(await client.get(SESSION)) == "setup_needed"
            assert error_code(await client.post(SESSION, json=RIGHT)) == "setup_needed"
            wrong = await client.post(SETUP, json={**RIGHT, "token": token[:-1]})
            assert (wrong.status_code, error_code(wrong)) == (403, "setup_refused")
            short = await client.post(SETUP, json={"name": "jo", "password": "short", "token": token})
            assert short.status_code == 422 and "short" not in short.text.replace("too short", "")
            done = await client.post(SETUP, json={**RIGHT, "name": "Jo", "token": token})
            assert done.status_code == 201 and done.json()["role"] == "admin" and done.json()["name"] == "jo"
            assert (await client.get(SESSION)).json()["csrf"] == done.json()["csrf"]
            assert not place.exists()
            again = await client.post(SETUP, json={"name": "eve", "password": PASSWORD, "token": token})
            assert (again.status_code, error_code(again)) == (403, "setup_refused")
        assert await case.security.accounts.begin() == "" and not place.exists()

    run(tmp_path, scenario)


def test_guessing_the_link_is_limited(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.security.accounts.begin()
        async with case.client() as client:
            codes = [(await client.post(SETUP, json={**RIGHT, "token": str(n)})).status_code for n in range(7)]
        assert codes == [403] * 5 + [429] * 2

    run(tmp_path, scenario)


# -- sessions -----------------------------------------------------------------------------------------------


def test_a_login_sets_a_cookie_that_only_the_browser_and_only_our_page_uses(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        async with case.client() as client:
            answer = await client.post(SESSION, json=RIGHT)
        cookie = answer.headers["set-cookie"].lower()
        told = answer.json()
        assert len(told.pop("csrf")) == 64
        assert told == {"name": "jo", "role": "admin", "cameras": [], "via": "session", "warnings": []}
        for word in ("httponly", "samesite=strict", "path=/;", "max-age=1209600"):
            assert word in cookie + ";"
        assert "secure" not in cookie and "domain" not in cookie
        async with case.client() as client:
            client.base_url = ORIGIN.replace("http", "https")
            assert "secure" in (await client.post(SESSION, json=RIGHT)).headers["set-cookie"].lower()

    run(tmp_path, scenario)


def test_what_is_stored_does_not_let_anybody_in(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        browser, program = await case.browser("jo"), await case.token("jo")
        cookie = browser.cookies[COOKIE]
        bearer = program.headers["Authorization"].removeprefix("Bearer ")
        held = b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE}*"))
        for secret in (cookie, bearer, PASSWORD, browser.headers[CSRF_HEADER]):
            assert secret.encode() not in held
        for stored in (kept(cookie), kept(bearer)):
            assert stored.encode() in held
            async with case.client(cookies={COOKIE: stored}) as thief:
                assert (await thief.get(SESSION)).status_code == 401
            async with case.client(headers={"Authorization": f"Bearer {stored}"}) as thief:
                assert (await thief.get(SESSION)).status_code == 401
        assert (await browser.get(SESSION)).status_code == (await program.get(SESSION)).status_code == 200

    run(tmp_path, scenario)


def test_each_login_has_a_new_secret_and_ends_the_session_before_it(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        browser = await case.browser("jo")
        old = browser.cookies[COOKIE]
        # Somebody planted a cookie of his own choice before the login: it is not adopted.
        assert (await browser.post(SESSION, json=RIGHT)).status_code == 200
        assert browser.cookies[COOKIE] != old
        async with case.client(cookies={COOKIE: old}) as thief:
            assert (await thief.get(SESSION)).status_code == 401
        async with case.client(cookies={COOKIE: "planted"}) as victim:
            answer = await victim.post(SESSION, json=RIGHT, headers={"Origin": ORIGIN})
            assert answer.cookies[COOKIE] != "planted"

    run(tmp_path, scenario)


def test_logging_out_ends_the_session_and_forgets_the_cookie(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        browser = await case.browser("jo")
        cookie = browser.cookies[COOKIE]
        answer = await browser.delete(SESSION)
        assert answer.status_code == 204 and COOKIE not in browser.cookies
        async with case.client(cookies={COOKIE: cookie}) as thief:
            assert error_code(await thief.get(SESSION)) == "not_logged_in"

    run(tmp_path, scenario)


def test_a_session_ends_after_twelve_idle_hours_and_after_fourteen_days(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        idle, busy = await case.browser("jo"), await case.browser("jo")
        case.clock.advance(IDLE_NS - 60 * NS_PER_S)
        assert (await busy.get(SESSION)).status_code == 200
        case.clock.advance(60 * NS_PER_S)
        assert (await idle.get(SESSION)).status_code == 401
        assert (await busy.get(SESSION)).status_code == 200
        for _ in range(2 * LONGEST_NS // IDLE_NS - 3):
            case.clock.advance(IDLE_NS // 2)
            assert (await busy.get(SESSION)).status_code == 200
        case.clock.advance(IDLE_NS // 2)
        assert (await busy.get(SESSION)).status_code == 401

    run(tmp_path, scenario)


def test_a_changed_password_ends_the_other_sessions_at_once(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        here, elsewhere = await case.browser("jo"), await case.browser("jo")
        new = "another horse entirely"
        without = await here.patch(f"{USERS}/jo", json={"password": new})
        assert (without.status_code, error_code(without)) == (403, "wrong_password")
        done = await here.patch(f"{USERS}/jo", json={"password": new, "old_password": PASSWORD})
        assert done.status_code == 200 and new not in done.text
        assert (await here.get(SESSION)).status_code == 200
        assert (await elsewhere.get(SESSION)).status_code == 401
        async with case.client() as client:
            assert (await client.post(SESSION, json=RIGHT)).status_code == 401
            assert (await client.post(SESSION, json={**RIGHT, "password": new})).status_code == 200

    run(tmp_path, scenario)


# -- another site's page ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers, code",
    [
        ({"Origin": "http://evil.example"}, "wrong_origin"),
        ({"Origin": "null"}, "wrong_origin"),
        ({"Origin": ""}, "wrong_origin"),
        ({CSRF_HEADER: ""}, "csrf"),
        ({CSRF_HEADER: "0" * 64}, "csrf"),
    ],
)
def test_a_cookie_changes_nothing_without_our_origin_and_the_csrf_value(
    tmp_path: Path, headers: dict[str, str], code: str
) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        browser = await case.browser("jo")
        refused = await browser.post(TOKENS, json={"name": "x"}, headers=headers)
        assert (refused.status_code, error_code(refused)) == (403, code)
        assert (await browser.post(TOKENS, json={"name": "x"})).status_code == 201
        del browser.headers["Origin"]
        assert error_code(await browser.post(TOKENS, json={"name": "x"})) == "wrong_origin"
        assert len((await browser.get(TOKENS)).json()["tokens"]) == 1

    run(tmp_path, scenario)


def test_another_site_cannot_log_a_browser_in(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        async with case.client(headers={"Origin": "http://evil.example"}) as client:
            refused = await client.post(SESSION, json=RIGHT)
            assert (refused.status_code, error_code(refused)) == (403, "wrong_origin")
            assert "set-cookie" not in refused.headers
        async with case.client() as client:
            # What a form can send without asking first is not JSON by its type.
            form = await client.post(
                SESSION, content='{"name": "jo", "password": "correct horse"}', headers={"Content-Type": "text/plain"}
            )
            assert form.status_code == 422

    run(tmp_path, scenario)


def test_a_token_needs_neither_origin_nor_csrf_and_is_judged_alone(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        program, browser = await case.token("jo"), await case.browser("jo")
        assert (await program.post(USERS, json={"name": "ann", "password": PASSWORD})).status_code == 201
        bad = await browser.get(SESSION, headers={"Authorization": "Bearer et_wrong"})
        assert (bad.status_code, error_code(bad)) == (401, "token_refused")
        for header in ("Bearer", "Basic am86eA==", "Bearer ", "et_x", "Bearer \xff"):
            async with case.client() as client:
                answer = await client.get(SESSION, headers={b"Authorization": header.encode("latin-1")})
                assert answer.status_code == 401, header

    run(tmp_path, scenario)


# -- wrong passwords ----------------------------------------------------------------------------------------


def test_five_wrong_passwords_a_minute_and_then_429_until_it_is_over(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        async with case.client() as client:
            for _ in range(5):
                answer = await client.post(SESSION, json=WRONG)
                assert (answer.status_code, error_code(answer)) == (401, "wrong_password")
            case.clock.advance(20 * NS_PER_S)
            blocked = await client.post(SESSION, json=RIGHT)
            assert (blocked.status_code, blocked.headers["retry-after"]) == (429, "40")
            case.clock.advance(40 * NS_PER_S)
            assert (await client.post(SESSION, json=RIGHT)).status_code == 200

    run(tmp_path, scenario)


def test_the_limit_is_per_name_and_per_address_and_an_ipv6_network_is_one(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")

        async def attempt(name: str, address: str) -> int:
            async with case.client(address) as client:
                return (await client.post(SESSION, json={"name": name, "password": "wrong password"})).status_code

        for n in range(5):
            assert await attempt("jo", f"192.0.2.{n}") == 401
        assert await attempt("JO ", "192.0.2.9") == 429, "the name has had its five, however it is written"
        for n in range(5):
            assert await attempt(f"somebody{n}", f"2001:db8::{n + 1:x}") == 401
        assert await attempt("anybody", "2001:db8::ffff") == 429, "and so has the network"
        assert await attempt("anybody", "2001:db8:0:1::1") == 401

    run(tmp_path, scenario)


def test_many_at_once_do_not_slip_through(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        async with case.client() as client:
            answers = await asyncio.gather(*(client.post(SESSION, json=WRONG) for _ in range(12)))
        assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 7

    run(tmp_path, scenario)


def test_right_passwords_are_not_counted(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        async with case.client() as client:
            codes = {(await client.post(SESSION, json=RIGHT)).status_code for _ in range(9)}
        assert codes == {200}

    run(tmp_path, scenario)


def test_a_missing_name_costs_as_much_as_a_wrong_password_and_is_told_as_that(tmp_path: Path) -> None:
    class Counting(PasswordHasher):
        verified = 0

        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            Counting.verified += 1
            return super().verify(hash, password)

    async def scenario(case: Case) -> None:
        await case.account("jo")
        accounts = case.security.accounts
        accounts._passwords = Passwords(Counting(time_cost=1, memory_cost=8, parallelism=1))
        texts = set()
        async with case.client() as client:
            for n, name in enumerate(("jo", "nobody", "no name / at all")):
                answer = await client.post(SESSION, json={"name": name, "password": "wrong password"})
                assert Counting.verified == n + 1
                texts.add((answer.status_code, answer.text))
        assert len(texts) == 1
        # The hash that a missing name is compared with was made by the same parameters.
        nobody = accounts._passwords._hash_of_nobody()
        assert nobody.split("$")[3] == (await accounts.named("jo")).hash.split("$")[3]
        accounts._passwords.close()

    run(tmp_path, scenario)


def test_at_most_two_passwords_are_hashed_at_a_time_and_few_wait() -> None:
    import threading

    gate, entered, most = threading.Event(), [0], [0]

    class Slow(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            entered[0] += 1
            most[0] = max(most[0], entered[0])
            gate.wait(10)
            entered[0] -= 1
            return "hash"

    async def scenario() -> None:
        passwords = Passwords(Slow())
        waiting = [asyncio.ensure_future(passwords.hash("x")) for _ in range(AT_ONCE + WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Refusal) as refused:
            await passwords.hash("x")
        assert refused.value.status_code == 503
        gate.set()
        assert await asyncio.gather(*waiting) == ["hash"] * len(waiting)
        assert await passwords.hash("x") == "hash"
        passwords.close()

    asyncio.run(scenario())
    assert most[0] == AT_ONCE


def test_a_hash_by_older_parameters_is_renewed_at_the_next_login(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        accounts = case.security.accounts
        old = (await accounts.named("jo")).hash
        accounts._passwords = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
        async with case.client() as client:
            assert (await client.post(SESSION, json=RIGHT)).status_code == 200
            new = (await accounts.named("jo")).hash
            assert new != old and ",t=2," in new
            assert (await client.post(SESSION, json=RIGHT)).status_code == 200
        accounts._passwords.close()

    run(tmp_path, scenario)


# -- the file of accounts -----------------------------------------------------------------------------------


def test_without_the_file_of_accounts_nobody_is_let_in_and_it_is_said_why(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        browser = await case.browser("jo")
        case.clock.advance(2 * NS_PER_S)
        case.security.accounts._store.close()  # type: ignore[union-attr]
        for path in tmp_path.glob(f"{FILE}*"):
            os.truncate(path, 0)
            path.write_bytes(b"rubbish " * 4096)
        answer = await browser.get(SESSION)
        assert (answer.status_code, error_code(answer)) == (503, "accounts_away")

    run(tmp_path, scenario)


def test_what_a_verb_on_the_machine_changes_holds_within_a_second(tmp_path: Path) -> None:
    from evertape.store.accounts import AccountStore

    async def scenario(case: Case) -> None:
        await case.account("jo")
        browser, program = await case.browser("jo"), await case.token("jo")
        await browser.get(SESSION)
        verb = AccountStore(tmp_path / FILE)
        verb.change("jo", role=Role.ADMIN, password=("another", 1))
        verb.remove_token(verb.tokens()[0].id)
        verb.close()
        case.clock.advance(NS_PER_S + 1)
        assert (await browser.get(SESSION)).status_code == 401
        assert (await program.get(SESSION)).status_code == 401

    run(tmp_path, scenario)


def test_the_hashes_of_the_product_take_what_is_recommended() -> None:
    from evertape.hub.auth.passwords import hasher

    made = hasher().hash("x")
    assert made.startswith("$argon2id$v=19$m=19456,t=3,p=1$")
    assert cheap() is not None
