"""``evertape audit``: every file against journal and index, every camera's time accounted for."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import UsageError

if TYPE_CHECKING:
    from evertape.engine.audit_report import AuditReport


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "audit", rich_help_panel="Look")(audit)


def audit(
    place: Place,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick/--deep", help="Only sizes and structure of files; the default is to read every byte (--deep)."
        ),
    ] = False,
    as_json: JsonFlag = False,
) -> int:
    """Check every file against journal and index to the last byte, and that every second is recorded or explained.

    Changes nothing, and works beside a running service, which the disk serves first. It reads all footage, as fast as
    the disk goes: hours for terabytes; --quick leaves that out. Exit code 1: something does not match.
    """
    from evertape.cli.archive import mount_points, status_if_running, volume_roots
    from evertape.cli.screen import progress_bar
    from evertape.clock import SystemClock, boot_id
    from evertape.disk.gently import gently
    from evertape.engine.audit import Audit

    if not place.data.journal.is_dir():
        raise UsageError(f"nothing was ever recorded in {place.data.root}", hint="evertape serve records")
    status = status_if_running(place)
    with progress_bar("bytes", quiet=as_json) as progress, gently():
        report = Audit(
            place.data,
            volume_roots(place, status),
            SystemClock(),
            running=status is not None,
            ask=lambda: now.cameras if (now := status_if_running(place)) is not None else (),
            boot=boot_id(),
            progress=progress or (lambda _done, _all: None),
            mounts=mount_points(place),
            deep=not quick,
        ).run()
    if as_json:
        emit(report_json(report))
    else:
        print(report_text(report, quick))
    return 0 if report.ok else 1


def report_json(report: AuditReport) -> dict[str, Any]:
    """For a program."""
    return {
        "ok": report.ok,
        "findings": [asdict(finding) for finding in report.findings],
        "files": report.files,
        "bytes": report.bytes,
        "segments": report.segments,
        "unreachable": report.unreachable,
        "events": report.events,
        "volumes": report.volumes,
        "cameras": {
            name: {
                "start_utc": account.start,
                "end_utc": account.end,
                "total_s": account.total_s,
                "recorded_s": account.recorded_s,
                "explained_s": account.explained_s,
                "unexplained_s": account.unexplained_s,
                "gaps": account.gaps,
                "causes": {str(cause): seconds for cause, seconds in account.causes.items()},
                "files": account.files,
                "doubled_units": account.doubled_units,
            }
            for name, account in report.cameras.items()
        },
    }


def report_text(report: AuditReport, quick: bool = False) -> str:
    """For a person; ``quick``: not every byte was read."""
    from evertape.cli.wording import plural, size_text, span_text
    from evertape.domain.cause import Cause

    lines = [
        f"{plural(report.files, 'file')} ({size_text(report.bytes)}) on {', '.join(report.volumes) or 'no volume'}, "
        f"{plural(report.events, 'event')} in the journal"
    ]
    for name, account in report.cameras.items():
        known = {str(cause).replace("_", " "): s for cause, s in account.causes.items() if cause is not Cause.UNKNOWN}
        why = ", ".join(f"{cause} {span_text(s)}" for cause, s in known.items())
        lines.append(
            f"{name}: {span_text(account.total_s)} = {span_text(account.recorded_s)} recorded "
            f"+ {span_text(account.explained_s)} explained" + (f" ({why})" if why else "")
        )
        if account.unexplained_s:
            lines[-1] += f" + {span_text(account.unexplained_s)} unexplained"
    # What matters most stands last, where a person looks first.
    for finding in sorted(report.findings, key=lambda finding: finding.serious):
        place = f" [{finding.volume}: {finding.path}]" if finding.path not in finding.text else ""
        lines.append(f"{'✗' if finding.serious else '!'} {finding.text}{place}")
    serious = sum(finding.serious for finding in report.findings)
    lines.append(_verdict(report, quick) if report.ok else f"what does not match: {serious}")
    return "\n".join(lines)


def _verdict(report: AuditReport, quick: bool) -> str:
    """All is well, and what that is said of."""
    text = "everything that is here matches" if report.unreachable else "everything matches"
    return f"{text}, as far as sizes and structure tell" if quick and report.files else text
