"""The reference page of the events, made from the code: ``python -m evertape.ipc.reference``."""

from __future__ import annotations

import ast
import inspect
import sys

import msgspec

from evertape.ipc.events import EVENT_TYPES, Event

_HEAD = """# Events

What has happened, once each, in the order in which the process concerned knew it. The journal
(`{data}/journal/*.jsonl`, mirrored onto the volumes) holds them as JSON, a line each, followed by a tab and a CRC-32;
ledger, status and pages are made from them. Every event has

- `type`: as below
- `id`: unique for ever; applying an event twice does nothing the second time
- `at`: UTC, nanoseconds since 1970
- `boot`: the boot-time clock at that moment, nanoseconds
- `source`: the process that says so
- `service`: the run of the service it belongs to

Instants are UTC in nanoseconds, durations nanoseconds, sizes bytes. A field that has its default is left out.
"""


def events_page() -> str:
    """The whole page."""
    common = {field.name for field in msgspec.structs.fields(Event)}
    parts = [_HEAD]
    for kind in EVENT_TYPES:
        notes = _field_notes(kind)
        parts.append(f"## `{kind.__struct_config__.tag}`\n\n{inspect.getdoc(kind)}\n")
        rows = [
            f"- `{field.name}`" + (f": {notes[field.name]}" if field.name in notes else "")
            for field in msgspec.structs.fields(kind)
            if field.name not in common
        ]
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _field_notes(kind: type[Event]) -> dict[str, str]:
    """The strings that follow fields in the source, by field."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    notes = {}
    for node, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            notes[node.target.id] = " ".join(str(after.value.value).split())
    return notes


if __name__ == "__main__":
    sys.stdout.write(events_page())
