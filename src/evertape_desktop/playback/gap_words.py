"""What is said where there is no picture: on the card, and beside the mouse. GUI thread only."""

from __future__ import annotations

from datetime import tzinfo
from html import escape
from typing import Any

from PySide6.QtCore import QCoreApplication

from evertape_desktop import words
from evertape_desktop.backend.model import utc_ns
from evertape_desktop.playback.causes import sentence, title
from evertape_desktop.playback.reel import Look
from evertape_desktop.playback.spans import Span
from evertape_desktop.playback.surface import Card
from evertape_desktop.playback.track import Track


def card_of(track: Track, zone: tzinfo | None) -> Card | None:
    """What stands in the place of a camera's picture; ``None``: the picture."""
    translate = QCoreApplication.translate
    if track.problem:
        return Card(translate("evertape", "This cannot be played"), (track.problem,))
    match track.look:
        case Look.GAP:
            return _gap_card(track, zone)
        case Look.WAITING if track.shown is None:
            return Card(translate("evertape", "Loading …"))
        case Look.EDGE if track.shown is None:
            return Card(translate("evertape", "Not recorded yet"))
        case _:
            return None


def _gap_card(track: Track, zone: tzinfo | None) -> Card:
    translate = QCoreApplication.translate
    hole, answer = track.hole, track.gap or {}
    end = utc_ns(answer["next"]) if answer.get("next") else hole.end if hole is not None else None
    then = (
        ""
        if end is None
        else translate("evertape", "Footage goes on at {0}: click to go there").format(words.clock(end, zone))
    )
    gap = answer.get("gap")
    if gap is not None:
        span = f"{words.clock(gap['start'], zone)} – {words.clock(gap['end'], zone)}"
        return _card(title(gap["cause"]), span, sentence(gap["what"]), then)
    headline = translate("evertape", "No footage")
    if answer.get("kind") == "nothing":
        return _card(headline, translate("evertape", "It was not to be recorded."), then)
    return _card(headline, then)


def _card(headline: str, *lines: str) -> Card:
    return Card(headline, tuple(line for line in lines if line))


def tip_of(name: str, at: int, span: Span | None, zone: tzinfo | None, entry: Any = None) -> str:
    """What is told of a place on the time line, as simple HTML.

    Args:
        name: of the camera.
        at: the instant.
        span: what is there.
        zone: of the place.
        entry: the ledger's, of a gap, once it is known.
    """
    translate = QCoreApplication.translate
    head = f"<b>{escape(name)}</b> · {words.date_clock(at, zone)}"
    if span is None:
        return f"{head}<br>{escape(translate('evertape', 'It was not to be recorded.'))}"
    begin, end = (span.start, span.end) if entry is None else (utc_ns(entry["start"]), utc_ns(entry["end"]))
    length = words.duration((end - begin) / 1e9)
    time = f"{words.clock(begin, zone)} – {words.clock(end, zone)} ({length})"
    if not span.is_gap:
        what = translate("evertape", "Recorded to {0}").format(span.volume) if span.volume else ""
        if span.gaps:
            what += " · " + translate("evertape", "{0} gaps in it").format(span.gaps)
        return f"{head}<br>{escape(what)}<br>{time}"
    lines = [head, f"<b>{escape(title(span.cause))}</b> · {time}"]
    if span.gaps > 1:
        lines.append(escape(translate("evertape", "{0} gaps together, this is the longest").format(span.gaps)))
    if entry is not None:
        lines += [escape(sentence(entry["what"])), escape(sentence(entry["deed"]))]
        if entry.get("frames_lost"):
            lines.append(escape(translate("evertape", "{0} pictures are lost.").format(entry["frames_lost"])))
        lines.append(f"<i>{escape(sentence(entry['remedy']))}</i>")
    return "<br>".join(lines)
