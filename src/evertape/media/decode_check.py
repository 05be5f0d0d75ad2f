"""Decodes a whole file in a process of its own, to see that every picture comes out: a decoder may crash on damage.

Blocking; any thread. It takes about a second of one core for a minute of 1080p.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from evertape.errors import SetupError
from evertape.mp4.scan import scan

TIMEOUT_S = 1800.0
NO_DECODER = 4
"""What the child ends with if the machine cannot decode this at all."""


def decode_problem(path: Path) -> str:
    """What is wrong with the pictures of a segment, in words; empty: as many come out as are in it.

    Raises:
        SetupError: there is no decoder for it here.
        ProtocolError: it is no segment.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        scanned = scan(file)
    units = sum(f.video.last - f.video.first + 1 for f in scanned.fragments if f.video is not None)
    command = [sys.executable, "-m", "evertape.media.gst.decode_file", scanned.caps.video.codec.value, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"decoding it does not end within {TIMEOUT_S:.0f} s"
    said = (done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode == NO_DECODER:
        raise SetupError(said)
    if done.returncode < 0:
        return f"a decoder crashes at it (signal {-done.returncode})"
    if done.returncode:
        return f"it cannot be decoded: {said}"
    return "" if int(said) == units else f"{said} of its {units} pictures can be decoded"
