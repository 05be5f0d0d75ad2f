"""``evertape hub …``: accounts from the machine itself, with the hub running or not."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evertape.cli.main import app
from evertape.hub.auth.setup import SetupLink
from evertape.hub.place import FILE
from evertape.ipc.places import run_dir
from hub.auth_case import PASSWORD, Case, run

NEW = "another horse entirely"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "evertape.toml").write_text('[cameras.door]\nurl = "rtsp://127.0.0.1:9/door"\n')
    return tmp_path


def evertape(data: Path, *words: str, stdin: str = "") -> tuple[int, str]:
    """Exit code, and what was printed, errors included."""
    done = CliRunner().invoke(app, ["--data", str(data), "hub", *words], input=stdin)
    return done.exit_code, done.output


def good(data: Path, *words: str, stdin: str = "") -> str:
    code, text = evertape(data, *words, stdin=stdin)
    assert code == 0, text
    return text


def bad(data: Path, *words: str, stdin: str = "") -> str:
    code, text = evertape(data, *words, stdin=stdin)
    assert code == 2, (code, text)
    return text


def people(data: Path) -> dict[str, Any]:
    users = json.loads(good(data, "users", "list", "--json"))["users"]
    return {user["name"]: (user["role"], user["cameras"]) for user in users}


def test_the_first_password_makes_an_admin_and_ends_the_one_time_link(data: Path) -> None:
    SetupLink(data).open()
    good(data, "password", "Jo", stdin=f"{PASSWORD}\n")
    assert people(data) == {"jo": ("admin", [])}
    assert not (data / "setup.token").exists()
    assert stat.S_IMODE((data / "accounts.sqlite3").stat().st_mode) == 0o600


def test_a_password_is_never_on_the_command_line_and_an_unfit_one_is_refused(data: Path) -> None:
    assert "too short" in bad(data, "password", "jo", stdin="short\n")
    assert "no password" in bad(data, "password", "jo", stdin="")
    assert people(data) == {}


def test_a_name_that_is_new_is_not_made_by_a_password(data: Path) -> None:
    good(data, "password", "jo", stdin=f"{PASSWORD}\n")
    assert "no account 'ann'" in bad(data, "password", "ann", stdin=f"{PASSWORD}\n")


def test_accounts_are_added_changed_and_removed(data: Path) -> None:
    assert "has to be an admin" in bad(data, "users", "add", "ann", stdin=f"{PASSWORD}\n")
    good(data, "users", "add", "jo", "--role", "admin", stdin=f"{PASSWORD}\n")
    assert "no camera 'yard'" in bad(data, "users", "add", "ann", "--camera", "yard", stdin=f"{PASSWORD}\n")
    good(data, "users", "add", "ann", "--camera", "door", stdin=f"{PASSWORD}\n")
    assert people(data) == {"ann": ("viewer", ["door"]), "jo": ("admin", [])}
    assert "last admin" in bad(data, "users", "remove", "jo")
    assert "last admin" in bad(data, "users", "edit", "jo", "--role", "viewer")
    good(data, "users", "edit", "ann", "--role", "admin", "--all-cameras")
    good(data, "users", "remove", "jo")
    assert people(data) == {"ann": ("admin", [])}


def test_a_token_is_printed_once_and_works_until_it_is_removed(data: Path) -> None:
    good(data, "users", "add", "jo", "--role", "admin", stdin=f"{PASSWORD}\n")
    good(data, "users", "add", "ann", stdin=f"{PASSWORD}\n")
    assert "cannot be admin" in bad(data, "token", "add", "ann", "--name", "x", "--role", "admin")
    secret = good(data, "token", "add", "jo", "--name", "a script", "--role", "admin", "--days", "3").strip()
    listed = good(data, "token", "list")
    assert "a script" in listed and secret not in listed

    async def scenario(case: Case) -> None:
        # The hub's clock stands at the beginning of 2026; the token ends later.
        async with case.client(headers={"Authorization": f"Bearer {secret}"}) as program:
            assert (await program.get("/api/v1/session")).json()["role"] == "admin"
            token = json.loads(good(data, "token", "list", "--json"))["tokens"][0]
            good(data, "token", "remove", token["id"])
            case.clock.advance(2_000_000_000)
            assert (await program.get("/api/v1/session")).status_code == 401

    run(data, scenario)
    assert "no token" in bad(data, "token", "remove", "nothing")


def test_a_password_set_on_the_machine_ends_the_sessions_of_a_running_hub(data: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        browser = await case.browser("jo")
        good(data, "password", "jo", stdin=f"{NEW}\n")
        case.clock.advance(2_000_000_000)
        assert (await browser.get("/api/v1/session")).status_code == 401

    run(data, scenario)


def test_url_prints_the_link_until_there_is_an_account(data: Path) -> None:
    code, text = evertape(data, "url")
    assert code == 3 and "no hub" in text
    place = run_dir(data, create=True)
    (place / FILE).write_text(json.dumps({"url": "https://127.0.0.1:8480", "pid": os.getpid()}))
    token = SetupLink(data).open()
    assert good(data, "url").strip() == f"https://127.0.0.1:8480/#setup={token}"
    good(data, "password", "jo", stdin=f"{PASSWORD}\n")
    assert good(data, "url").strip() == "https://127.0.0.1:8480"
    assert json.loads(good(data, "url", "--json"))["needs_setup"] is False
    (place / FILE).write_text("rubbish")
    assert evertape(data, "url")[0] == 3


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root, to make a file for somebody else")
def test_root_makes_the_file_for_whoever_owns_the_data_directory(data: Path) -> None:
    os.chown(data, 12345, 12345)
    good(data, "password", "jo", stdin=f"{PASSWORD}\n")
    good(data, "users", "list")
    assert {path.stat().st_uid for path in data.glob("accounts*")} == {12345}
