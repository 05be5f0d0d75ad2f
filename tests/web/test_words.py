"""The page's words: both languages say the same things, and the same as the program."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from evertape.domain.camera_outage import CameraAlert
from evertape.domain.cause import Cause, explain
from evertape.domain.deed import deed
from evertape.domain.storage_label import REASONS, REMEDIES, StorageTrouble
from evertape.domain.volume_state import VolumeState
from evertape.engine.alarm import CHANGED, UNUSED
from evertape.engine.volume_alarms import KIND
from evertape.hub.alerts.desk import FORECAST
from evertape.hub.app import WEB
from evertape.hub.jobs import JobState
from evertape.ipc.events import Alert

Words = dict[str, dict[str, str]]
IMPORT = re.compile(r'^import (?:[^"]* from )?"(\.[^"]+)"', re.MULTILINE)
LITERAL = re.compile(r'\bt\("([^"`$]+)"')


@pytest.fixture(scope="module")
def words() -> Words:
    """Every dictionary, by language."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed; it only reads the page's modules here")
    script = """
      const words = {};
      for (const name of ["en", "ko"]) {
        const page = await import(`${process.argv[1]}/i18n/${name}.js`);
        const causes = await import(`${process.argv[1]}/i18n/causes.${name}.js`);
        words[name] = { ...page[name], ...causes.causes };
      }
      process.stdout.write(JSON.stringify(words));
    """
    command = ["node", "--input-type=module", "-e", script, str(WEB)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return dict(json.loads(found.stdout))


def test_both_languages_have_the_same_keys(words: Words) -> None:
    assert words["en"].keys() == words["ko"].keys()


def test_no_text_is_empty_and_each_keeps_its_parameters(words: Words) -> None:
    for key, english in words["en"].items():
        korean = words["ko"][key]
        assert english and korean, key
        # A plural form may leave the number out; what is named in Korean is given in English too.
        assert set(re.findall(r"\{\w+\}", korean)) <= set(re.findall(r"\{\w+\}", english)) | {
            "{n}",
            "{worst}",
            "{missing}",
        }, key


def test_korean_is_written_in_korean(words: Words) -> None:
    same = {
        key
        for key, text in words["ko"].items()
        if text == words["en"][key] and re.search("[a-z]{3}", re.sub(r"\{\w+\}", "", text))
    }
    assert not same


def test_the_page_asks_only_for_texts_that_there_are(words: Words) -> None:
    for file in WEB.rglob("*.js"):
        if "i18n" not in file.parts:
            missing = [key for key in LITERAL.findall(file.read_text(encoding="utf-8")) if key not in words["en"]]
            assert not missing, (file.name, missing)


def test_every_cause_is_told_as_the_ledger_tells_it(words: Words) -> None:
    for cause in Cause:
        told = explain(cause)
        english = words["en"]
        assert english[f"cause.{cause}.what"] == told.what
        assert english[f"cause.{cause}.todo"] == told.remedy
        assert english[f"cause.{cause}.lasts"] == deed(cause, over=False)
        assert english[f"cause.{cause}.over"] == deed(cause, over=True)


def test_every_state_has_a_word(words: Words) -> None:
    known = words["en"]
    assert all(f"volume_state.{state}" in known for state in VolumeState)
    assert all(f"export.state.{state}" in known for state in JobState)
    for trouble in StorageTrouble:
        assert known[f"trouble.{trouble.code}"] == str(trouble)
        assert known[f"volume_why.{trouble.code}"] == REASONS[trouble]
        assert known[f"trouble_todo.{trouble.code}"] == REMEDIES[trouble]


def kinds_told() -> str:
    """What the event itself says of its kinds."""
    return inspect.getsource(Alert).partition("kind: str")[2].partition("state: str")[0]


def test_every_kind_of_alert_is_told_when_it_begins_and_when_it_ends(words: Words) -> None:
    kinds = {name for name in re.findall(r"``([a-z_]+)``", kinds_told()) if name not in ("cause", "detail")}
    assert kinds >= {str(kind) for kind in CameraAlert} | {KIND, "footage_damaged"} and len(kinds) == 9
    table = (WEB / "core" / "alerts.js").read_text(encoding="utf-8")
    for kind in kinds | {FORECAST}:
        assert f"alert.{kind}" in words["ko"] and f"alert_over.{kind}" in words["ko"], kind
        assert re.search(rf"^  {kind}: ", table, re.MULTILINE), kind
    for why in (UNUSED, CHANGED):
        assert f"alert_over.{why}_camera" in words["ko"]
    assert f"alert_over.{UNUSED}_volume" in words["ko"]


ALERT = {"camera": "door", "volume": "usb1", "text": "in English"}
SAID = {
    "camera_not_recording": {"cause": "camera_unreachable"},
    "camera_login_refused": {"cause": "auth_failed"},
    "camera_not_found": {"cause": "stream_not_found"},
    "recording_retry": {"attempts": 20},
    "recording_behind": {"waiting": 30 << 20, "budget": 60 << 20},
    "volume_slow": {},
    "volume_full": {"free": 10**9, "total": 10**12, "protected": 3, "young": 0},
    "volume_unusable": {"state": "missing", "trouble": "usb_disconnected", "goes_on_with": "internal"},
    "footage_damaged": {"segment": "a", "path": "door/x.mp4", "problem": "its bytes changed", "on": "usb1"},
    "volume_forecast": {"days": 0.5, "least": 2.0},
}
"""With the values that each has in truth."""


def test_what_is_said_of_an_alert_is_whole_and_not_the_english_of_the_service() -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed; it only runs the page's modules here")
    script = """
      globalThis.localStorage = { getItem: () => "ko", setItem() {} };
      globalThis.document = { documentElement: {} };
      const { alertText, overText } = await import(`${process.argv[1]}/core/alerts.js`);
      const told = JSON.parse(process.argv[2]).map((one) => [one.kind, alertText(one), overText(one)]);
      process.stdout.write(JSON.stringify(told));
    """
    alerts = [{**ALERT, "kind": kind, "detail": detail} for kind, detail in SAID.items()]
    alerts.append({**ALERT, "kind": "camera_not_recording", "detail": {"cause": "storage_missing"}})
    alerts.append({**ALERT, "kind": "volume_unusable", "detail": {"trouble": "low_space", "goes_on_with": ""}})
    command = ["node", "--input-type=module", "-e", script, str(WEB), json.dumps(alerts)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    for kind, began, over in json.loads(found.stdout):
        for text in (began, over):
            assert re.search("[가-힣]", text) and not re.search(r"[{}]|undefined|NaN", text), (kind, text)


def test_every_cause_has_a_colour() -> None:
    text = (WEB / "timeline" / "colours.js").read_text(encoding="utf-8")
    named = set(re.findall(r"\b([a-z_]+): \"(?:camera|storage|program|wanted|damage)\"", text))
    assert named == {str(cause) for cause in Cause} - {"unknown"}


def test_the_first_screen_is_asked_for_at_once_and_not_module_by_module() -> None:
    html = (WEB / "index.html").read_text(encoding="utf-8")
    needed, todo = set(), [WEB / "app.js", WEB / "screens" / "safe.js"]
    while todo:
        file = todo.pop().resolve()
        if file not in needed:
            needed.add(file)
            todo += [file.parent / name for name in IMPORT.findall(file.read_text(encoding="utf-8"))]
    named = re.findall(r'<link rel="modulepreload" href="([^"]+)">', html)
    assert sorted(named) == sorted(str(file.relative_to(WEB)) for file in needed if file.name != "app.js")


def test_nothing_of_the_page_comes_from_elsewhere_and_nothing_is_inline() -> None:
    html = (WEB / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|<style", html)
    for file in (path for path in Path(WEB).rglob("*") if path.suffix in (".js", ".css", ".html")):
        text = file.read_text(encoding="utf-8")
        outside = [url for url in re.findall(r"https?://[^\s\"'`)]+", text) if "www.w3.org" not in url]
        assert not outside, (file.name, outside)
        assert "innerHTML" not in text and "insertAdjacentHTML" not in text and "eval(" not in text, file.name
