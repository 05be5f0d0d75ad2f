"""Where the cells of the desktop's grid lie, and what they show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.config.desktop import Grid
from evertape_desktop.grid.layout import capacity, cells, is_large, moved, on_page, ordered, pages, stream_for

grids = st.sampled_from(list(Grid))
GAP = 2


@given(grids, st.integers(100, 4000), st.integers(100, 3000))
def test_cells_fill_the_area_without_overlap(grid: Grid, width: int, height: int) -> None:
    found = cells(grid, width, height, GAP)
    assert len(found) == capacity(grid)
    assert all(one.x >= 0 and one.y >= 0 and one.x + one.width <= width for one in found)
    assert all(one.width > 0 and one.height > 0 and one.y + one.height <= height for one in found)
    for at, one in enumerate(found):
        for other in found[at + 1 :]:
            apart_x = one.x + one.width + GAP <= other.x or other.x + other.width + GAP <= one.x
            apart_y = one.y + one.height + GAP <= other.y or other.y + other.height + GAP <= one.y
            assert apart_x or apart_y
    assert max(one.x + one.width for one in found) == width
    assert max(one.y + one.height for one in found) == height


@pytest.mark.parametrize(("grid", "count", "parts"), [(Grid.ONE_AND_FIVE, 6, 3), (Grid.ONE_AND_SEVEN, 8, 4)])
def test_the_large_cell_has_its_share(grid: Grid, count: int, parts: int) -> None:
    found = cells(grid, 1200, 900, 0)
    assert len(found) == count
    assert (found[0].x, found[0].y, found[0].width, found[0].height) == (0, 0, 1200 - 1200 // parts, 900 - 900 // parts)
    assert {(one.width, one.height) for one in found[1:]} == {(1200 // parts, 900 // parts)}


@given(grids, st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True, max_size=40))
def test_every_camera_is_on_exactly_one_page(grid: Grid, order: list[str]) -> None:
    assert [one for page in range(pages(grid, len(order))) for one in on_page(grid, page, order)] == order


def test_a_kept_order_survives_cameras_that_come_and_go() -> None:
    assert ordered(["c", "gone", "a", "c"], ["a", "b", "c", "new"]) == ["c", "a", "b", "new"]


def test_cameras_that_are_dropped_on_others_change_places() -> None:
    assert moved(["a", "b", "c"], "a", "c") == ["c", "b", "a"]


def test_small_cells_show_the_smaller_stream_and_whoever_looks_closely_the_larger_one() -> None:
    assert stream_for(Grid.FOUR, 3, zoomed=False, has_sub=True) == "sub"
    assert stream_for(Grid.FOUR, 3, zoomed=False, has_sub=False) == "main"
    assert stream_for(Grid.FOUR, 3, zoomed=True, has_sub=True) == "main"
    assert stream_for(Grid.ONE_AND_FIVE, 0, zoomed=False, has_sub=True) == "main"
    assert is_large(Grid.ONE, 0) and not is_large(Grid.TWO, 0) and not is_large(Grid.ONE_AND_SEVEN, 1)
