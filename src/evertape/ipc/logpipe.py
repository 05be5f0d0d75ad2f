"""A child process's log: JSON lines on standard error, which the supervisor reads and renders."""

from __future__ import annotations

import json
import logging
import os
import time

from evertape.redact import redact


class PipeLogHandler(logging.Handler):
    """Writes records as JSON lines to the standard error that the supervisor reads.

    Never blocks: a supervisor that hangs must not stop a recorder, so the pipe is non-blocking and
    what does not fit is dropped and counted.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, or drop it."""
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        line = {
            "at": time.time_ns(),
            "process": self._process,
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": redact(text),
        }
        if self._dropped:
            line["dropped"] = self._dropped
        try:
            os.write(2, json.dumps(line, ensure_ascii=False).encode() + b"\n")
            self._dropped = 0
        except OSError:
            self._dropped += 1


def log_to_supervisor(process: str, level: str) -> None:
    """Send this process's log to the supervisor, through standard error."""
    os.set_blocking(2, False)
    root = logging.getLogger()
    root.handlers[:] = [PipeLogHandler(process)]
    root.setLevel(level.upper())
