"""Row D6: a hub that is attacked answers good requests, tells no secret, and costs the recording nothing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from evertape_lab import LabCameras
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.hub_attack import Attack, IdleSockets, Tally
from evertape_lab.hub_bad_requests import Target
from hub.served_hub import ServedHub, until

pytestmark = pytest.mark.faults

REQUESTS = 10_000
IDLE = 200
ATTACKERS = 4
WARM_UP = 2_000
GOOD_S = 1.0
"""Within which a good request is answered."""
MARGIN_S = 1.0
"""As for the other rows: two cores, and other tests may be using them."""
GROWTH = 16 << 20
"""Bytes of the hub's own memory that eight thousand bad requests may leave behind: what its caches may hold."""
PASSWORD = "correct horse battery"


class GoodClient(threading.Thread):
    """Asks what a person asks, on a new connection each time, and notes how long it takes."""

    def __init__(self, hub: ServedHub, idle: IdleSockets) -> None:
        super().__init__(name="good")
        self._url = str(hub.http.base_url).rstrip("/")
        self._cookies = dict(hub.http.cookies)
        self._idle = idle
        self._over = threading.Event()
        self.took: list[float] = []
        self.bad: list[str] = []

    def run(self) -> None:
        kept = 0.0
        while not self._over.wait(0.2):
            if time.monotonic() - kept > 1.0:
                self._idle.keep()
                kept = time.monotonic()
            for path in ("/session", "/status"):
                began = time.monotonic()
                try:
                    answer = httpx.get(f"{self._url}{path}", cookies=self._cookies, timeout=30)
                    if answer.status_code != 200:
                        self.bad.append(f"{path}: {answer.status_code} {answer.text[:200]}")
                except httpx.HTTPError as error:
                    self.bad.append(f"{path}: {error!r}")
                self.took.append(time.monotonic() - began)

    def stop(self) -> None:
        self._over.set()
        self.join(60)


def private_bytes(pid: int) -> int:
    """What belongs to a process alone."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))


def attack(target: Target, secrets: list[str], count: int, seed: int) -> list[Tally]:
    attacks = [Attack(target, secrets, seed * 100 + n) for n in range(ATTACKERS)]
    threads = [threading.Thread(target=each.run, args=(count // ATTACKERS,)) for each in attacks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [each.tally for each in attacks]


def gains(hub: ServedHub) -> tuple[Target, list[str]]:
    """What an attacker may have found: a session and a token that are over; and what he must not learn."""
    url = hub.http.base_url
    live = dict(hub.http.cookies)["evertape_session"]
    token = hub.post("/tokens", {"name": "lost"}, 201)
    hub.http.delete(f"/tokens/{token['id']}")
    with httpx.Client(base_url=url, headers=dict(hub.http.headers)) as other:
        answer = other.post("/session", json={"name": "admin", "password": PASSWORD})
        expired = other.cookies["evertape_session"]
        other.headers["X-Evertape-CSRF"] = answer.json()["csrf"]
        assert other.delete("/session").status_code == 204
    assert url.port is not None
    secrets = [PASSWORD, live, hub.http.headers["X-Evertape-CSRF"], "s3cret", "$argon2", "PRIVATE KEY", "root:x:",
               "SQLite format", "rtsp://", "min_record_free"]  # fmt: skip
    return Target(url.host, url.port, expired, token["token"]), secrets


@pytest.mark.timeout(240)
def test_ten_thousand_bad_requests_and_two_hundred_idle_sockets_change_nothing(tmp_path: Path) -> None:
    with LabCameras(1, user="viewer", password="s3cret") as lab:
        hub = ServedHub(tmp_path / "data", f'[cameras.cam_01]\nurl = "{lab.urls[0]}"\n')
        hub.start()
        try:
            hub.log_in()
            until(lambda: hub.frames("cam_01") > 25, "it is recorded")
            target, secrets = gains(hub)
            pid = hub.pid("hub")
            tallies = attack(target, secrets, WARM_UP, 1)
            before, idle = private_bytes(pid), IdleSockets(target, IDLE)
            good = GoodClient(hub, idle)
            idle.keep()
            good.start()
            began = time.monotonic()
            tallies += attack(target, secrets, REQUESTS - WARM_UP, 2)
            took = time.monotonic() - began
            good.stop()
            idle.close()
            grown = private_bytes(pid) - before
            assert hub.pid("hub") == pid, "it was replaced"
            hub.get("/status")
        finally:
            hub.stop()
    answers = sum((tally.answers for tally in tallies), Counter[int]())
    print(  # noqa: T201 - the figures, for whoever reads the run
        f"D6: {answers.total()} bad requests, {idle.opened} idle sockets, {took:.1f} s; {len(good.took)} good ones, "
        f"the slowest {max(good.took):.3f} s; memory {grown / (1 << 20):+.1f} MiB; {dict(sorted(answers.items()))}"
    )
    assert [failure for tally in tallies for failure in tally.failures] == []
    assert answers.total() == REQUESTS
    assert {400, 401, 403, 404, 405, 413, 421, 422, 429} <= set(answers)
    assert good.bad == [] and len(good.took) >= 20
    assert max(good.took) < GOOD_S + MARGIN_S
    assert grown < GROWTH
    assert "Traceback" not in hub.log() and "mistake" not in hub.log()
    assert_every_frame_once(hub.files(), cameras=["cam_01"], at_least=100)
