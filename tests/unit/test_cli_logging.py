from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evertape.cli.logging import is_journal, set_up_logging

URL = "rtsp://me:secret@192.0.2.1/x"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def logged(form: str, level: str = "info") -> tuple[io.StringIO, logging.Logger]:
    stream = io.StringIO()
    set_up_logging(level, form, stream)
    return stream, logging.getLogger("evertape.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_json_lines_hold_tag_process_and_time() -> None:
    stream, log = logged("json")
    log.warning("[RECORDING RETRY] %s: again", "front", extra={"child": "recorder-0"})
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "[RECORDING RETRY] front: again", "tag": "RECORDING RETRY", "level": "warning",
        "process": "recorder-0",
    }  # fmt: skip


def test_a_person_reads_one_line_with_the_tag() -> None:
    stream, log = logged("human")
    log.info("[STORAGE] volume usb is gone")
    (line,) = stream.getvalue().splitlines()
    assert "[STORAGE] volume usb is gone" in line
    assert "info" in line
    assert "\x1b" not in line


@pytest.mark.parametrize(("stream", "is_json"), [(io.StringIO(), True), (Terminal(), False)])
def test_auto_is_for_people_on_a_terminal_only(stream: io.StringIO, is_json: bool) -> None:
    set_up_logging("info", "auto", stream)
    logging.getLogger("evertape.test").info("hello")
    assert stream.getvalue().startswith("{") is is_json


@pytest.mark.parametrize("form", ["json", "human"])
def test_credentials_are_masked_in_texts_arguments_and_tracebacks(form: str) -> None:
    stream, log = logged(form)
    log.info("trying %s", URL)
    try:
        raise ValueError(URL)
    except ValueError:
        log.exception("failed for rtsp://me:secret@192.0.2.2/y")
    assert "secret" not in stream.getvalue()
    assert stream.getvalue().count("me:***@") == 3
    assert "Traceback" in stream.getvalue()


def test_the_level_counts_and_noisy_libraries_are_quiet() -> None:
    stream, log = logged("human", "warning")
    log.info("not shown")
    assert stream.getvalue() == ""
    set_up_logging("debug", "human", stream)
    logging.getLogger("asyncio").debug("not shown either")
    log.debug("shown")
    assert len(stream.getvalue().splitlines()) == 1


def test_the_journal_gets_a_priority_on_every_line_and_no_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        set_up_logging("info", "auto", stream)
        log = logging.getLogger("evertape.test")
        log.warning("[CAMERA] front: %s", URL, extra={"child": "recorder-0"})
        try:
            raise ValueError(URL)
        except ValueError:
            log.exception("failed")
        stream.seek(0)
        lines = stream.read().splitlines()
    assert lines[0] == "<4>recorder-0: [CAMERA] front: rtsp://me:***@192.0.2.1/x"
    assert lines[1] == "<3>failed"
    assert all(line.startswith("<3>") for line in lines[1:]) and "ValueError" in lines[-1]
    assert "secret" not in "\n".join(lines)


def test_a_stream_that_is_not_the_journal_is_told_from_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    with (tmp_path / "file").open("w") as stream:
        assert not is_journal(stream)
    assert not is_journal(io.StringIO())
