"""What ``/metrics`` says, to whom, and that nothing else names a metric that it does not."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from evertape.config.load import load
from evertape.domain.alerting import Alerted
from evertape.domain.roles import Role
from evertape.errors import NotRunningError
from evertape.hub.alerts.desk import PART as ALERTS
from evertape.hub.alerts.desk import AlertDesk
from evertape.hub.live.route import streams_of
from evertape.hub.metrics import reference
from evertape.hub.metrics.catalogue import GROUPS, UP
from evertape.hub.metrics.page import Page
from evertape.ipc.events import CameraStateChanged, GapClosed, GapOpened
from evertape.store.failures import IndexBusyError
from evertape.types import NS_PER_S
from hub import auth_case
from hub.canned import Canned, play
from hub.canned import utc as at_second

ROOT = Path(__file__).parents[2]
CONTRIB = ROOT / "contrib"
RULES = CONTRIB / "prometheus/evertape.rules.yml"
METRICS = {metric.name: metric for group in GROUPS.values() for metric in group}
ALERTING = """
[alerts]
heartbeat_url = "https://192.0.2.9/hunter5"
[alerts.channels.phone]
url = "json://user:hunter4@192.0.2.9/hook"
"""
NAME = re.compile(r"\bevertape_\w+")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(hub: Canned, address: str = "127.0.0.1", **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(hub.app, client=(address, 50000), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        return await http.get("/metrics", headers=headers)


def samples(text: str) -> Samples:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


async def figures(hub: Canned, address: str = "127.0.0.1", **headers: str) -> Figures:
    answer = await scrape(hub, address, **headers)
    assert answer.status_code == 200, answer.text
    return Figures(answer.text)


class Figures:
    """The answer, read as Prometheus does."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = samples(text)

    def __call__(self, name: str, /, **labels: str) -> float | None:
        return self.samples.get((f"evertape_{name}", frozenset(labels.items())))

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.samples}

    @property
    def cameras(self) -> set[str]:
        return {value for _, labels in self.samples for label, value in labels if label == "camera"}


def news(hub: Canned, *about: tuple[type[Any], dict[str, Any]]) -> None:
    stamp = {"id": "x-1", "at": at_second(600), "boot": 0, "source": "recorder-0", "service": "run-1"}
    hub.services.news.put([kind(**stamp, **fields) for kind, fields in about])


def state(state: str, camera: str = "door") -> tuple[type[Any], dict[str, Any]]:
    return CameraStateChanged, {"camera": camera, "old": "connecting", "state": state}


def gap(start: float, end: float, camera: str = "door", cause: str = "camera_unreachable") -> tuple[type[Any], Any]:
    span = {"start_utc": at_second(start), "end_utc": at_second(end)}
    return GapClosed, {"gap": "g", "camera": camera, "cause": cause, **span}


def with_everything(hub: Canned) -> AlertDesk:
    """A hub in which there is something to say about everything."""
    raw = hub.engine.raw
    raw["cameras"][0]["streams"][0].update(
        {"units": 700, "ring_bytes": 4096, "ring_s": 12.5, "viewers": 2, "bitrate": 8000.0, "gop_s": 1.0}
    )
    raw["cameras"][0]["recording"].update({"bytes": 5000, "frames_lost": 3, "recorded_s": 20.0, "pending_bytes": 100})
    raw["volumes"][0].update({"write_ms": 1.5, "sync_ms": 20.0, "open_files": 2})
    raw["homecoming"] = {"files": 5, "files_done": 2, "bytes": 5000, "bytes_done": 2000}
    raw["processes"] = [
        {"name": "hub", "pid": 7, "generation": 0, "rss": 5, "cpu_s": 1.5},
        {"name": "disk-usb1", "pid": 8, "generation": 2, "rss": 6, "cpu_s": 0.5},
        {"name": "keeper", "pid": None, "generation": 1, "rss": 0, "cpu_s": 0.0},
    ]
    file = hub.services.settings.config_file
    file.write_text(hub.config + ALERTING)
    hub.services.settings = replace(hub.services.settings, config=load(file).config)
    desk = hub.services.parts[ALERTS] = AlertDesk(hub.services, lambda *_: "no")
    for kind, camera in (("camera_not_recording", "gate"), ("recording_behind", "door"), ("volume_unusable", "")):
        one = Alerted(kind, camera, text="rtsp://viewer:hunter6@192.0.2.2/", since=1)
        desk._state.active[one.key] = one
    news(hub, state("stalled"), state("connected"), gap(10, 12.5), gap(20, 21), gap(0, 5, "gate", "auth_failed"))
    return desk


async def at_ease(hub: Canned) -> None:
    for line in hub.services.parts[ALERTS].lines.values():
        line.close()


def test_each_camera_has_its_figures(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        with_everything(hub)
        at = await figures(hub)
        door, main = {"camera": "door"}, {"camera": "door", "stream": "main"}
        assert at("camera_frames_recorded_total", **door) == 500 and at("camera_frames_lost_total", **door) == 3
        assert at("camera_recorded_bytes_total", **door) == 5000 and at("camera_pending_bytes", **door) == 100
        assert at("camera_durable_age_seconds", **door) == 1 and at("camera_recording", **door) == 1
        assert at("camera_frames_received_total", **main) == 700 and at("camera_viewers", **main) == 2
        assert (at("camera_ring_bytes", **main), at("camera_ring_seconds", **main)) == (4096, 12.5)
        assert at("camera_received_bytes_per_second", **main) == 1000 and at("camera_connected", **main) == 1
        gate = {"camera": "gate"}
        assert at("camera_recording_wanted", **gate) == 1 and at("camera_recording", **gate) == 0
        assert at("camera_connected", **gate, stream="main") == 0
        assert at("camera_durable_age_seconds", **gate) is None, "nothing was ever durable"
        assert at("camera_info", camera="door", name="Front door") == 1
        await at_ease(hub)

    play(tmp_path, scenario)


def test_gaps_of_the_day_come_from_the_ledger_by_cause(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        at = await figures(hub)
        away = {"camera": "door", "cause": "camera_unreachable"}
        assert at("camera_day_gaps", **away) == 1 and at("camera_day_gap_seconds", **away) == 10
        assert at("camera_day_gaps", camera="door", cause="stopped_by_person") is None, "that was asked for"
        assert at("camera_day_gap_seconds", camera="gate", cause="auth_failed") == 600
        assert at("camera_day_wanted_seconds", camera="door") == 580
        assert at("camera_day_recorded_ratio", camera="door") == pytest.approx(570 / 580)
        assert at("camera_day_accounted_ratio", camera="door") == 1 and at("index_up") == 1

    play(tmp_path, scenario)


def test_news_are_counted_by_camera_and_cause(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        main = {"camera": "door", "stream": "main"}
        assert (await figures(hub))("camera_reconnects_total", **main) == 0, "so that the first one is an increase"
        news(hub, state("connecting"), state("receiving"), state("connected"))
        assert (await figures(hub))("camera_reconnects_total", **main) == 0, "that was the first session"
        news(hub, state("stalled"), state("reconnecting"), state("receiving"), state("connected"), state("connected"))
        news(hub, state("error"), state("stopped"), state("connecting"), state("connected"))
        opened = {"gap": "g", "camera": "door", "cause": "camera_unreachable", "start_utc": at_second(10)}
        news(hub, (GapOpened, opened))
        at = await figures(hub)
        assert at("camera_gaps_total", camera="door", cause="camera_unreachable") == 0, "something to rise from"
        news(hub, gap(10, 12.5), gap(20, 21), gap(30, 31, cause="storage_full"))
        at = await figures(hub)
        assert at("camera_reconnects_total", **main) == 1
        away = {"camera": "door", "cause": "camera_unreachable"}
        assert at("camera_gaps_total", **away) == 2 and at("camera_gap_seconds_total", **away) == 3.5
        assert at("camera_gaps_total", camera="door", cause="storage_full") == 1

    play(tmp_path, scenario)


def test_a_volume_is_in_one_state_and_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        with_everything(hub)
        at = await figures(hub)
        states = {
            dict(labels)["state"]: value
            for (name, labels), value in at.samples.items()
            if name == "evertape_volume_state" and ("volume", "usb1") in labels
        }
        assert states["online"] == 1 and sum(states.values()) == 1 and len(states) > 10
        assert at("volume_state", volume="usb2", state="missing") == 1
        assert (at("volume_free_bytes", volume="usb1"), at("volume_size_bytes", volume="usb1")) == (1e9, 4e9)
        assert at("volume_write_latency_seconds", volume="usb1") == 0.0015
        assert at("volume_sync_latency_seconds", volume="usb1") == 0.02
        assert at("volume_usable", volume="usb1") == 1 and at("volume_usable", volume="usb2") == 0
        assert at("volume_footage_files", volume="usb1") == 4
        assert at("volume_free_bytes", volume="usb2") is None
        hub.engine.raw["volumes"][0]["state"] = "haunted"
        assert (await figures(hub))("volume_state", volume="usb1", state="haunted") == 1, "of a newer engine"
        await at_ease(hub)

    play(tmp_path, scenario)


def test_processes_alerts_and_the_hub_itself(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        desk = with_everything(hub)
        desk.lines["phone"].problem = "no"
        desk.heartbeat.problem = "no"
        at = await figures(hub)
        assert at("process_restarts_total", process="disk-usb1") == 2 and at("process_up", process="disk-usb1") == 1
        assert at("process_cpu_seconds_total", process="hub") == 1.5
        assert at("process_up", process="keeper") == 0 and at("process_cpu_seconds_total", process="keeper") is None
        assert at("alerts_active", kind="camera_not_recording", severity="critical") == 1
        assert at("alerts_active", kind="recording_behind", severity="warning") == 1
        assert at("alert_channel_failing", channel="phone") == 1 and at("alert_heartbeat_failing") == 1
        assert at("ring_bytes") == 1000 and at("homecoming_pending_bytes") == 3000
        assert at("build_info", version="1.2.3") == 1 and at("start_time_seconds") == at_second(0) / NS_PER_S
        with streams_of(hub.services).get("door", "main").watch(), streams_of(hub.services).get("door", "sub").watch():
            at = await figures(hub)
        assert at("hub_live_viewers", camera="door") == 2 and at("hub_live_viewers", camera="gate") == 0
        await at_ease(hub)

    play(tmp_path, scenario)


def test_requests_are_counted_by_class(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        before = await figures(hub)
        await hub.get("/status")
        await hub.fails("GET", "/cameras/nowhere", 404, "camera_unknown")
        hub.engine.status = None  # type: ignore[method-assign, assignment]
        async with hub.http as http:
            assert (await http.get("/status")).status_code == 500
        del hub.engine.status
        at = await figures(hub)
        risen = {n: (at("hub_requests_total", status=n) or 0) - (before("hub_requests_total", status=n) or 0)
                 for n in ("2xx", "4xx", "5xx")}  # fmt: skip
        assert risen == {"2xx": 2, "4xx": 1, "5xx": 1}, "the scrape itself was one"

    play(tmp_path, scenario)


def test_every_metric_of_the_reference_is_given_and_no_other(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        desk = with_everything(hub)
        at = await figures(hub)
        assert at.names == set(METRICS)
        assert desk.active and "hunter" not in at.text and "rtsp:" not in at.text
        for family in text_string_to_metric_families(at.text):
            assert family.documentation, family.name
            assert family.type in ("counter", "gauge")
            assert (family.type == "counter") == family.samples[0].name.endswith("_total")
        await at_ease(hub)

    play(tmp_path, scenario)


def test_while_the_engine_is_away_that_is_said(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        assert (await figures(hub))("up") == 1
        hub.engine.trouble = NotRunningError("the engine is not running")
        at = await figures(hub)
        assert at("up") == 0 and at("index_up") == 1
        assert at("camera_recording", camera="door") is None, "what was known before may not hold any more"
        assert at("hub_live_viewers", camera="door") == 0

    play(tmp_path, scenario)


def test_an_engine_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evertape.hub.metrics.route._DEADLINE_S", 0.05)

    async def hang(*, fresh: bool = False) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def scenario(hub: Canned) -> None:
        hub.engine.status = hang  # type: ignore[method-assign]
        at = await asyncio.wait_for(figures(hub), 5)
        assert at("up") == 0

    play(tmp_path, scenario)


def test_without_an_index_the_rest_is_there(tmp_path: Path) -> None:
    class Busy:
        async def ask(self, _question: Any) -> Any:
            raise IndexBusyError("the index is locked")

        def close(self) -> None:
            pass

    async def scenario(hub: Canned) -> None:
        before = await figures(hub)
        assert before("camera_day_gaps", camera="door", cause="camera_unreachable") == 1
        hub.services.reading = Busy()
        at = await figures(hub)
        assert at("index_up") == 0 and at("up") == 1 and at("camera_recording", camera="door") == 1
        assert at("camera_day_recorded_ratio", camera="door") is None
        assert at("volume_footage_bytes", volume="usb1") is None and at("volume_free_bytes", volume="usb1") == 1e9

    play(tmp_path, scenario)


def test_a_camera_that_has_not_reported_is_not_recorded(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.engine.raw["waiting"] = ["gate"]
        del hub.engine.raw["cameras"][1]
        at = await figures(hub)
        assert at("camera_recording", camera="gate") == 0 and at("camera_recording_wanted", camera="gate") == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("address", "headers"),
    [("192.0.2.7", {}), ("127.0.0.1", {"Authorization": "Bearer et_x"}), ("127.0.0.1", {"X-Forwarded-For": "1.2.3.4"})],
)
def test_what_somebody_may_not_see_is_left_out(tmp_path: Path, address: str, headers: dict[str, str]) -> None:
    async def scenario(hub: Canned) -> None:
        with_everything(hub)
        hub.become(Role.VIEWER, "door")
        at = await figures(hub, address, **headers)
        assert at.cameras == {"door"} and "gate" not in at.text
        assert at("alerts_active", kind="camera_not_recording", severity="critical") is None
        assert at("alerts_active", kind="volume_unusable", severity="critical") == 1
        assert (await figures(hub)).cameras > {"door", "gate"}, "this machine sees all"
        await at_ease(hub)

    play(tmp_path, scenario)


def test_from_elsewhere_a_good_token_is_needed(tmp_path: Path) -> None:
    async def scenario(case: auth_case.Case) -> None:
        await case.account("ann", Role.VIEWER, frozenset({"door"}))
        good = (await case.token("ann", Role.VIEWER)).headers["Authorization"]
        for address in ("127.0.0.1", "::1"):
            assert (await case.client(address).get("/metrics")).status_code == 200
        away = case.client("192.0.2.7")
        assert auth_case.error_code(await away.get("/metrics")) == "not_logged_in"
        bad = {"Authorization": "Bearer et_nothing"}
        assert (await away.get("/metrics", headers=bad)).status_code == 401
        assert (await case.client().get("/metrics", headers=bad)).status_code == 401, "a bad one is refused here too"
        answer = await away.get("/metrics", headers={"Authorization": good})
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert Figures(answer.text).cameras == {"door"}

    auth_case.run(tmp_path, scenario)


def test_a_label_that_the_catalogue_does_not_know_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="has the labels"):
        Page().put(UP, 1, camera="door")


# -- what names metrics elsewhere ---------------------------------------------------------------------------


def test_the_reference_is_up_to_date() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text()
    assert page == reference.render(), "run: python -m evertape.hub.metrics.reference > docs/reference/metrics.md"
    assert all(f"| `{name}` |" in page for name in METRICS)


def expressions(found: Any) -> Iterator[str]:
    """Whatever is asked of Prometheus in there."""
    if isinstance(found, dict):
        yield from (v for k, v in found.items() if k in ("expr", "query", "definition") and isinstance(v, str))
        found = list(found.values())
    if isinstance(found, list):
        for one in found:
            yield from expressions(one)


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    board = json.loads((CONTRIB / "grafana/evertape.json").read_text())
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert rows == ["Overview", "Cameras", "Volumes", "Processes", "Alerts"]
    asked = set(NAME.findall("\n".join(expressions(board))))
    assert len(asked) > 30 and asked <= set(METRICS)
    for panel in board["panels"]:
        assert panel["type"] == "row" or all(NAME.search(target["expr"]) for target in panel["targets"]), panel["title"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    legends = {
        (expr, label)
        for panel in board["panels"]
        for target in panel.get("targets", ())
        for expr in [target["expr"]]
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"])
    }
    for expr, label in legends:
        assert any(label in METRICS[name].labels for name in NAME.findall(expr)), (expr, label)


def test_the_alert_rules_ask_for_metrics_and_labels_that_there_are() -> None:
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        names = NAME.findall(rule["expr"])
        assert names and set(names) <= set(METRICS), rule["alert"]
        text = json.dumps(rule["annotations"])
        for label in re.findall(r"\$labels\.(\w+)", text):
            assert label == "instance" or any(label in METRICS[name].labels for name in names), rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_the_example_for_prometheus_loads() -> None:
    example = yaml.safe_load((CONTRIB / "prometheus/scrape.yml").read_text())
    assert [job["job_name"] for job in example["scrape_configs"]] == ["evertape", "evertape-remote"]


needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


def promtool(*words: str | Path, said: str = "") -> None:
    done = subprocess.run(["promtool", *words], input=said, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_takes_the_rules_and_they_fire_when_they_should() -> None:
    promtool("check", "rules", RULES)
    promtool("test", "rules", RULES.with_name("evertape.rules.test.yml"))


@needs_promtool
def test_promtool_takes_what_the_dashboard_asks(tmp_path: Path) -> None:
    board = json.loads((CONTRIB / "grafana/evertape.json").read_text())
    asked = {target["expr"] for panel in board["panels"] for target in panel.get("targets", ())}
    plain = [expr.replace("$__rate_interval", "1m") for expr in sorted(asked)]
    rules = [{"record": f"asked:{number}", "expr": expr} for number, expr in enumerate(plain)]
    (tmp_path / "asked.yml").write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "asked.yml")


@needs_promtool
def test_promtool_has_nothing_against_the_names(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        with_everything(hub)
        text = (await figures(hub)).text
        await asyncio.to_thread(promtool, "check", "metrics", said=text)
        await at_ease(hub)

    play(tmp_path, scenario)
