"""Draws into raw pictures: digits from a tiny font, and noise that costs bits.

Python only, because a fresh machine may lack the text elements of GStreamer, and a loop
of a few seconds is drawn once and then cached.
"""

from __future__ import annotations

import random

# Columns of 5 x 7 glyphs would need bit fiddling; rows of text can be checked by eye.
_GLYPHS = {
    "0": ".###. #...# #..## #.#.# ##..# #...# .###.",
    "1": "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
    "2": ".###. #...# ....# ...#. ..#.. .#... #####",
    "3": "##### ...#. ..#.. ...#. ....# #...# .###.",
    "4": "...#. ..##. .#.#. #..#. ##### ...#. ...#.",
    "5": "##### #.... ####. ....# ....# #...# .###.",
    "6": "..##. .#... #.... ####. #...# #...# .###.",
    "7": "##### ....# ...#. ..#.. .#... .#... .#...",
    "8": ".###. #...# #...# .###. #...# #...# .###.",
    "9": ".###. #...# #...# .#### ....# ...#. .##..",
    ":": "..... ..#.. ..#.. ..... ..#.. ..#.. .....",
    ".": "..... ..... ..... ..... ..... ..##. ..##.",
    "#": ".#.#. .#.#. ##### .#.#. ##### .#.#. .#.#.",
    " ": "..... ..... ..... ..... ..... ..... .....",
}
_ROWS = 7
_ADVANCE = 6
_BLACK, _WHITE = 16, 235
# Noise of moderate strength around mid grey: strong enough to use up the bit rate, weak enough to be quantised away.
_NOISE = bytes(88 + value // 4 for value in range(256))


def text_rows(text: str, scale: int) -> list[bytes]:
    """The luma rows of ``text``, white on black, each glyph 6 x 7 cells of ``scale`` pixels."""
    rows = []
    for row in range(_ROWS):
        cells = "".join(_GLYPHS[char].split()[row] + "." for char in text)
        line = b"".join(bytes([_WHITE if cell == "#" else _BLACK]) * scale for cell in cells)
        rows.extend([line] * scale)
    return rows


def text_width(text: str, scale: int) -> int:
    """Pixels that ``text_rows`` will be wide."""
    return len(text) * _ADVANCE * scale


def draw_text(luma: bytearray, stride: int, x: int, y: int, text: str, scale: int) -> None:
    """Write ``text`` into the luma plane with its upper left corner at ``x``, ``y``."""
    for offset, row in enumerate(text_rows(text, scale)):
        start = (y + offset) * stride + x
        luma[start : start + len(row)] = row


def draw_noise(luma: bytearray, stride: int, top: int, bottom: int, seed: int) -> None:
    """Fill the luma rows ``top`` to ``bottom`` with grey noise that is the same for the same ``seed``."""
    size = (bottom - top) * stride
    luma[top * stride : top * stride + size] = random.Random(seed).randbytes(size).translate(_NOISE)


def clock_text(frame: int, fps: int) -> str:
    """The burned-in line: frame number within the loop and ``mm:ss.mmm`` within the loop."""
    millis = frame * 1000 // fps
    return f"#{frame:04d} {millis // 60000:02d}:{millis // 1000 % 60:02d}.{millis % 1000:03d}"
