"""A screen of one's own: an X server without hardware."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def screen(size: str = "1280x800") -> Iterator[str]:
    """Its ``DISPLAY``; the server picks a number that is free."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=(write,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as said:
            number = said.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


def shoot(display: str, path: Path, size: str = "1280x800") -> None:
    """What is on the screen, as a picture."""
    command = ["ffmpeg", "-loglevel", "error", "-y", "-f", "x11grab", "-video_size", size, "-i", display]
    subprocess.run([*command, "-frames:v", "1", str(path)], check=True, timeout=30)
