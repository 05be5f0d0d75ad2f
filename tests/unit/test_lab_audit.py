"""The auditor against files whose content is known."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.types import Codec
from evertape_lab.audit import Missing, SeenFrame, assert_every_frame_once, audit_files, audit_frames, scan_file
from evertape_lab.sei import SeiBuilder

PERIOD_NS = 40_000_000


def frame_bytes(camera: str, n: int) -> bytes:
    return b"\x00\x00\x00\x01" + SeiBuilder(Codec.H264, camera).nal(n, n * PERIOD_NS) + bytes([n % 256]) * 50


def write(path: Path, *numbers: int, camera: str = "cam_01") -> Path:
    path.write_bytes(b"".join(frame_bytes(camera, n) for n in numbers))
    return path


def test_scan_gives_frames_in_the_order_of_the_bytes_with_offsets(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", 7, 5)
    seen = scan_file(path)
    assert [(frame.camera, frame.n, frame.utc_ns) for frame in seen] == [
        ("cam_01", 7, 7 * PERIOD_NS),
        ("cam_01", 5, 5 * PERIOD_NS),
    ]
    data = path.read_bytes()
    assert all(data[frame.offset + 16 :].startswith(b"name=cam_01") for frame in seen)


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    assert scan_file(write(tmp_path / "empty.mp4")) == []


def test_files_in_any_order_make_one_whole(tmp_path: Path) -> None:
    later, earlier = write(tmp_path / "a.mp4", 4, 5, 6), write(tmp_path / "b.mp4", 1, 2, 3)
    report = audit_files([later, earlier])
    assert report.ok
    camera = report.cameras["cam_01"]
    assert (camera.first, camera.last, camera.count) == (1, 6, 6)
    assert (camera.first_utc_ns, camera.last_utc_ns) == (PERIOD_NS, 6 * PERIOD_NS)


def test_nothing_found_is_not_well(tmp_path: Path) -> None:
    assert not audit_files([]).ok
    assert not audit_files([write(tmp_path / "empty.mp4")]).ok


def test_holes_are_ranges_with_the_times_around_them(tmp_path: Path) -> None:
    report = audit_files([write(tmp_path / "a.mp4", 1, 2, 6), write(tmp_path / "b.mp4", 8)])
    camera = report.cameras["cam_01"]
    assert camera.missing == [
        Missing(3, 5, 2 * PERIOD_NS, 6 * PERIOD_NS),
        Missing(7, 7, 6 * PERIOD_NS, 8 * PERIOD_NS),
    ]
    assert camera.missing_count == 4
    assert not report.ok


def test_doubled_frames_name_every_file_that_holds_them(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.mp4", 1, 2), write(tmp_path / "b.mp4", 2, 3), write(tmp_path / "c.mp4", 2)]
    camera = audit_files(paths).cameras["cam_01"]
    assert camera.doubled == {2: paths}
    assert camera.count == 3
    assert camera.missing == []
    assert not camera.ok


def test_disorder_within_a_file_is_counted_for_that_file_and_camera_alone(tmp_path: Path) -> None:
    mixed = tmp_path / "a.mp4"
    mixed.write_bytes(b"".join(frame_bytes(c, n) for c, n in [("x", 1), ("y", 9), ("x", 3), ("x", 2), ("y", 10)]))
    report = audit_files([mixed, write(tmp_path / "b.mp4", 4, camera="x")])
    assert report.cameras["x"].disordered == {mixed: 1}
    assert report.cameras["y"].ok
    assert not report.ok


def test_a_superseded_tail_is_left_out_by_a_byte_range(tmp_path: Path) -> None:
    old, new = write(tmp_path / "old.mp4", 1, 2, 3, 4), write(tmp_path / "new.mp4", 3, 4, 5)
    assert not audit_files([old, new]).ok
    cut = 2 * len(frame_bytes("cam_01", 1))
    assert audit_files([(old, 0, cut), new]).ok
    assert [frame.n for frame in scan_file(old, cut, 10**9)] == [3, 4]


def test_failure_says_what_when_and_where(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.mp4", 25, 26, 50), write(tmp_path / "b.mp4", 50)]
    with pytest.raises(AssertionError) as failure:
        assert_every_frame_once(paths, cameras=["cam_01", "cam_02"], at_least=100)
    text = str(failure.value)
    for part in [
        "missing 23: 27 to 49, between 00:00:01.040 and 00:00:02.000",
        "doubled 50: a.mp4, b.mp4",
        "['cam_01'] were found instead of ['cam_01', 'cam_02']",
        "cam_01 has 3 frames, not 100",
    ]:
        assert part in text


def test_nothing_at_all_fails_the_assertion() -> None:
    with pytest.raises(AssertionError, match="no numbered frame"):
        assert_every_frame_once([])


def test_what_the_camera_never_sent_excuses_its_own_hole_only(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.mp4", 1, 2, 6, 8)]
    assert_every_frame_once([write(tmp_path / "b.mp4", 1, 2, 6)], not_sent=[("cam_01", 3, 5)])
    with pytest.raises(AssertionError, match="missing 1: 7 to 7"):
        assert_every_frame_once(paths, not_sent=[("cam_01", 3, 5)])
    with pytest.raises(AssertionError, match="missing 3: 3 to 5"):
        assert_every_frame_once(paths, not_sent=[("cam_02", 1, 9), ("cam_01", 3, 4)])


@given(st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=5))
def test_counts_agree_with_a_plain_count(files: list[list[int]]) -> None:
    """Against a model: a multiset of numbers, whatever the files and their order."""
    scanned = [
        (Path(f"{index}.mp4"), [SeenFrame("c", n, n * PERIOD_NS, 0) for n in numbers])
        for index, numbers in enumerate(files)
    ]
    report = audit_frames(scanned)
    model = Counter(n for numbers in files for n in numbers)
    if not model:
        assert report.cameras == {}
        return
    camera = report.cameras["c"]
    holes = {n for hole in camera.missing for n in range(hole.first, hole.last + 1)}
    assert holes == set(range(min(model), max(model) + 1)) - set(model)
    assert {n: len(paths) for n, paths in camera.doubled.items()} == {n: k for n, k in model.items() if k > 1}
    assert camera.count == len(model)
    disorder = {f"{i}.mp4": sum(b < a for a, b in pairwise(numbers)) for i, numbers in enumerate(files)}
    assert {path.name: count for path, count in camera.disordered.items()} == {k: v for k, v in disorder.items() if v}
    assert report.ok == (not holes and max(model.values()) == 1 and not any(disorder.values()))
