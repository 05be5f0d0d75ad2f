"""The log of the service: human on a terminal, as the journal wants it, or JSON; every secret masked.

Modules log through the standard library; structlog renders. Records of child processes come in
through the logger ``evertape.child`` and carry their process's name.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from evertape.engine.recent_log import RecentLog
from evertape.redact import redact

Event = MutableMapping[str, Any]

_TAG = re.compile(r"^\[([A-Z][A-Z ]*)\] ?")
_QUIET = ("asyncio", "alembic", "sqlalchemy")


def set_up_logging(level: str, form: str, stream: TextIO | None = None) -> logging.Handler:
    """Send every record of this process to ``stream``.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``human``, ``json``, or ``auto``: human if ``stream`` is a terminal, with priorities and without times if
            it is journald.
        stream: standard error by default.

    Returns:
        The handler, now the only one of the root logger that prints.
    """
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    if form == "auto" and is_journal(target):
        form = "journal"
    handler.setFormatter(formatter(form, terminal=target.isatty()))
    root = logging.getLogger()
    # What is kept for whoever asks the service stays, whatever form its output has from now on.
    root.handlers[:] = [handler, *(each for each in root.handlers if isinstance(each, RecentLog))]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    return handler


def is_journal(stream: TextIO) -> bool:
    """Whether ``stream`` is systemd's journal, as ``JOURNAL_STREAM`` says (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def formatter(form: str, *, terminal: bool) -> logging.Formatter:
    """What turns a record into a line (or, with a traceback, several)."""
    as_json = form == "json" or (form == "auto" and not terminal)
    render: list[Any]
    if as_json:
        render = [_split_tag, structlog.processors.format_exc_info, _redact_values, _render_json]
    elif form == "journal":
        render = [structlog.processors.format_exc_info, _redact_values, _render_journal]
    else:
        # The console renderer prints the traceback itself; it is text by then, so that it can be masked.
        render = [structlog.processors.format_exc_info, structlog.dev.ConsoleRenderer(colors=terminal), _redact_line]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S.%f", utc=as_json, key="timestamp"),
            _name_process,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )


def _name_process(_logger: Any, _method: str, event: Event) -> Event:
    """Say which process speaks: a child's name, else ours."""
    record = event.get("_record")
    child = getattr(record, "child", None)
    if child:
        event["process"] = child
    return event


def _split_tag(_logger: Any, _method: str, event: Event) -> Event:
    """In JSON the tag is a field as well, so that nobody has to parse the text for it."""
    found = _TAG.match(str(event["event"]))
    if found:
        event["tag"] = found[1]
    return event


def _redact_values(_logger: Any, _method: str, event: Event) -> Event:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
    return event


_to_json = structlog.processors.JSONRenderer(ensure_ascii=False)


def _render_json(logger: Any, method: str, event: Event) -> str:
    return str(_to_json(logger, method, event))


# sd-daemon(3): the priorities of syslog.
_PRIORITY = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}


def _render_journal(_logger: Any, _method: str, event: Event) -> str:
    """Each line with its priority; the journal knows the time."""
    text = "\n".join(str(event[key]) for key in ("event", "exception") if event.get(key))
    if "process" in event:
        text = f"{event['process']}: {text}"
    priority = _PRIORITY.get(str(event["level"]), 5)
    return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


def _redact_line(_logger: Any, _method: str, line: str) -> str:
    return redact(line)
