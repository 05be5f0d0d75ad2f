"""Where the cells of the grid lie, and what is shown in them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evertape.config.desktop import Grid

_SQUARE = {Grid.ONE: 1, Grid.TWO: 2, Grid.THREE: 3, Grid.FOUR: 4}
_LARGE = {Grid.ONE_AND_FIVE: 3, Grid.ONE_AND_SEVEN: 4}
"""Into so many parts each side is divided, of which the large cell has all but one."""


@dataclass(frozen=True, slots=True)
class Rect:
    """In pixels."""

    x: int
    y: int
    width: int
    height: int


def capacity(grid: Grid) -> int:
    """How many cells there are."""
    return _SQUARE[grid] ** 2 if grid in _SQUARE else 2 * _LARGE[grid]


def cells(grid: Grid, width: int, height: int, gap: int = 2) -> list[Rect]:
    """The cells in an area of this size, in the order in which cameras fill them; ``gap`` lies between them."""
    parts = _SQUARE.get(grid) or _LARGE[grid]
    columns, rows = _edges(parts, width, gap), _edges(parts, height, gap)

    def over(x: int, y: int, span: int = 1) -> Rect:
        left, top = columns[x][0], rows[y][0]
        right, bottom = columns[x + span - 1][1], rows[y + span - 1][1]
        return Rect(left, top, max(0, right - left), max(0, bottom - top))

    if grid in _SQUARE:
        return [over(x, y) for y in range(parts) for x in range(parts)]
    last = parts - 1
    beside = [over(last, y) for y in range(last)]
    below = [over(x, last) for x in range(parts)]
    return [over(0, 0, last), *beside, *below]


def _edges(parts: int, length: int, gap: int) -> list[tuple[int, int]]:
    """Where each part begins and ends: whole pixels, none left over at the end."""
    inner = max(0, length - gap * (parts - 1))
    return [(inner * i // parts + gap * i, inner * (i + 1) // parts + gap * i) for i in range(parts)]


def pages(grid: Grid, count: int) -> int:
    """How many pages so many cameras fill; at least one."""
    return max(1, -(-count // capacity(grid)))


def on_page(grid: Grid, page: int, order: Sequence[str]) -> list[str]:
    """Whose cameras are on a page, counted from 0."""
    size = capacity(grid)
    return list(order[page * size : (page + 1) * size])


def ordered(kept: Sequence[str], there: Sequence[str]) -> list[str]:
    """The cameras that are there, in the kept order; those that it does not name follow."""
    known = set(there)
    first = [camera for camera in dict.fromkeys(kept) if camera in known]
    return [*first, *(camera for camera in there if camera not in set(first))]


def moved(order: Sequence[str], camera: str, target: str) -> list[str]:
    """The order after ``camera`` was dropped on ``target``: they change places."""
    swap = {camera: target, target: camera}
    return [swap.get(each, each) for each in order]


def is_large(grid: Grid, index: int) -> bool:
    """Whether a cell is meant for looking closely."""
    return grid is Grid.ONE or (grid in _LARGE and index == 0)


def stream_for(grid: Grid, index: int, *, zoomed: bool, has_sub: bool) -> str:
    """Which stream a cell shows: the smaller one suffices in small cells."""
    return "sub" if has_sub and not zoomed and not is_large(grid, index) else "main"
