"""A real service with two cameras and a gap that is their fault, for the tests of playback."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytestqt.exceptions import TimeoutError as TooLate
from pytestqt.qtbot import QtBot

from evertape_desktop.playback.player import Player
from evertape_desktop.playback.reel import Look
from evertape_desktop.playback.track import Track
from evertape_lab.fleet import LabCameras
from hub.served_hub import ServedHub, until

NAMES = {"door": "Front door", "yard": "Yard"}
_NUMBER = re.compile(rb"n=(\d{15})")
AWAY_S = 3.0


class PlaybackService:
    """See the module. ``start`` returns when both cameras are recorded again behind the gap."""

    def __init__(self, data: Path) -> None:
        self.lab = LabCameras(2)
        self.data = data
        self.hub: ServedHub | None = None

    def start(self) -> None:
        self.lab.start()
        urls = dict(zip(NAMES, self.lab.urls, strict=True))
        cameras = "".join(f'[cameras.{one}]\nname = "{NAMES[one]}"\nurl = "{urls[one]}"\n' for one in NAMES)
        self.hub = ServedHub(self.data, cameras)
        self.hub.start()
        self.hub.log_in()
        self._recorded(140)
        self.lab.kill()
        time.sleep(AWAY_S)  # the length of the gap, not a wait for anything
        self.lab.start()
        self._recorded(70)

    def _recorded(self, frames: int) -> None:
        assert self.hub is not None
        hub = self.hub
        before = {one: hub.frames(one) for one in NAMES}
        until(lambda: all(hub.frames(one) >= before[one] + frames for one in NAMES), "both are recorded")

    def stop(self) -> None:
        if self.hub is not None:
            self.hub.stop()
        if self.lab._process is not None:
            self.lab.stop()

    def parts(self, camera: str) -> list[dict[str, Any]]:
        """What there is of a camera."""
        assert self.hub is not None
        now = self.hub.get("/status")["now"]
        found: list[dict[str, Any]] = self.hub.get(
            f"/cameras/{camera}/segments", start=now[:10] + "T00:00:00Z", end=now
        )["parts"]
        return found


def number(player: Player, camera: str) -> int:
    """The camera's own number of the picture that is shown."""
    shown = player.tracks[camera].shown
    assert shown is not None
    found = _NUMBER.search(shown.encoded.data)
    assert found is not None, "a picture without a number"
    return int(found.group(1))


def settle(
    qtbot: QtBot, player: Player, look: Look = Look.PICTURE, *, cameras: tuple[str, ...] = (), timeout_ms: int = 8000
) -> None:
    """Until the cameras, or all of them, show what they are asked for."""

    def settled() -> bool:
        at = player.at
        return bool(player.tracks) and all(
            one.look is look and (look is not Look.PICTURE or (one.shown is not None and one.shown.utc <= at))
            for one in player.tracks.values()
            if not cameras or one.camera in cameras
        )

    try:
        qtbot.waitUntil(settled, timeout=timeout_ms)
    except TooLate:
        raise AssertionError("\n".join(map(repr, map(_state, [player] * 9, player.tracks.values())))) from None


def _state(player: Player, track: Track) -> object:
    shown = track.shown
    at = None if shown is None else (shown.utc - player.at, shown.until - player.at)
    return track.camera, str(track.look), at, track.hole, track.problem, track._reel.waiting


def numbers_seen(player: Player, camera: str) -> tuple[list[int], Callable[[str], None]]:
    """A list that grows with each picture that is shown; and the slot, to disconnect."""
    seen: list[int] = []

    def note(which: str) -> None:
        track = player.tracks.get(camera)
        if which == camera and track is not None and track.shown is not None and track.look is Look.PICTURE:
            now = number(player, camera)
            if not seen or seen[-1] != now:
                seen.append(now)

    player.track_changed.connect(note)
    return seen, note
