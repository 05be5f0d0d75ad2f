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
        self._rest = b""
        """Of a line that the pipe took a part of."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, or drop it."""
        try:
            line = self._line(record)
        except Exception:  # noqa: BLE001 - a log line that cannot be made must not stop whoever logs; it is printed
            self.handleError(record)
            return
        try:
            self._write(line)
            self._dropped = 0
        except OSError:
            self._dropped += 1

    def _write(self, line: bytes) -> None:
        """Raises ``OSError`` if nothing of ``line`` was taken."""
        if self._rest:
            self._rest = self._rest[os.write(2, self._rest) :]
            if self._rest:
                raise BlockingIOError
        self._rest = line[os.write(2, line) :]

    def _line(self, record: logging.LogRecord) -> bytes:
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
        return json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n"


def log_to_supervisor(process: str, level: str) -> None:
    """Send this process's log to the supervisor, through standard error."""
    os.set_blocking(2, False)
    root = logging.getLogger()
    root.handlers[:] = [PipeLogHandler(process)]
    root.setLevel(level.upper())
