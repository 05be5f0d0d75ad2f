"""The newest lines of the service's log, of all its processes, for whoever looks at it without the machine's own tools.

Threads: records come from any; questions from any.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from evertape.redact import redact

KEPT = 5000
"""Lines: an ordinary day has a few hundred, a bad one some thousand; with their texts a megabyte or two."""
LONGEST = 2000
"""Characters of a line; a traceback's end says more than its beginning."""


class RecentLog(logging.Handler):
    """See the module.

    Args:
        utc_ns: the clock for records that bring no time of their own.
        kept: so many lines.
    """

    def __init__(self, utc_ns: Callable[[], int] = time.time_ns, kept: int = KEPT) -> None:
        super().__init__()
        self._utc_ns = utc_ns
        self._lines: deque[dict[str, Any]] = deque(maxlen=kept)
        self._count = 0
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        try:
            text = record.getMessage()
            if record.exc_info:
                text += "\n" + logging.Formatter().formatException(record.exc_info)
        except Exception:  # noqa: BLE001 - a line that cannot be made must not stop whoever logs; it is printed
            self.handleError(record)
            return
        text = redact(text)
        if len(text) > LONGEST:
            text = f"{text[: LONGEST // 4]} … {text[-3 * LONGEST // 4 :]}"
        line = {
            "at": self._utc_ns(),
            "level": record.levelname.lower(),
            "process": getattr(record, "child", None) or "supervisor",
            "text": text,
        }
        with self._guard:
            self._count += 1
            self._lines.append({"seq": self._count, **line})

    def lines(self, after: int = 0, limit: int = KEPT, level: int = logging.DEBUG) -> list[dict[str, Any]]:
        """The newest lines, oldest first.

        Args:
            after: only those with a larger ``seq``.
            limit: so many at most.
            level: at least as grave as this, of ``logging``.
        """
        with self._guard:
            found = list(self._lines)
        names = logging.getLevelNamesMapping()
        wanted = [line for line in found if line["seq"] > after and names.get(line["level"].upper(), 0) >= level]
        return wanted[-limit:] if limit > 0 else []
