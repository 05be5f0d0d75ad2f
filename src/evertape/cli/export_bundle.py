"""``evertape export --bundle``: footage with what shows that it was not changed since."""

from __future__ import annotations

import getpass
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from evertape.cli.place import Place
from evertape.errors import UsageError, VolumeError

if TYPE_CHECKING:
    from evertape.cli.archive import Archive
    from evertape.evidence.bundle import BundleWriter
    from evertape.evidence.manifest import BundledFile, Manifest
    from evertape.store.rows import Piece


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for; ``quiet``: JSON only."""

    camera: str
    start: int
    end: int
    close_gaps: bool
    quiet: bool


def export(place: Place, archive: Archive, groups: list[list[Piece]], target: Path, order: Order) -> None:
    """Write the bundle and say so; one that is there is replaced.

    Raises:
        UsageError: what is there is no bundle.
        VolumeError: something cannot be read or written.
    """
    from evertape.engine.export_bundle import Request, manifest_of
    from evertape.evidence.bundle import new_bundle
    from evertape.evidence.keys import installation_key

    _may_replace(target)
    key = installation_key(place.data.root / "state")
    try:
        with new_bundle(target) as bundle:
            files = _files(archive, groups, bundle, order)
            asked = Request(order.camera, order.start, order.end, _name(place, order.camera), _who())
            manifest = manifest_of(archive, groups, files, asked, key.public.fingerprint)
            bundle.seal(manifest, key)
            if target.is_dir():
                shutil.rmtree(target)
    except OSError as error:
        raise VolumeError(f"the export was given up: {error.filename or target}: {error.strerror}") from None
    _say(target, manifest, order)


def _may_replace(target: Path) -> None:
    """Whoever says --force means an older bundle, not a folder with something else in it."""
    from evertape.evidence.bundle import ZIP
    from evertape.evidence.manifest import MANIFEST

    if target.is_file() and target.suffix.lower() != ZIP:
        raise UsageError(f"{target} is a file; a bundle is a folder, or a .zip")
    if target.is_dir() and any(target.iterdir()) and not (target / MANIFEST).is_file():
        raise UsageError(f"{target} is a folder, and no bundle; it is not replaced")


def _files(archive: Archive, groups: list[list[Piece]], bundle: BundleWriter, order: Order) -> list[BundledFile]:
    from evertape.cli.screen import progress_bar
    from evertape.engine.export_bundle import bundled_file
    from evertape.engine.export_pieces import file_names, write_pieces

    files = []
    for path, group in zip(file_names(Path(f"{order.camera}.mp4"), len(groups)), groups, strict=True):
        with bundle.file(path.name) as out, progress_bar(path.name, quiet=order.quiet) as progress:
            result = write_pieces(
                archive, group, cast(BinaryIO, out), (order.start, order.end),
                close_gaps=order.close_gaps, progress=progress,
            )  # fmt: skip
        files.append(bundled_file(path.name, out.size, out.hash, result))
    return files


def _name(place: Place, camera: str) -> str:
    from evertape.errors import ConfigError
    from evertape.types import CameraId

    try:
        known = place.load().config.cameras.get(CameraId(camera))
    except ConfigError:
        return ""
    return (known.name or "") if known is not None else ""


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _say(target: Path, manifest: Manifest, order: Order) -> None:
    import msgspec

    from evertape.cli.config_verbs import warn
    from evertape.cli.verb import emit
    from evertape.cli.wording import plural, size_text, span_text
    from evertape.evidence.keys import grouped
    from evertape.mp4.digest import differ
    from evertape.types import NS_PER_S

    changed = [one.path for one in manifest.segments if differ(one.hash, one.found)]
    if changed:
        warn(f"{', '.join(changed)} changed since it was recorded; the manifest says so")
    if order.quiet:
        return emit({"path": str(target), **msgspec.to_builtins(manifest)})
    seconds = sum(file.duration for file in manifest.files) / NS_PER_S
    size = size_text(sum(file.bytes for file in manifest.files))
    lines = plural(len(manifest.ledger), "line")
    print(f"{target}: {plural(len(manifest.files), 'file')}, {span_text(seconds)}, {size}; {lines} of the ledger")
    for text in manifest.left_out:
        print(f"left out: {text}")
    print(f"signed with {grouped(manifest.fingerprint)}")
    return None
