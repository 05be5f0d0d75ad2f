"""The page's words: both languages say the same things, and the same as the program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from evertape.domain.cause import Cause, explain
from evertape.domain.deed import deed
from evertape.domain.storage_label import StorageTrouble
from evertape.domain.volume_state import VolumeState
from evertape.hub.app import WEB
from evertape.hub.jobs import JobState

Words = dict[str, dict[str, str]]
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
        assert f"trouble.{re.sub('[^a-z]+', '_', str(trouble).lower())}" in known


def test_every_cause_has_a_colour() -> None:
    text = (WEB / "timeline" / "colours.js").read_text(encoding="utf-8")
    named = set(re.findall(r"\b([a-z_]+): \"(?:camera|storage|program|wanted|damage)\"", text))
    assert named == {str(cause) for cause in Cause} - {"unknown"}


def test_nothing_of_the_page_comes_from_elsewhere_and_nothing_is_inline() -> None:
    html = (WEB / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|<style", html)
    for file in (path for path in Path(WEB).rglob("*") if path.suffix in (".js", ".css", ".html")):
        text = file.read_text(encoding="utf-8")
        outside = [url for url in re.findall(r"https?://[^\s\"'`)]+", text) if "www.w3.org" not in url]
        assert not outside, (file.name, outside)
        assert "innerHTML" not in text and "insertAdjacentHTML" not in text and "eval(" not in text, file.name
