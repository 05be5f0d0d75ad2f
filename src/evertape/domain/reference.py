"""The reference page of the causes, made from the code: ``python -m evertape.domain.reference``."""

from __future__ import annotations

import sys

from evertape.domain.cause import Cause, explain
from evertape.domain.deed import deed
from evertape.domain.done import DoneKind

_HEAD = """\
# Why there is no footage

Every span in which there is no footage of a camera has one of these causes, in the ledger, on the time line, in
`status` and in alerts. Those marked *wanted* were asked for by a person or a rule; they are shown, and never alert
anybody. What Evertape does while a span lasts, and what it did once it is over, are the ledger's own words; what
[came of each single span](#what-came-of-it) stands beside them, in figures.

| cause | what happened | what Evertape does meanwhile | what it did | what to do | wanted |
|---|---|---|---|---|---|
"""


_DONE = """
## What came of it

An entry of the ledger says for how many seconds, and if known how many frames, files and bytes, and on which volume,
there is footage beside it in one of these ways. Frames of a file of which a part counts are in proportion.

| kind | meaning |
|---|---|
"""


def causes_page() -> str:
    """``docs/reference/causes.md``."""
    kinds = (f"| `{kind.value}` | {kind.meaning} |\n" for kind in DoneKind)
    return _HEAD + "".join(map(_row, Cause)) + _DONE + "".join(kinds)


def _row(cause: Cause) -> str:
    found = explain(cause)
    meanwhile, did = (deed(cause, over=over) for over in (False, True))
    cells = (f"`{cause.value}`", found.what, meanwhile, did, found.remedy, "yes" if cause.on_purpose else "")
    return "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    sys.stdout.write(causes_page())
