"""Spans of the time line by window and resolution, kept: moving to and fro asks nothing twice. GUI thread only."""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from evertape.types import NS_PER_S
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.model import instant
from evertape_desktop.playback.spans import Span, spans_by_camera

TILE = 512
"""So many pixels at most share a tile."""
FINEST, COARSEST = -6, 15
"""Powers of two of a second."""
_KEPT = 600
_FRESH_S, _OLD_S = 3.0, 60.0
_SETTLED_NS = 120 * NS_PER_S
"""The index follows by some seconds, and what is newer than this may yet turn out to be a gap."""


def level_for(ns_per_pixel: float) -> int:
    """The resolution that a pixel needs, as a power of two of a second. Pure."""
    level = math.ceil(math.log2(max(ns_per_pixel, 1.0) / NS_PER_S))
    return min(max(level, FINEST), COARSEST)


def tile_length(level: int) -> int:
    """How much time a tile has, ns. Pure."""
    return TILE * NS_PER_S * 2**level if level >= 0 else TILE * NS_PER_S // 2**-level


def tiles_of(start: int, end: int, level: int) -> range:
    """Which tiles show a window, by number. Pure."""
    length = tile_length(level)
    return range(start // length, -(-end // length))


def joined(spans: Sequence[Span]) -> list[Span]:
    """What tiles cut, or tell twice, made whole again. Pure."""
    found: list[Span] = []
    for one in spans:
        last = found[-1] if found else None
        if last is not None and one.start <= last.end and (one.kind, one.cause, one.volume) == (
            last.kind, last.cause, last.volume,
        ):  # fmt: skip
            found[-1] = replace(last, end=max(last.end, one.end), gaps=max(last.gaps, one.gaps))
        else:
            found.append(one)
    return found


@dataclass(slots=True)
class _Tile:
    spans: tuple[Span, ...] | None = None
    asked_s: float = -math.inf
    until: int = 0
    busy: bool = False


class TileStore(QObject):
    """See the module.

    Args:
        backend: the recorder.
        now: what time it is for it.
    """

    changed = Signal()
    """A tile has come."""

    def __init__(self, backend: Backend, now: Callable[[], int], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._backend = backend
        self._now = now
        self._tiles: OrderedDict[tuple[str, int, int], _Tile] = OrderedDict()
        self._wanted: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        self._asking = QTimer(self, singleShot=True, interval=0)
        self._asking.timeout.connect(self._ask)

    def spans(self, camera: str, start: int, end: int, ns_per_pixel: float) -> list[Span]:
        """What is known of a camera in a window; what is missing is asked for, coarser ones stand for it meanwhile."""
        level, found = level_for(ns_per_pixel), []
        length, now = tile_length(level), self._now()
        for number in tiles_of(start, end, level):
            if number * length > now:
                break
            tile = self._tile(camera, level, number)
            spans = self._coarser(camera, level, number) if tile.spans is None else tile.spans
            found += [one for one in spans if one.end > start and one.start < end]
        return joined(found)

    def refresh(self) -> None:
        """Everything may have changed."""
        for tile in self._tiles.values():
            tile.asked_s = -math.inf
        self.changed.emit()

    def _coarser(self, camera: str, level: int, number: int) -> Sequence[Span]:
        start, length = number * tile_length(level), tile_length(level)
        for coarse in range(level + 1, COARSEST + 1):
            tile = self._tiles.get((camera, coarse, start // tile_length(coarse)))
            if tile is not None and tile.spans is not None:
                return [one for one in tile.spans if one.end > start and one.start < start + length]
        return ()

    def _tile(self, camera: str, level: int, number: int) -> _Tile:
        key = (camera, level, number)
        tile = self._tiles.setdefault(key, _Tile())
        self._tiles.move_to_end(key)
        while len(self._tiles) > _KEPT:
            self._tiles.popitem(last=False)
        end = (number + 1) * tile_length(level)
        is_settled = tile.until >= end and tile.until < self._now() - _SETTLED_NS
        if not tile.busy and monotonic() - tile.asked_s > (_OLD_S if is_settled else _FRESH_S):
            tile.busy = True
            self._wanted[level, number].append(camera)
            self._asking.start()
        return tile

    def _ask(self) -> None:
        wanted, self._wanted = self._wanted, defaultdict(list)
        for (level, number), cameras in wanted.items():
            self._ask_one(level, number, list(dict.fromkeys(cameras)))

    def _ask_one(self, level: int, number: int, cameras: list[str]) -> None:
        start = number * tile_length(level)
        end = min(start + tile_length(level), self._now())
        tiles = {camera: self._tiles.get((camera, level, number)) for camera in cameras}
        for tile in filter(None, tiles.values()):
            tile.asked_s = monotonic()

        def came(answer: Any) -> None:
            spans = spans_by_camera(answer)
            for camera, tile in tiles.items():
                if tile is not None:
                    tile.spans, tile.until, tile.busy = spans.get(camera, ()), end, False
            self.changed.emit()

        def failed(_: object) -> None:
            # Asked again when it is next drawn.
            for tile in filter(None, tiles.values()):
                tile.busy = False

        if end <= start:
            failed(None)
            return
        self._backend.get(
            "/timeline", camera=cameras, start=instant(start), end=instant(end), resolution=2.0**level
        ).then(came, failed, owner=self)
