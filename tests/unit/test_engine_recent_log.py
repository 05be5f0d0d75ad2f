"""The newest lines of the log, kept for whoever asks."""

from __future__ import annotations

import logging

from evertape.engine.recent_log import LONGEST, RecentLog


def _logger(recent: RecentLog, name: str) -> logging.Logger:
    logger = logging.getLogger(f"test_recent_log.{name}.{id(recent)}")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(recent)
    return logger


def test_the_newest_lines_are_kept_in_their_order() -> None:
    recent = RecentLog(lambda: 7, kept=3)
    logger = _logger(recent, "a")
    for number in range(5):
        logger.info("line %d", number)
    assert [(line["seq"], line["text"]) for line in recent.lines()] == [(3, "line 2"), (4, "line 3"), (5, "line 4")]
    assert [line["text"] for line in recent.lines(after=4)] == ["line 4"]
    assert [line["text"] for line in recent.lines(limit=1)] == ["line 4"]
    assert recent.lines(limit=0) == []


def test_only_what_is_grave_enough_is_told() -> None:
    recent = RecentLog()
    logger = _logger(recent, "a")
    logger.info("quiet")
    logger.warning("loud")
    assert [line["text"] for line in recent.lines(level=logging.WARNING)] == ["loud"]


def test_a_child_process_keeps_its_name_and_passwords_are_masked() -> None:
    recent = RecentLog()
    logger = _logger(recent, "a")
    logger.info("rtsp://ann:hunter2@192.0.2.1/main", extra={"child": "recorder-0"})
    (line,) = recent.lines()
    assert line["process"] == "recorder-0" and "hunter2" not in line["text"]


def test_a_traceback_comes_along_and_a_long_line_keeps_its_end() -> None:
    recent = RecentLog()
    logger = _logger(recent, "a")
    try:
        raise ValueError("the reason")
    except ValueError:
        logger.exception("x" * 2 * LONGEST)
    (line,) = recent.lines()
    assert line["text"].endswith("ValueError: the reason") and len(line["text"]) <= LONGEST + 3
