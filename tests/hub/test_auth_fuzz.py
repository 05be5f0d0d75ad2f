"""Whatever the OpenAPI document allows, and much that it does not, is answered as the document says."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok

from evertape.domain.roles import Role
from evertape.errors import NotRunningError, UsageError
from evertape.hub.auth.accounts import Accounts
from evertape.hub.serving import Server, configured, listen
from hub.auth_case import PASSWORD, CannedEngine, make_case

SECONDS = 30.0
"""The budget, whatever the number of routes: each gets its share."""
LONGEST = 75.0
"""On a machine so busy that little was sent in that time: more of it, until it is enough or this is over."""
MOST_EXAMPLES = 25
SECRETS = ("hunter2secret", PASSWORD, "$argon2")
CHILDREN = ("probe", "exports", "snapshot", "alerts/test")
"""Routes that start a process or knock on a network: bad data for them is tested where they are."""


class Whimsical(CannedEngine):
    """Refuses, is away, or agrees, in turn."""

    async def ask(self, verb: str, timeout_s: float = 1.0, **args: Any) -> Any:
        self.asked.append((verb, {}))
        if verb == "audit_trail":
            return {}
        if len(self.asked) % 2:
            raise UsageError("the engine refuses")
        raise NotRunningError("the engine is not running")


@pytest.fixture
def base(tmp_path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The URL of a hub that runs in a thread, an admin's token, and its OpenAPI document."""
    case = make_case(tmp_path)
    case.services.engine = Whimsical()
    (tmp_path / "evertape.toml").write_text("[installation]\nname = 'x'\n")
    sock = listen("127.0.0.1:0")
    server = Server(configured(case.app, None))
    secret: list[str] = []

    async def run() -> None:
        accounts: Accounts = case.security.accounts
        await accounts.make("admin", PASSWORD, Role.ADMIN, frozenset())
        secret.append((await accounts.make_token("admin", "fuzz", Role.ADMIN, None)).secret)
        await server.serve(sockets=[sock])
        await case.security.trail.close(0)
        accounts.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{sock.getsockname()[1]}", secret[0], case.app.openapi()
    server.should_exit = True
    thread.join(20)
    sock.close()
    assert not thread.is_alive()


class Fuzz:
    """What was sent, and what should not have come back."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._checks = CHECKS.get_by_names(
            ["status_code_conformance", "content_type_conformance", "response_schema_conformance"]
        )
        self.found: list[str] = []
        self.answers: Counter[int] = Counter()

    @property
    def enough(self) -> bool:
        """There was some of everything."""
        return self.answers[422] > 50 and bool({200, 201} & set(self.answers))

    def play(self, operation: Any, mode: GenerationMode, number: int, seconds: float) -> None:
        """Send data of one route, until it is enough or time is up."""
        until = time.monotonic() + seconds

        @seed(number)
        @settings(
            max_examples=MOST_EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck), verbosity=Verbosity.quiet,
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def attempt(case: Any) -> None:
            if time.monotonic() < until:
                self.send(case)

        with contextlib.suppress(Unsatisfiable):  # nothing about this route can be wrong
            attempt()

    def send(self, case: Any) -> None:
        answer = case.call(base_url=self._url, headers=self._headers, timeout=20)
        self.answers[answer.status_code] += 1
        where = f"{case.method} {case.formatted_path} {case.body!r:.100}"
        if answer.status_code == 500:
            self.found.append(f"{where}: 500 {answer.text[:200]}")
        if any(secret in answer.text for secret in SECRETS):
            self.found.append(f"{where}: a secret in the answer")
        try:
            case.validate_response(answer, checks=self._checks)
        except FailureGroup as group:
            self.found += [f"{where}: {failure.title}: {failure.message}" for failure in group.exceptions]


@pytest.mark.timeout(180)
def test_no_data_makes_a_mistake_of_ours_and_every_answer_is_documented(
    base: tuple[str, str, dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    url, token, document = base
    schema, fuzz = schemathesis.openapi.from_dict(document), Fuzz(url, token)
    operations = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    wanted = [op for op in operations if not any(word in op.path for word in CHILDREN)]
    assert len(wanted) > 10
    rounds = [(op, mode) for op in wanted for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)]
    latest, number = time.monotonic() + LONGEST, 0
    while not fuzz.enough and time.monotonic() < latest:
        end = time.monotonic() + SECONDS
        for done, (operation, mode) in enumerate(rounds):
            fuzz.play(operation, mode, number, (end - time.monotonic()) / (len(rounds) - done))
            number += 1
    print(  # noqa: T201 - the figures, for whoever reads the run
        f"fuzzed {len(wanted)} routes, {fuzz.answers.total()} requests: {dict(sorted(fuzz.answers.items()))}"
    )
    assert fuzz.found == [], "\n".join(dict.fromkeys(fuzz.found))
    assert fuzz.enough
    assert "Traceback" not in caplog.text
