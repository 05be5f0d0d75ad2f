"""The sound in a file, as another program reads it: how many frames, and where some are missing."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sound:
    """``holes`` are lengths in seconds, of those longer than a frame; what is missing before the first is none."""

    frames: int
    holes: tuple[float, ...]


def read_sound(path: Path) -> Sound:
    """Ask ``ffprobe``."""
    command = ["ffprobe", "-v", "error", "-select_streams", "a", "-show_entries", "packet=pts_time,duration_time"]
    done = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, text=True, check=True, timeout=120)
    packets = json.loads(done.stdout).get("packets", [])
    times = [float(packet["pts_time"]) for packet in packets]
    if len(times) < 2:
        return Sound(len(times), ())
    # The last one before a hole lasts until its end, for a player; what a frame lasts is what most of them do.
    distances = [after - before for before, after in pairwise(times)]
    frame = sorted(distances)[len(distances) // 2]
    return Sound(len(times), tuple(distance - frame for distance in distances if distance > 2 * frame))
