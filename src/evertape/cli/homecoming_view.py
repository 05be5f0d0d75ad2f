"""How far homecoming and reconciliation are, for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from rich.text import Text

from evertape.cli.wording import plural, rate_text, size_text
from evertape.ipc.messages import HomecomingNews


def homecoming_of(raw: Mapping[str, Any]) -> HomecomingNews | None:
    """What the keeper said last, from the answer to the verb ``status``; ``None``: nothing yet."""
    found = raw.get("homecoming")
    return msgspec.convert(found, HomecomingNews) if found else None


def is_reconciled(news: HomecomingNews | None, volume: str) -> bool | None:
    """Whether nothing is stored twice on a volume and nothing waits to move away; ``None``: nobody can say now."""
    found = [tidy.reconciled for tidy in news.volumes if tidy.name == volume] if news is not None else []
    return found[0] if found else None


def reconciled_text(news: HomecomingNews | None, volume: str) -> Text:
    """The same as a word."""
    known = is_reconciled(news, volume)
    return Text("" if known is None else "yes" if known else "no", "green" if known else "yellow")


def homecoming_lines(news: HomecomingNews | None) -> list[str]:
    """What is on its way, and what is stored twice still; empty if all is as it should be."""
    if news is None:
        return []
    lines = []
    if news.files:
        line = f"coming home: {news.files_done} of {plural(news.files, 'file')}, {_of(news.bytes_done, news.bytes)}"
        if news.waiting:
            line += f"; waiting: {news.waiting}"
        elif news.rate:
            line += f", at most {rate_text(news.rate * 8)} now"
        lines.append(line)
    for tidy in news.volumes:
        if tidy.doubled:
            verb = "holds" if tidy.doubled == 1 else "hold"
            lines.append(f"{tidy.name}: {plural(tidy.doubled, 'file')} {verb} what others hold as well")
    return lines


def _of(part: int, whole: int) -> str:
    """``1.2 of 4.0 GB``."""
    one, other = size_text(part), size_text(whole)
    number, _, unit = one.rpartition(" ")
    return f"{number if unit == other.rpartition(' ')[2] else one} of {other}"
