"""A grid whose pictures GStreamer draws by itself, on a display of X11: prints what is on the screen. Run by a test."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from desktop.canned_link import CannedLink, camera
from evertape.config.desktop import Grid
from evertape.media.view.terms import Picture, Pictures, SourceCaps, SourceEvent, SourceState
from evertape.types import NS_PER_S, Codec, Epoch, VideoCaps
from evertape_desktop.actions import Actions
from evertape_desktop.backend.backend import Backend
from evertape_desktop.context import Context
from evertape_desktop.grid.grid import VideoGrid
from evertape_desktop.store import SettingsStore
from evertape_lab.burned_in import number_in
from evertape_lab.encode import encode_video
from evertape_lab.loop import LoopParams

SIZE, FPS = (320, 180), 25
LOOP = encode_video(LoopParams(width=SIZE[0], height=SIZE[1], fps=FPS, bitrate=300))


class Camera:
    """A ``ViewSource`` in real time, which can go away."""

    away = False

    def __init__(self) -> None:
        self._begun = self._sent = 0
        self._said = True

    def poll(self, now_ns: int) -> Sequence[SourceEvent]:
        out: list[SourceEvent] = []
        if not self._begun:
            self._begun = now_ns
            config = bytes.fromhex(LOOP.caps.partition("codec_data=(buffer)")[2].partition(",")[0].partition(";")[0])
            out += [SourceCaps(VideoCaps(Codec.H264, config, *SIZE)), SourceState(True)]
        if Camera.away is self._said:
            self._said = not Camera.away
            out.append(SourceState(self._said, "" if self._said else "gone"))
        due, pictures = (now_ns - self._begun) * FPS // NS_PER_S, []
        for number in range(self._sent, due):
            frame = LOOP.frames[number % len(LOOP.frames)]
            pictures.append(Picture(Epoch("e"), number * NS_PER_S // FPS, frame.key, frame.head + frame.tail))
        self._sent = due
        return [*out, Pictures(pictures)] if pictures and not Camera.away else out

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        pass


def main() -> int:
    app = QApplication(sys.argv)
    link = CannedLink()
    link.state["cameras"] = [camera("door", "Front door"), camera("gate", "Gate")]
    link.sources = lambda _camera, _stream: Camera()
    settings, keys, backend = SettingsStore(None), QWidget(), Backend(link)
    settings.set("layout", grid=Grid.TWO)
    settings.set("streaming", output="overlay")
    grid = VideoGrid(Context(backend, settings, Actions(keys)))
    grid.resize(780, 440)
    grid.show()
    backend.start()

    def until(ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 15
        while not ready():
            assert time.monotonic() < deadline
            app.processEvents()
            time.sleep(0.01)

    def screen() -> QImage:
        app.processEvents()
        return app.primaryScreen().grabWindow(0).toImage()

    def number(name: str) -> int | None:
        """Read off the screen, from the window within the cell that can be seen."""
        cell, image = grid.cell(name), screen()
        window = next((each for each in cell._windows.values() if each.isVisible()), None)
        if window is None:
            return None
        wide, high = window.width(), window.height()
        if wide * 9 > high * 16:
            wide = high * 16 // 9
        else:
            high = wide * 9 // 16
        at = window.mapTo(grid, window.rect().center()) + grid.pos()
        left, top = at.x() - wide // 2, at.y() - high // 2

        def brightness(x: int, y: int) -> int:
            pixel = image.pixelColor(x, y)
            return (pixel.red() * 299 + pixel.green() * 587 + pixel.blue() * 114) // 1000

        # Where the picture lies to the pixel, GStreamer decides.
        for x, y in itertools.product((0, -1, 1), (0, -1, 1)):
            shifted = partial(lambda dx, dy, a, b: brightness(dx + a, dy + b), left + x, top + y)
            found = number_in(shifted, wide, high, SIZE)
            if found is not None:
                return found
        return None

    def bright(name: str) -> int:
        cell, image = grid.cell(name), screen()
        at = grid.pos() + cell.pos()
        row = at.y() + cell.height() // 2 - 18
        return max(image.pixelColor(at.x() + x, row).lightness() for x in range(cell.width()))

    until(lambda: len(grid.shown) == 2 and all(grid.cell(name).has_picture for name in grid.shown))
    until(lambda: number("door") is not None and number("gate") is not None)
    first = number("door")
    until(lambda: number("door") not in (None, first))
    grid.zoom_to("gate")
    until(lambda: grid.cell("gate").view is not None and grid.cell("gate").view.key[1] == "main")  # type: ignore[union-attr]
    until(lambda: number("gate") is not None)
    large = grid.cell("gate").width() == grid.width()
    if len(sys.argv) > 1:
        screen().save(sys.argv[1])
    Camera.away = True
    until(lambda: not grid.cell("gate").has_picture)
    app.processEvents()
    card = bright("gate") > 100
    Camera.away = False
    until(lambda: number("gate") is not None)
    settings.set("streaming", output="frames")
    until(lambda: grid.cell("gate").image is not None)
    settings.set("streaming", output="overlay")
    until(lambda: grid.cell("gate").image is None and number("gate") is not None)
    link.state["cameras"] = link.state["cameras"][:1]
    backend.look_now()
    until(lambda: grid.shown == ["door"])
    until(lambda: number("door") is not None)
    grid.close_views()
    backend.close()
    grid.deleteLater()
    app.processEvents()
    sys.stdout.write(json.dumps({"large": large, "card": card}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
