"""What the service said in its log while a scenario was played, with what was done to it in between: a time line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evertape.types import NS_PER_S

_SHOWN = ("[STORAGE]", "[RECORDING", "[STREAMING]", "[ALERT]")
"""Beginnings of the lines that belong to a story about disks."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log, or a step of the scenario."""

    boot: int
    text: str
    level: int = logging.INFO
    is_step: bool = False


class Chronicle(logging.Handler):
    """Takes down every line from INFO on while it is entered. A context manager.

    Args:
        follow: called with each line of the time line, as it comes, for people; no other handler shows these then.
    """

    def __init__(self, follow: Callable[[str], None] | None = None) -> None:
        super().__init__(logging.INFO)
        self.lines: list[Line] = []
        self._follow = follow
        self._began = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._level = logging.NOTSET
        self._others: list[logging.Handler] = []

    def __enter__(self) -> Chronicle:
        root = logging.getLogger()
        self._level = root.level
        root.setLevel(min(logging.INFO, root.level) or logging.INFO)
        self._others = list(root.handlers) if self._follow is not None else []
        for other in self._others:
            other.addFilter(self._leaves)
        root.addHandler(self)
        return self

    def __exit__(self, *_error: object) -> None:
        root = logging.getLogger()
        root.removeHandler(self)
        for other in self._others:
            other.removeFilter(self._leaves)
        root.setLevel(self._level)

    def _leaves(self, record: logging.LogRecord) -> bool:
        """Whether a line is left to the other handlers: none of the time line's, and one that they showed before."""
        return record.levelno >= self._level and not record.getMessage().startswith(_SHOWN)

    def emit(self, record: logging.LogRecord) -> None:
        """Take down a line of the service's."""
        if record.name.startswith("evertape"):
            self._add(record.getMessage(), record.levelno, is_step=False)

    def step(self, text: str) -> None:
        """Take down what is done."""
        self._add(text, logging.INFO, is_step=True)

    def said(self, part: str) -> list[Line]:
        """The lines of the log that hold this."""
        return [line for line in self.lines if not line.is_step and part in line.text]

    def out_of_order(self, wanted: Sequence[str]) -> str:
        """The first of these beginnings that no line after those of the ones before has; empty: all came in order."""
        lines = iter([line.text for line in self.lines if not line.is_step])
        for start in wanted:
            if not any(text.startswith(start) for text in lines):
                return start
        return ""

    def _add(self, text: str, level: int, *, is_step: bool) -> None:
        line = Line(time.clock_gettime_ns(time.CLOCK_BOOTTIME), text, level, is_step)
        self.lines.append(line)
        if self._follow is not None and (is_step or text.startswith(_SHOWN)):
            seconds = (line.boot - self._began) / NS_PER_S
            self._follow(f"{seconds:8.2f} s  {'▶ ' if is_step else '    '}{text}")
