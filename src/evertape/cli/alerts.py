"""``evertape alerts``: what is wrong now, and whether people would hear of it."""

from __future__ import annotations

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    group = typer.Typer(help="What is wrong now, and whether people would hear of it.", no_args_is_help=True)
    verb(group, "list")(list_)
    verb(group, "test")(try_out)
    app.add_typer(group, name="alerts", rich_help_panel="Look")


def list_(place: Place, as_json: JsonFlag = False) -> int:
    """Show what is wrong now. Exit code 1: something is."""
    from evertape.cli.archive import open_archive
    from evertape.cli.wording import time_text
    from evertape.hub.alerts.desk import still_raised

    with open_archive(place) as archive:
        found = sorted(still_raised(archive.index, 0), key=lambda one: one.since)
        zone = archive.zone
    if as_json:
        emit([
            {"kind": one.kind, "severity": str(one.severity), "camera": one.camera, "volume": one.volume,
             "text": one.text, "since_utc": one.since}
            for one in found
        ])  # fmt: skip
        return int(bool(found))
    for one in found:
        print(f"{time_text(one.since, zone)}  {one.severity:8}  {one.text}")
    if not found:
        print("nothing is wrong")
    return int(bool(found))


def try_out(place: Place, as_json: JsonFlag = False) -> int:
    """Send a message by every channel of [alerts.channels], and say which arrived. Exit code 1: not all."""
    from evertape.hub.alerts.channels import send, shown
    from evertape.redact import redact

    config = place.load().config
    if not config.alerts.channels:
        raise UsageError(
            "nobody is told of alerts",
            hint='evertape config set alerts.channels.mail.url "mailto://USER:PASSWORD@HOST?to=ANN"',
        )
    rows = []
    for name, channel in config.alerts.channels.items():
        url = channel.url.get_secret_value()
        text = "✓ This is a test. Alerts would arrive like this."
        problem = redact(send(url, f"{config.installation.name}: a test", text)).replace(url, "…")
        rows.append({"name": name, "to": shown(url), "ok": not problem, "problem": problem})
        if not as_json:
            print(f"{name}: {problem or 'sent'} ({shown(url)})")
    if as_json:
        emit(rows)
    return int(not all(row["ok"] for row in rows))
