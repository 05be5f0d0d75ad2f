"""The card that says that there is no signal, drawn into a raw picture. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from evertape.media.view.font import ADVANCE, HEIGHT, cells
from evertape.types import NS_PER_S

_BACK, _INK, _DIM = 32, 225, 130
_GREY = 128


@dataclass(frozen=True, slots=True)
class CardText:
    """What stands on a card.

    Args:
        title: the camera.
        headline: ``NO SIGNAL``.
        lines: below it.
    """

    title: str
    headline: str
    lines: tuple[str, ...]


def card_text(
    title: str, *, since_utc_ns: int | None, reason: str, retry_in_ns: int | None, zone: tzinfo | None
) -> CardText:
    """Put into words how things stand.

    Args:
        title: the camera.
        since_utc_ns: of the last picture; ``None`` if there was none yet.
        reason: why there is none, in words, or "".
        retry_in_ns: until the next attempt, if one is planned.
        zone: of the time; ``None``: the machine's.
    """
    if since_utc_ns is None:
        headline, since = "CONNECTING", []
    else:
        moment = datetime.fromtimestamp(since_utc_ns / NS_PER_S, UTC).astimezone(zone)
        headline, since = "NO SIGNAL", [f"since {moment:%H:%M:%S}"]
    lines = [*since, *([reason.replace("_", " ")] if reason else [])]
    if retry_in_ns is not None:
        seconds = max(0, -(-retry_in_ns // NS_PER_S))
        lines.append(f"next try in {seconds} s" if seconds else "trying now")
    return CardText(title, headline, tuple(lines))


def draw_card(text: CardText, width: int, height: int) -> bytes:
    """The card as an I420 picture of ``width`` by ``height`` (both even), without padding."""
    luma = bytearray([_BACK]) * (width * height)
    scale = max(1, min(width // 110, height // 60))
    big = _fit(text.headline, width, scale * 2)
    rows: list[tuple[str, int, int]] = [(text.headline, big, _INK)]
    rows += [(line, _fit(line, width, scale), _INK) for line in text.lines]
    if text.title:
        rows.insert(0, (text.title, _fit(text.title, width, scale), _DIM))
    gap = 4 * scale
    y = max(0, (height - sum(HEIGHT * size + gap for _, size, _ in rows) + gap) // 2)
    for line, size, ink in rows:
        _draw(luma, width, height, line, y, size, ink)
        y += HEIGHT * size + gap
    chroma = bytes([_GREY]) * (width * height // 4)
    return bytes(luma) + chroma + chroma


def _fit(line: str, width: int, scale: int) -> int:
    return max(1, min(scale, width // max(1, (len(line) + 2) * ADVANCE)))


def _draw(luma: bytearray, width: int, height: int, line: str, y: int, scale: int, ink: int) -> None:
    x = max(0, (width - len(line) * ADVANCE * scale) // 2)
    for number, row in enumerate(cells(line)):
        pixels = b"".join(bytes([ink if cell == "#" else _BACK]) * scale for cell in row)[: width - x]
        for repeat in range(scale):
            at = y + number * scale + repeat
            if at < height:
                luma[at * width + x : at * width + x + len(pixels)] = pixels
