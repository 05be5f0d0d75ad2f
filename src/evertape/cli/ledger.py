"""``evertape ledger``: each gap in the footage: what happened, what Evertape did, what a person can do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.place import Place
from evertape.cli.timeline import From, To, window
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import UsageError
from evertape.types import NS_PER_S

if TYPE_CHECKING:
    from datetime import tzinfo

    from evertape.domain.cause import Cause
    from evertape.domain.done import Done
    from evertape.store.ledger import LedgerEntry


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "ledger", rich_help_panel="Look")(ledger)


def ledger(
    place: Place,
    cameras: Annotated[list[str] | None, typer.Argument(metavar="[CAMERA…]", help="Default: all cameras.")] = None,
    from_: From = None,
    to: To = None,
    cause: Annotated[
        list[str] | None, typer.Option("--cause", metavar="CAUSE", help="Only this cause; may be repeated.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Also what a person or a rule asked for, such as a schedule.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the gaps: when, why, what showed it, what Evertape did about it, what you can do."""
    from evertape.cli.archive import open_archive
    from evertape.store.ledger import ledger as entries_of

    causes = [_cause(word) for word in cause or ()]
    entries: list[LedgerEntry] = []
    with open_archive(place) as archive:
        for name in cameras or ():
            archive.require(name)
        start, end, now = window(archive, from_, to)
        for name in cameras or dict.fromkeys((*archive.configured, *archive.index.cameras())):
            entries += entries_of(
                archive.index, name, (start, end), now, open_until=archive.open_until, boot=archive.boot,
                held=archive.held.get(name),
                causes=causes, on_purpose=all_,
            )  # fmt: skip
        zone = archive.zone
    entries.sort(key=lambda entry: (entry.start, entry.camera))
    if as_json:
        return emit({"start_utc": start, "end_utc": end, "gaps": [entry_json(entry) for entry in entries]})
    for entry in entries:
        print("\n".join(entry_lines(entry, zone)))
    if not entries:
        print("no gaps")
    return None


def _cause(word: str) -> Cause:
    from difflib import get_close_matches

    from evertape.domain.cause import Cause

    try:
        return Cause(word)
    except ValueError:
        near = get_close_matches(word, [str(cause) for cause in Cause], 1)
        hint = f"did you mean {near[0]}?" if near else "docs/reference/causes.md lists them"
        raise UsageError(f"there is no cause {word!r}", hint=hint) from None


def entry_json(entry: LedgerEntry) -> dict[str, Any]:
    """For a program; instants in UTC nanoseconds, and readable beside them."""
    from evertape.domain.cause import explain
    from evertape.mp4.model import iso_utc

    words, event = explain(entry.cause), entry.evidence
    return {
        "camera": entry.camera,
        "cause": str(entry.cause),
        "start_utc": entry.start,
        "end_utc": entry.end,
        "start": iso_utc(entry.start),
        "end": iso_utc(entry.end),
        "seconds": (entry.end - entry.start) / NS_PER_S,
        "lasts": entry.lasts,
        "noticed_at": entry.noticed_at,
        "ended_at": entry.ended_at,
        "frames_lost": entry.frames_lost,
        "evidence": None if event is None else {"id": event.id, "type": event.type, "at": event.at, **event.body},
        "what": words.what,
        "deed": entry.deed,
        "done": [asdict(done) for done in entry.done],
        "remedy": words.remedy,
        "on_purpose": entry.cause.on_purpose,
        "derived": entry.derived,
    }


def entry_lines(entry: LedgerEntry, zone: tzinfo | None) -> list[str]:
    """For a person: a headline, three sentences, and figures."""
    from evertape.cli.wording import clock_text, span_text, time_text
    from evertape.domain.cause import explain

    words, length = explain(entry.cause), span_text((entry.end - entry.start) / NS_PER_S)
    until = "and lasts" if entry.lasts else f"to {clock_text(entry.end, zone)}"
    noticed = ""
    if entry.noticed_at is not None:
        noticed = f" Noticed after {span_text(max(0, entry.noticed_at - entry.start) / NS_PER_S)}."
    return [
        f"{entry.camera}  {time_text(entry.start, zone)} {until}, {length}: {str(entry.cause).replace('_', ' ')}",
        f"    what happened   {words.what}{noticed}",
        f"    Evertape        {entry.deed}",
        *([f"    came of it      {'; '.join(map(done_text, entry.done))}"] if entry.done else []),
        f"    you             {words.remedy}",
    ]


_DONE = {
    "lost": "{what} lost",
    "in_memory": "{what} in memory, to be written",
    "replayed": "{what} written from memory to {volume}",
    "spilled": "{what} spilled to {volume} in {files}",
    "came_home": "{what} of that came home to {volume}",
    "finished": "{files} with {what} finished on {volume}",
    "deleted": "{what} deleted from {volume}",
}


def done_text(done: Done) -> str:
    """``512 frames, 20.5 s lost``."""
    from evertape.cli.wording import plural, span_text

    frames = "" if done.units is None else f"{plural(done.units, 'frame')}, "
    return _DONE[done.kind].format(
        what=f"{frames}{span_text(done.seconds)}", volume=done.volume, files=plural(done.files, "file")
    )
