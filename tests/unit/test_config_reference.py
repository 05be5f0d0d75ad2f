from __future__ import annotations

from pathlib import Path

import pytest

from evertape.config.describe import Key, all_keys, all_tables, key_at, table_at
from evertape.config.reference import render

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "config.md"


def test_the_reference_page_is_what_the_schema_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == render(), "run: python -m evertape.config.reference > docs/reference/config.md"


@pytest.mark.parametrize("key", list(all_keys()), ids=lambda key: key.name)
def test_a_key_is_documented_with_its_meaning(key: Key) -> None:
    section = PAGE.read_text(encoding="utf-8").partition(f"## `[{'.'.join(key.path[:-1])}]`")[2].partition("\n## ")[0]
    row = next(line for line in section.splitlines() if line.startswith(f"| `{key.path[-1]}` | {key.kind} | "))
    assert len(key.meaning) > 15
    assert row.endswith(f" | {key.meaning} |")
    assert row.count("|") == 6


def test_every_table_says_what_it_is_about() -> None:
    for name, model in all_tables():
        assert (model.__doc__ or "").startswith(f"`[{name}]`: "), name


def test_keys_and_tables_are_found_by_path() -> None:
    assert table_at(()) is not None
    assert table_at(("cameras",)) is None
    assert table_at(("cameras", "x", "backoff")) is not None
    assert key_at(("cameras", "x", "backoff")) is None
    assert key_at(("cameras", "x", "nothing")) is None
    found = key_at(("cameras", "x", "transport"))
    assert found is not None
    assert (found.name, found.choices, found.default) == ("cameras.x.transport", ("tcp", "udp"), '"tcp"')
