"""``evertape timeline``: what is recorded of a camera, and why the rest is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import UsageError
from evertape.types import NS_PER_S, UtcNs

if TYPE_CHECKING:
    from evertape.cli.archive import Archive
    from evertape.domain.coverage import CoverageReport, GapSpan, RecordedSpan

DAY_NS = 24 * 3600 * NS_PER_S

From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Where to begin (default: a day before).")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Where to end (default: now).")]


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "timeline", rich_help_panel="Look")(timeline)


def timeline(
    place: Place,
    camera: Annotated[str, typer.Argument(metavar="CAMERA", help="The camera's id.")],
    from_: From = None,
    to: To = None,
    as_json: JsonFlag = False,
) -> None:
    """Show when a camera was recorded, and each gap with its cause.

    Times are those of footage, from the camera's clock where it is sound.
    """
    from evertape.cli.archive import open_archive

    with open_archive(place) as archive:
        archive.require(camera)
        start, end, now = window(archive, from_, to)
        report = archive.index.coverage(
            camera, start, end, now,
            open_until=archive.open_until, boot=archive.boot, held=archive.held.get(camera),
        )  # fmt: skip
        if as_json:
            return emit(report_json(camera, report, archive))
        _print(camera, report, archive)
    return None


def window(archive: Archive, from_: str | None, to: str | None) -> tuple[UtcNs, UtcNs, UtcNs]:
    """Start, end and now, UTC; raises ``UsageError`` if the times make no sense."""
    from evertape.cli.moments import parse_moment
    from evertape.clock import SystemClock

    now = SystemClock().utc_ns()
    end = now if to is None else parse_moment(to, now, archive.zone)
    start = UtcNs(end - DAY_NS) if from_ is None else parse_moment(from_, now, archive.zone)
    if start >= end:
        raise UsageError("--from is not before --to")
    return start, end, now


def report_json(camera: str, report: CoverageReport, archive: Archive) -> dict[str, Any]:
    """For a program; instants in UTC nanoseconds, and readable beside them."""
    from evertape.domain.coverage import GapSpan
    from evertape.mp4.model import iso_utc

    recorded = [_recorded_json(s, archive) for s in report.spans if not isinstance(s, GapSpan)]
    gaps = [_gap_json(s) for s in report.spans if isinstance(s, GapSpan)]
    return {
        "camera": camera,
        "start_utc": report.start,
        "end_utc": report.end,
        "start": iso_utc(report.start),
        "end": iso_utc(report.end),
        "recorded": recorded,
        "gaps": gaps,
        "recorded_s": report.recorded_s,
        "explained_s": report.explained_s,
        "unexplained_s": report.unexplained_s,
        "complete": report.complete,
    }


def _times(span: RecordedSpan | GapSpan) -> dict[str, Any]:
    from evertape.mp4.model import iso_utc

    return {
        "start_utc": span.start,
        "end_utc": span.end,
        "start": iso_utc(span.start),
        "end": iso_utc(span.end),
        "seconds": (span.end - span.start) / NS_PER_S,
    }


def _recorded_json(span: RecordedSpan, archive: Archive) -> dict[str, Any]:
    rows = archive.index.segments_by_id(span.segments)
    files = [str(archive.file_of(rows[name]) or rows[name].path) for name in span.segments if name in rows]
    return {**_times(span), "segments": list(span.segments), "files": files}


def _gap_json(span: GapSpan) -> dict[str, Any]:
    from evertape.domain.cause import explain

    words = explain(span.cause)
    return {
        **_times(span),
        "cause": str(span.cause),
        "explanation": words.what,
        "remedy": words.remedy,
        "on_purpose": span.cause.on_purpose,
        "derived": span.derived,
    }


def _print(camera: str, report: CoverageReport, archive: Archive) -> None:
    from rich.table import Table
    from rich.text import Text

    from evertape.cli.screen import screen
    from evertape.cli.wording import span_text, time_text
    from evertape.domain.cause import explain
    from evertape.domain.coverage import GapSpan

    if not report.spans:
        print(f"{camera} was not to be recorded in that time")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("from", "to", "length", "", ""):
        table.add_column(title, justify="right" if title == "length" else "left", overflow="fold")
    for span in report.spans:
        what = Text("recorded", "green"), ""
        if isinstance(span, GapSpan):
            style = "dim" if span.cause.on_purpose else "red"
            what = Text(str(span.cause).replace("_", " "), style), explain(span.cause).what
        length = span_text((span.end - span.start) / NS_PER_S)
        table.add_row(time_text(span.start, archive.zone), time_text(span.end, archive.zone), length, *what)
    screen().print(table)
    share = 100 * report.recorded_s / report.total_s
    unexplained = f", {span_text(report.unexplained_s)} unexplained" if report.unexplained_s else ""
    print(f"{share:.2f} % recorded, the rest explained{unexplained}")
