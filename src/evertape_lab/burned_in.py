"""Reads the frame number that a camera burned into its pictures: off a `<video>` by a script, or off a raw picture."""

from __future__ import annotations

from collections.abc import Callable

from evertape_lab.picture import _ADVANCE, _GLYPHS, _ROWS, clock_text, text_width

ARGUMENTS = [_GLYPHS, _ADVANCE, _ROWS, len(clock_text(0, 1))]
"""For ``SCRIPT``, which is evaluated once in a page."""

SCRIPT = """([glyphs, advance, rows, chars]) => {
  const digits = [...'0123456789'].map((one) => glyphs[one].split(' ').join(''));
  const canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  // `window.burnedIn(video)`: the number, within the camera's loop, of the picture on screen; null: none can be read.
  window.burnedIn = (video, width = video.videoWidth, height = video.videoHeight) => {
    const scale = Math.max(1, Math.floor(width * 0.6 / (chars * advance)));
    canvas.width = 5 * advance * scale;
    canvas.height = rows * scale;
    const place = [Math.floor(width / 40) * 2, Math.floor(height / 10), canvas.width, canvas.height];
    pen.drawImage(video, ...place, 0, 0, canvas.width, canvas.height);
    const image = pen.getImageData(0, 0, canvas.width, canvas.height);
    let number = 0;
    for (let at = 1; at <= 4; at += 1) {
      let best = -1, fewest = 99;
      digits.forEach((shape, digit) => {
        let wrong = 0;
        for (let row = 0; row < rows; row += 1) for (let column = 0; column < 5; column += 1) {
          const x = Math.floor((at * advance + column + 0.5) * scale), y = Math.floor((row + 0.5) * scale);
          const [red, green, blue] = image.data.subarray(4 * (y * image.width + x));
          // By brightness: the text has the colours of the bars behind it.
          const white = 0.299 * red + 0.587 * green + 0.114 * blue > 128;
          if (white !== (shape[row * 5 + column] === '#')) wrong += 1;
        }
        if (wrong < fewest) { fewest = wrong; best = digit; }
      });
      if (fewest > 2) return null;
      number = number * 10 + best;
    }
    return number;
  };
}"""


def read_number(luma: bytes, width: int) -> int | None:
    """The same for a raw picture: its luma plane, and how many bytes a row has. ``None``: none can be read."""
    scale = max(1, width * 6 // 10 // text_width(clock_text(0, 1), 1))
    left, top = width // 20 // 2 * 2, len(luma) // width // 10
    number = 0
    for place in range(1, 5):
        x0 = left + place * _ADVANCE * scale + scale // 2
        seen = [
            luma[(top + row * scale + scale // 2) * width + x0 + column * scale] > 128
            for row in range(_ROWS)
            for column in range(_ADVANCE - 1)
        ]
        wrong, digit = min((_wrong(seen, digit), digit) for digit in "0123456789")
        if wrong > 2:
            return None
        number = number * 10 + int(digit)
    return number


def _wrong(seen: list[bool], digit: str) -> int:
    return sum(one != (cell == "#") for one, cell in zip(seen, _GLYPHS[digit].replace(" ", ""), strict=True))


def number_in(brightness: Callable[[int, int], int], width: int, height: int, camera: tuple[int, int]) -> int | None:
    """The number, within the camera's loop, in a picture of any size; ``None``: none can be read.

    Args:
        brightness: of a pixel, 0 to 255.
        width: of the picture as it is shown, without bars.
        height: likewise.
        camera: its size as the camera sends it.
    """
    chars = len(clock_text(0, 1))
    scale = max(1, int(camera[0] * 0.6) // (chars * _ADVANCE))
    left, top = camera[0] // 40 * 2, camera[1] // 10
    number = 0
    for at in range(1, 5):
        # One character behind the "#".
        seen = [
            brightness(
                min(width - 1, int((left + (at * _ADVANCE + column + 0.5) * scale) * width / camera[0])),
                min(height - 1, int((top + (row + 0.5) * scale) * height / camera[1])),
            )
            > 128
            for row in range(_ROWS)
            for column in range(5)
        ]
        wrong = {digit: _differences(_GLYPHS[digit], seen) for digit in "0123456789"}
        best = min(wrong, key=lambda digit: wrong[digit])
        if wrong[best] > 2:
            return None
        number = number * 10 + int(best)
    return number


def _differences(glyph: str, seen: list[bool]) -> int:
    return sum((cell == "#") is not white for cell, white in zip(glyph.replace(" ", ""), seen, strict=True))
