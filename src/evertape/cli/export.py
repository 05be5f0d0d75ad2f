"""``evertape export``: a range of a camera's footage as an ordinary MP4."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from evertape.cli.place import Place
from evertape.cli.timeline import To, window
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import UsageError, VolumeError

if TYPE_CHECKING:
    from evertape.cli.archive import Archive
    from evertape.mp4.export import ExportResult
    from evertape.store.rows import Piece


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "export", rich_help_panel="Look")(export)


def export(
    place: Place,
    camera: Annotated[str, typer.Argument(metavar="CAMERA", help="The camera's id.")],
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="Begins at the keyframe at or before it.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The MP4 to write.")],
    to: To = None,
    close_gaps: Annotated[
        bool, typer.Option("--close-gaps", help="Go on at once where footage is missing, instead of standing still.")
    ] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Leave out what lies on volumes that are away.")] = False,
    bundle: Annotated[
        bool,
        typer.Option(
            "--bundle", help="FILE is a folder, or a .zip, with what proves that the footage was not changed since."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a file that is there.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a range of footage to an ordinary MP4, without re-encoding, its index in front.

    Where the codec or the picture's size changes, or nothing was recorded for half a day, another file begins:
    FILE-1.mp4, FILE-2.mp4, … A file that is still being written is exported up to its last safe frame. Beside each
    file lies FILE.mp4.blake3 with its hash; a bundle is signed with this installation's key, and has the ledger of its
    time with it. "evertape verify" checks both.
    """
    from evertape.cli import export_bundle
    from evertape.cli.archive import open_archive
    from evertape.engine.export_pieces import file_names, reachable, split_where_needed

    with open_archive(place) as archive:
        archive.require(camera)
        start, end, _ = window(archive, from_, to)
        pieces = reachable(
            archive,
            archive.index.pieces(camera, start, end, archive.open_until),
            partial,
            "--partial exports the rest",
        )
        if not pieces:
            raise UsageError(
                f"there is no footage of {camera} in that range", hint=f"evertape timeline {camera} shows what there is"
            )
        _warn_of_damage(pieces)
        groups = split_where_needed(pieces)
        if bundle:
            order = export_bundle.Order(camera, start, end, close_gaps, quiet=as_json)
            refuse_to_replace([output], force)
            return export_bundle.export(place, archive, groups, output, order)
        files = file_names(output, len(groups))
        refuse_to_replace(files, force)
        results = []
        for file, group in zip(files, groups, strict=True):
            results.append((file, _export(archive, group, file, start, end, close_gaps, quiet=as_json)))
    if as_json:
        return emit({"camera": camera, "files": [_result_json(file, result) for file, result in results]})
    for file, result in results:
        print(_result_text(file, result, archive))
    return None


def _warn_of_damage(pieces: list[Piece]) -> None:
    from evertape.cli.config_verbs import warn

    for path, problem in {
        piece.segment.path: piece.segment.damaged for piece in pieces if piece.segment.damaged
    }.items():
        warn(f"{path} is damaged ({problem}); what of it cannot be read is left out")


def refuse_to_replace(files: Sequence[Path], force: bool) -> None:
    """Raise ``UsageError`` if one of these is there, unless that was asked for, or their folder is not."""
    there = [str(file) for file in files if file.exists()]
    if there and not force:
        raise UsageError(f"{', '.join(there)} is there already", hint="--force replaces it")
    folder = files[0].parent
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")


def _export(
    archive: Archive, pieces: list[Piece], file: Path, start: int, end: int, close_gaps: bool, *, quiet: bool
) -> ExportResult:
    """To a file of its own, with its hash beside it."""
    from evertape.evidence.bundle import HashingFile
    from evertape.evidence.verify import write_list

    with replacing(file) as out:
        hashing = HashingFile(out)
        result = write_pieces(archive, pieces, cast(BinaryIO, hashing), file.name, start, end, close_gaps, quiet=quiet)
    write_list(file, hashing.hash)
    return result


def write_pieces(
    archive: Archive,
    pieces: list[Piece],
    out: BinaryIO,
    name: str,
    start: int,
    end: int,
    close_gaps: bool,
    *,
    quiet: bool,
) -> ExportResult:
    """Write what lies in ``[start, end)`` of these pieces to ``out``; ``name`` is shown. Raises as ``mp4.export``."""
    from evertape.cli.screen import progress_bar
    from evertape.engine import export_pieces

    with progress_bar(name, quiet=quiet) as progress:
        return export_pieces.write_pieces(archive, pieces, out, (start, end), close_gaps=close_gaps, progress=progress)


@contextlib.contextmanager
def replacing(file: Path) -> Iterator[BinaryIO]:
    """A file beside ``file`` that takes its name when all went well, and goes when it did not."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with temporary.open("xb") as out:
            yield out
        os.replace(temporary, file)
    except OSError as error:
        raise VolumeError(f"the export was given up: {error.filename or file}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _result_json(file: Path, result: ExportResult) -> dict[str, Any]:
    from evertape.mp4.model import iso_utc
    from evertape.types import NS_PER_S

    return {
        "path": str(file),
        "start_utc": result.start_utc_ns,
        "end_utc": result.end_utc_ns,
        "start": iso_utc(result.start_utc_ns),
        "end": iso_utc(result.end_utc_ns),
        "seconds": result.duration_ns / NS_PER_S,
        "frames": result.pictures,
        "bytes": result.size,
        "gaps": [
            {"at_s": gap.at_ns / NS_PER_S, "seconds": gap.duration_ns / NS_PER_S, "start_utc": gap.utc_ns}
            for gap in result.gaps
        ],
    }


def _result_text(file: Path, result: ExportResult, archive: Archive) -> str:
    from evertape.cli.wording import plural, size_text, span_text, time_text
    from evertape.types import NS_PER_S

    begin = time_text(result.start_utc_ns, archive.zone)
    gaps = f", with {plural(len(result.gaps), 'gap')}" if result.gaps else ""
    return f"{file}: {span_text(result.duration_ns / NS_PER_S)} from {begin}, {size_text(result.size)}{gaps}"
