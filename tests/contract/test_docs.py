"""What the documentation points at exists: links, files, tests, names."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from evertape.ipc.events import EVENT_TYPES
from evertape.ipc.messages import MESSAGE_TYPES
from evertape.ipc.reference import events_page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_named_in_passing_exist(page: Path) -> None:
    for name in re.findall(r"`((?:tests|bench|tools|docs)/[\w/.-]+\.(?:py|md|svg))`", page.read_text()):
        assert (ROOT / name).exists(), name


def test_names_in_the_patterns_page_can_be_imported() -> None:
    page = (ROOT / "docs/guide/patterns.md").read_text()
    names = re.findall(r"`(evertape(?:\.\w+)+)`", page)
    assert len(names) > 10
    for name in names:
        parts = name.split(".")
        for cut in range(len(parts), 0, -1):
            try:
                thing = importlib.import_module(".".join(parts[:cut]))
            except ModuleNotFoundError:
                continue
            for part in parts[cut:]:
                thing = getattr(thing, part)
            break
        else:
            pytest.fail(name)


def test_every_message_is_in_the_design_of_the_sockets() -> None:
    page = (ROOT / "docs/design/ipc.md").read_text()
    assert [t.__name__ for t in MESSAGE_TYPES if f"`{t.__name__}" not in page] == []


def test_every_event_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/events.md").read_text()
    assert page == events_page(), "run: python -m evertape.ipc.reference > docs/reference/events.md"
    assert len(EVENT_TYPES) == page.count("\n## `")


def test_the_readme_fits_one_screen() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 70
