"""Every text of the window is translated, and the translations are what is loaded."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QTranslator

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "src/evertape_desktop/i18n"


@pytest.mark.skipif(shutil.which("pyside6-lupdate", path=str(Path(sys.executable).parent)) is None, reason="no lupdate")
def test_every_text_is_translated() -> None:
    command = [sys.executable, str(ROOT / "tools/translate"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_translation_is_the_one_that_is_loaded(tmp_path: Path) -> None:
    found = shutil.which("pyside6-lrelease", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("no lrelease")
    made = tmp_path / "made.qm"
    subprocess.run([found, str(FOLDER / "evertape_ko.ts"), "-silent", "-qm", str(made)], check=True)
    assert made.read_bytes() == (FOLDER / "evertape_ko.qm").read_bytes(), "run tools/translate"


def test_korean_can_be_loaded() -> None:
    translator = QTranslator()
    assert translator.load(str(FOLDER / "evertape_ko.qm"))
    assert translator.translate("MainWindow", "Playback") == "재생"
