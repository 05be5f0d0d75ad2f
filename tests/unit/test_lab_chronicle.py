"""What a scenario takes down of the service's log, and what it leaves to be shown otherwise."""

from __future__ import annotations

import logging

import pytest

from evertape_lab.chronicle import Chronicle

log = logging.getLogger("evertape.test")


class Screen(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_a_line_of_the_time_line_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, followed, root = Screen(), list[str](), logging.getLogger()
    monkeypatch.setattr(root, "handlers", [screen])
    monkeypatch.setattr(root, "level", logging.WARNING)
    with Chronicle(followed.append) as chronicle:
        log.warning("[STORAGE] gone")
        log.info("[DISK] details")
        log.error("[PROCESS] trouble")
    assert screen.lines == ["[PROCESS] trouble"]
    assert [line.split("s", 1)[1].strip() for line in followed] == ["[STORAGE] gone"]
    assert [line.text for line in chronicle.lines] == ["[STORAGE] gone", "[DISK] details", "[PROCESS] trouble"]
    log.warning("[STORAGE] later")
    assert screen.lines[-1] == "[STORAGE] later"
