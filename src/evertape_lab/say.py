"""What the cameras' process says on standard output: one JSON object a line."""

from __future__ import annotations

import json
import sys
import threading

_lock = threading.Lock()


def say(**words: object) -> None:
    """Write one line, whole, from any thread."""
    with _lock:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
