"""Texts of the settings: from the reference, in the language of the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication, QLabel

from desktop.settings_case import MakeDialog
from evertape.config.describe import all_keys
from evertape_desktop.settings import meanings


def test_the_references_texts_are_where_they_can_be_translated() -> None:
    made = Path(meanings.__file__).read_text(encoding="utf-8")
    assert meanings.render() == made, "python -m evertape_desktop.settings.meanings prints what it should be"
    assert list(meanings.MEANINGS) == meanings.wanted()


def test_a_field_is_explained_in_the_language_of_the_window(qapp: QApplication, open_settings: MakeDialog) -> None:
    class Korean(QTranslator):
        def translate(self, context: str, text: str, *_more: object) -> str:  # type: ignore[override]
            return "파일 하나의 길이" if context == "config" and text.startswith("How long one file gets") else ""

        def isEmpty(self) -> bool:
            return False

    translator = Korean()
    qapp.installTranslator(translator)
    try:
        page = open_settings().show_page("recording")
        assert any(label.text().startswith("파일 하나의 길이") for label in page.findChildren(QLabel))
    finally:
        qapp.removeTranslator(translator)


def test_every_key_of_the_configuration_can_be_set(open_settings: MakeDialog) -> None:
    dialog = open_settings()
    offered = set()
    for page in dialog.pages.values():
        for form in page.forms:
            offered |= {f"{form.table}.{name}" if form.table else name for name in form.rows}
    assert {key.name for key in all_keys()} - offered == set()
