"""When a recording of another recorder began, and whose it is, by its path."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from evertape.disk.layout import is_camera
from evertape.domain.file_names import COMMON, camera_id, camera_of, compile_pattern, read_name
from evertape.errors import UsageError

BASIC = [re.compile(pattern) for pattern in COMMON]


def start(path: str) -> str:
    named = read_name(path, BASIC, UTC)
    return "" if named is None else datetime.fromtimestamp(named.start_utc / 1e9, UTC).isoformat()


@pytest.mark.parametrize(
    ("path", "when", "camera"),
    [
        ("cam_01_20250923_143052", "2025-09-23T14:30:52+00:00", "cam_01"),
        ("front/2025-09-23/14-30-52", "2025-09-23T14:30:52+00:00", "front"),
        ("Front Door/2025/09/23/143052", "2025-09-23T14:30:52+00:00", "Front Door"),
        ("2025-09-23T14-30-52Z", "2025-09-23T14:30:52+00:00", "top"),
        ("gate/2025-09-23_14-30-52-123456", "2025-09-23T14:30:52.123456+00:00", "gate"),
        ("20250923143052", "2025-09-23T14:30:52+00:00", "top"),
        ("yard/1758637852", "2025-09-23T14:30:52+00:00", "yard"),
        ("yard/1758637852500", "2025-09-23T14:30:52.500000+00:00", "yard"),
        ("20240101/cam/20250923T143052", "2025-09-23T14:30:52+00:00", "cam"),
        ("cam/clip-0004", "", "cam"),
        ("clip-0004", "", "clip"),
        ("cam_20251323_143052", "", "cam_20251323"),  # there is no such month
        ("cam_20250230_143052", "", "cam_20250230"),  # nor such a day
        ("12025092314305299", "", "top"),  # digits of something else
    ],
)
def test_common_names_are_understood(path: str, when: str, camera: str) -> None:
    assert start(path) == when
    assert camera_of(path, read_name(path, BASIC, UTC), "top") == camera


def test_a_name_is_in_the_zone_that_was_named_unless_it_says_another() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    summer, winter = (read_name(f"x_{day}_120000", BASIC, berlin) for day in ("20250701", "20250101"))
    said = read_name("x_20250701T120000Z", BASIC, berlin)
    assert summer is not None
    assert winter is not None
    assert said is not None
    noon = int(datetime(2025, 7, 1, 12, tzinfo=UTC).timestamp()) * 10**9
    assert summer.start_utc == noon - 2 * 3600 * 10**9
    assert said.start_utc == noon
    assert winter.start_utc == int(datetime(2025, 1, 1, 11, tzinfo=UTC).timestamp()) * 10**9


def test_a_pattern_says_where_the_time_and_the_camera_are() -> None:
    pattern = compile_pattern("%Y-%m-%d/%H/{camera}/%M.%S")
    named = read_name("2025-09-23/14/yard/30.52", [pattern], UTC)
    assert named is not None
    assert (named.start_utc, named.camera) == (1758637852 * 10**9, "yard")
    assert read_name("2025-09-23/14/30.52", [pattern], UTC) is None
    twice = compile_pattern("%Y%m%d/*_%Y%m%d_%H%M%S")
    assert read_name("20250923/x_20250923_143052", [twice], UTC) is not None
    assert read_name("20250922/x_20250923_143052", [twice], UTC) is None


@pytest.mark.parametrize("pattern", ["%Y-%m-%d", "clip", "%Q%Y%m%d%H", "%H%M%S"])
def test_a_pattern_that_says_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        compile_pattern(pattern)


@pytest.mark.parametrize("name", ["Front Door", "Einfahrt/Süd", "___", "x" * 99, "カメラ", "-a-", "cam_01"])
def test_an_id_is_made_of_any_name(name: str) -> None:
    assert is_camera(camera_id(name))
