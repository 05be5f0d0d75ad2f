"""The steps that ``docs/design/durability.md`` numbers are those that the code does and names in its errors."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/design/durability.md").read_text()
CODE = {path: path.read_text() for path in sorted((ROOT / "src/evertape").rglob("*.py"))}
STEP = r"[CWSLTDMR][1-5]"


def documented() -> set[str]:
    """Every step of the section that lists them."""
    section = PAGE.split("## Steps")[1].split("## After an interruption")[0]
    return set(re.findall(rf"\b{STEP}\b", section))


def named() -> dict[str, Path]:
    """Steps that an error of ours can say."""
    found: dict[str, Path] = {}
    for path, text in CODE.items():
        for name in re.findall(rf"""step(?:\(|=)"({STEP})\"""", text):
            found[name] = path
        for number in re.findall(r'step\(f"\{letter\}([1-5])"\)', text):
            found |= {f"R{number}": path, f"T{number}": path}
    return found


def test_every_step_that_an_error_names_is_explained() -> None:
    assert len(named()) > 15
    assert named().keys() <= documented()


def test_every_step_that_is_explained_can_be_found_in_the_code() -> None:
    said = named().keys() | {name for text in CODE.values() for name in re.findall(rf"\b{STEP}\b", text)}
    # Ranges such as "R1 to R4" name those between as well.
    for text in CODE.values():
        for letter, low, high in re.findall(r"\b([CWSLTDMR])([1-5]) to \1([1-5])\b", text):
            said |= {f"{letter}{number}" for number in range(int(low), int(high) + 1)}
    assert documented() <= said


def test_every_invariant_names_what_the_audit_says_when_it_does_not_hold() -> None:
    section = PAGE.split("## Invariants")[1].split("\n## ")[0]
    lines = re.findall(r"^\| \d .*$", section, re.MULTILINE)
    assert len(lines) == 5
    kinds = {kind for path, text in CODE.items() if "audit" in path.name for kind in re.findall(r'_say\("(\w+)"', text)}
    for line in lines:
        told = re.findall(r"`(\w+)`", line.rsplit("|", 2)[1])
        assert told, line
        assert set(told) <= kinds, line
