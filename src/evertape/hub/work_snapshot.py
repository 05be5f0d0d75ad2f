"""``python -m evertape.hub.work_snapshot``: one picture as a JPEG; see ``hub.work``.

The order has either ``socket`` (of the recorder), ``camera`` and ``stream``, or of a segment's file ``name``, ``root``,
``volume`` and ``path``, and ``utc`` by the file's own clock. Both may have ``width`` and ``decoder``.
"""

from __future__ import annotations

import base64
import os
from typing import Any

from evertape.hub.failure import HubError
from evertape.hub.files import Location, open_beneath
from evertape.hub.work import serve
from evertape.media.view.feed import FeedSource
from evertape.media.view.snapshot import NoPictureError, last_picture, take_snapshot
from evertape.media.view.terms import Picture
from evertape.mp4.model import FragmentInfo
from evertape.mp4.samples import read_units
from evertape.mp4.scan import scan
from evertape.types import NS_PER_S, Stream, Track

LIVE_S = 8
_MOST = 64 << 20
"""Bytes that one group of pictures may have."""


def snapshot(order: dict[str, Any]) -> dict[str, Any]:
    """See the module."""
    try:
        picture = _recorded(order) if "path" in order else _live(order)
    except NoPictureError as error:
        raise HubError(503, "no_picture", error.what, hint=error.hint) from None
    return {"jpeg": base64.b64encode(picture).decode("ascii")}


def _live(order: dict[str, Any]) -> bytes:
    source = FeedSource(lambda: str(order["socket"]), order["camera"], Stream(order["stream"]), NS_PER_S)
    return take_snapshot(
        source, decoder=order.get("decoder", "auto"), timeout_ns=LIVE_S * NS_PER_S, width=order.get("width")
    )


def _recorded(order: dict[str, Any]) -> bytes:
    utc = int(order["utc"])
    fd = open_beneath(Location(order["name"], order["root"]), order["volume"], order["path"])
    with os.fdopen(fd, "rb") as file:
        scanned = scan(file)
        group = _group(scanned.fragments, utc)
        pictures = [
            Picture(scanned.header.epoch, unit.pts_ns, unit.key, unit.data)
            for fragment in group
            for unit in read_units(file, scanned, fragment)
            if unit.track is Track.VIDEO
        ]
        if not pictures:
            raise NoPictureError("there is no picture at that instant")
        shown = pictures[0].pts_ns + max(0, utc - group[0].start_utc_ns)
        # In decoding order: what is shown at that instant may need what comes a little later, so all up to it.
        last = max((n for n, picture in enumerate(pictures) if picture.pts_ns <= shown), default=0)
        return last_picture(
            scanned.caps.video, pictures[: last + 1], decoder=order.get("decoder", "auto"), width=order.get("width")
        )


def _group(fragments: list[FragmentInfo], utc: int) -> list[FragmentInfo]:
    """From the keyframe before the instant up to the fragment that shows it."""
    there = [fragment for fragment in fragments if fragment.video is not None]
    last = max((n for n, one in enumerate(there) if one.start_utc_ns <= utc), default=0)
    first = next((n for n in range(last, -1, -1) if there[n].key), 0) if there else 0
    group = there[first : last + 1]
    while group and sum(one.size for one in group) > _MOST:
        group.pop()
    return group


if __name__ == "__main__":
    serve(snapshot)
