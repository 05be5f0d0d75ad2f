"""The picture that is shown, in full size, as a file. On the link's thread, decoding on another."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from time import monotonic

from PySide6.QtCore import QStandardPaths
from PySide6.QtGui import QImage

from evertape.errors import EvertapeError
from evertape.media.view.stepper import Stepped, Stepper
from evertape.types import NS_PER_MS
from evertape_desktop.backend.problem import Problem
from evertape_desktop.playback.footage import Footage
from evertape_desktop.playback.reading import read
from evertape_desktop.playback.terms import Encoded, Mode, Shown

_BEHIND = 17
"""Pictures that a decoder may hold back, and the one that makes it give out the last of them."""
_DECODE_S = 15.0


def pictures() -> Path:
    """Where people of this machine keep pictures."""
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation) or Path.home())


async def save_shown(footage: Footage, shown: Shown, path: Path) -> tuple[int, int]:
    """Decode the picture anew as it was recorded, and save it; JPEG or PNG by the file's name. Returns its size.

    Raises:
        Problem: it is not there any more, cannot be decoded, or not be saved.
    """
    pictures: list[Encoded] = []
    after = 0
    async with aclosing(read(footage, shown.utc, Mode.ALL)) as items:
        async for item in items:
            if not isinstance(item, Encoded) or item.video != shown.encoded.video:
                break
            pictures.append(item)
            after += item.utc > shown.utc
            if after >= _BEHIND:
                break
    if not any(one.utc == shown.utc for one in pictures):
        raise Problem("gone", "the picture is not there any more")
    return await asyncio.to_thread(_save, pictures, shown.utc, path)


def _save(pictures: list[Encoded], utc: int, path: Path) -> tuple[int, int]:
    stepper = Stepper()
    try:
        picture = _decoded(stepper, pictures, utc)
    except EvertapeError as error:
        raise Problem("undecodable", f"the picture cannot be decoded: {error}") from None
    finally:
        stepper.close()
    image = QImage(picture.data, picture.width, picture.height, picture.width * 4, QImage.Format.Format_RGB32)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not image.save(str(path), quality=-1 if path.suffix == ".png" else 92):
        raise Problem("unwritable", f"{path} cannot be written", "choose another folder, and .png or .jpg")
    return picture.width, picture.height


def _decoded(stepper: Stepper, pictures: list[Encoded], utc: int) -> Stepped:
    base = pictures[0].utc - 1000 * NS_PER_MS
    waiting, until, drained = list(pictures), monotonic() + _DECODE_S, False
    while monotonic() < until:
        while waiting and stepper.wants:
            one = waiting.pop(0)
            stepper.push(one.video, max(0, one.utc - base), one.key, one.data, hidden=one.utc != utc)
        if not waiting and not drained:
            stepper.drain()
            drained = True
        picture = stepper.pull(20 * NS_PER_MS)
        if picture is not None and picture.place == utc - base:
            return picture
        if drained and stepper.has_drained:
            break
    raise Problem("undecodable", "the decoder gave no picture")
