"""``evertape verify``: whether a bundle is as it left its installation; ``evertape key``: this one's key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb

if TYPE_CHECKING:
    from evertape.evidence.verify import Verdict

MEANING = (
    "The signature shows that the bundle is as it left the installation that has this key, and no more: not that the "
    "camera's clock was right, nor whose key it is. Compare its fingerprint with the one that its owner names."
)


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    verb(app, "verify", rich_help_panel="Look")(verify)
    keys = typer.Typer(help="The key that bundles are signed with.", no_args_is_help=True)
    app.add_typer(keys, name="key", rich_help_panel="Look")
    verb(keys, "show")(show)


def verify(
    place: Place,
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle; or an exported MP4 beside its hash.")],
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", metavar="HEX", help="The key must have this one, as its owner shows it.")
    ] = "",
    as_json: JsonFlag = False,
) -> int:
    """Check that an exported bundle was not changed. Needs nothing but the bundle.

    Exit code 1: something was changed, is missing, or was signed with another key; each is said in a line.
    """
    from evertape.cli.screen import progress_bar
    from evertape.evidence.verify import verify as check

    with progress_bar("files", quiet=as_json) as progress:
        verdict = check(bundle, fingerprint, progress or (lambda _done, _all: None))
    if as_json:
        _emit(bundle, verdict)
    else:
        _print(bundle, verdict)
    return 0 if verdict.ok else 1


def show(place: Place, as_json: JsonFlag = False) -> None:
    """Show the public key and its fingerprint; the key is made if there is none yet.

    The private key lies in the data directory, state/signing-key.pem. Whoever has it can sign as this installation.
    """
    from evertape.errors import UsageError
    from evertape.evidence.keys import grouped, installation_key

    if not place.data.root.is_dir():
        raise UsageError(f"there is no {place.data.root}", hint="evertape init makes it")
    key = installation_key(place.data.root / "state").public
    if as_json:
        return emit({"public_key": key.pem, "fingerprint": key.fingerprint})
    print(key.pem, end="")
    print(f"fingerprint: {grouped(key.fingerprint)}")
    return None


def _emit(bundle: Path, verdict: Verdict) -> None:
    import msgspec

    manifest = None if verdict.manifest is None else msgspec.to_builtins(verdict.manifest)
    emit(
        {
            "ok": verdict.ok,
            "path": str(bundle),
            "problems": verdict.problems,
            "files": verdict.files,
            "fingerprint": verdict.fingerprint,
            "manifest": manifest,
        }
    )


def _print(bundle: Path, verdict: Verdict) -> None:
    from evertape.cli.wording import plural
    from evertape.evidence.keys import grouped
    from evertape.mp4.digest import differ
    from evertape.mp4.model import iso_utc

    manifest = verdict.manifest
    if manifest is not None:
        print(f"camera {manifest.camera}, {iso_utc(manifest.start_utc)} to {iso_utc(manifest.end_utc)}")
        print(f"made {iso_utc(manifest.made_at)} by {manifest.made_by or 'somebody'} with {manifest.program}")
        for entry in manifest.ledger:
            print(f"no footage {iso_utc(entry.start_utc)} to {iso_utc(entry.end_utc)}: {entry.cause}")
        for text in manifest.left_out:
            print(f"left out: {text}")
        for one in manifest.segments:
            if one.damaged or differ(one.hash, one.found):
                print(f"! {one.path} was not as it was recorded when this was exported: {one.damaged or 'other bytes'}")
    if verdict.fingerprint:
        print(f"key {grouped(verdict.fingerprint)}")
    for problem in verdict.problems:
        print(f"✗ {problem}")
    if not verdict.ok:
        print(f"{bundle} is not as it was")
    elif verdict.fingerprint:
        print(f"{bundle}: {plural(verdict.files, 'file')}, unchanged")
        print(MEANING)
    else:
        print(f"{bundle}: {plural(verdict.files, 'file')}, unchanged since the hash was written; it is not signed")
