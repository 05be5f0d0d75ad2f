from __future__ import annotations

from pathlib import Path

import pytest

from evertape.cli.export import replacing
from evertape.engine.export_pieces import file_names, split_where_needed
from evertape.errors import VolumeError
from evertape.store.rows import Piece, SegmentRow
from evertape.types import NS_PER_S

HOUR = 3600 * NS_PER_S


def piece(name: str, start_h: float, end_h: float, codec: str = "h264", width: int = 1920) -> Piece:
    start, end = round(start_h * HOUR), round(end_h * HOUR)
    row = SegmentRow(
        id=name, camera="front", volume="v", path=f"front/{name}.mp4", epoch="e", generation=1, first_video=0,
        start_utc=start, utc_source="rtcp", utc_error=0, codec=codec, width=width, height=1080, last_video=9,
        end_utc=end,
    )  # fmt: skip
    return Piece(row, 0, 9, start, end)


def groups(*pieces: Piece) -> list[list[str]]:
    return [[one.segment.id for one in group] for group in split_where_needed(pieces)]


def test_what_fits_together_is_one_file() -> None:
    assert groups(piece("a", 0, 1), piece("b", 1, 2), piece("c", 5, 6)) == [["a", "b", "c"]]


def test_another_codec_or_size_begins_another_file() -> None:
    found = groups(piece("a", 0, 1), piece("b", 1, 2, width=1280), piece("c", 2, 3, codec="h265"), piece("d", 3, 4))
    assert found == [["a"], ["b"], ["c"], ["d"]]


def test_a_pause_longer_than_a_picture_can_last_begins_another_file() -> None:
    assert groups(piece("a", 0, 1), piece("b", 12.9, 14), piece("c", 26.1, 27)) == [["a", "b"], ["c"]]


def test_files_are_numbered_only_if_there_are_several() -> None:
    assert file_names(Path("x/out.mp4"), 1) == [Path("x/out.mp4")]
    assert file_names(Path("x/out.mp4"), 2) == [Path("x/out-1.mp4"), Path("x/out-2.mp4")]


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with pytest.raises(TypeError), replacing(target) as out:
        out.writelines([b"half", None])  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []
    with replacing(target) as out:
        out.write(b"all")
        assert not target.exists()
    assert target.read_bytes() == b"all"
    with pytest.raises(VolumeError, match=r"the export was given up: .*No such file"), replacing(tmp_path / "a" / "b"):
        pass
