"""The key for programs on this machine."""

from __future__ import annotations

import stat
from pathlib import Path

from evertape.hub.auth.local_key import LocalKey, read_local_key
from evertape.ipc.places import run_dir
from hub.auth_case import Case, error_code, run


def _key(case: Case, folder: Path) -> str:
    assert case.security.key is not None
    run_dir(folder).mkdir(parents=True, exist_ok=True)
    case.security.key.write()
    return read_local_key(folder)


def test_whoever_reads_the_data_directory_is_let_in_without_an_account(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        key = _key(case, tmp_path)
        async with case.client() as client:
            answer = await client.get("/api/v1/session", headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 200 and answer.json()["role"] == "admin"
            assert key not in answer.text

    run(tmp_path, scenario)


def test_the_key_is_good_from_this_machine_only(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("ann")
        key = _key(case, tmp_path)
        bearer = {"Authorization": f"Bearer {key}"}
        async with case.client("192.0.2.7") as client:
            assert error_code(await client.get("/api/v1/session", headers=bearer)) == "token_refused"
        async with case.client() as client:
            passed_on = {**bearer, "X-Forwarded-For": "127.0.0.1"}
            assert error_code(await client.get("/api/v1/session", headers=passed_on)) == "token_refused"
            wrong = {"Authorization": f"Bearer {key}x"}
            assert error_code(await client.get("/api/v1/session", headers=wrong)) == "token_refused"

    run(tmp_path, scenario)


def test_only_its_owner_can_read_the_key_and_each_start_makes_another(tmp_path: Path) -> None:
    run_dir(tmp_path).mkdir(parents=True)
    LocalKey(tmp_path).write()
    first = read_local_key(tmp_path)
    path = run_dir(tmp_path) / "local.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    LocalKey(tmp_path).write()
    assert first != read_local_key(tmp_path) != ""


def test_where_no_hub_runs_there_is_no_key(tmp_path: Path) -> None:
    assert read_local_key(tmp_path) == ""
