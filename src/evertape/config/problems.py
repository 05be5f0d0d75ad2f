"""What is wrong with a configuration, in words: one object for each thing, all of them in one error."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from evertape.errors import ConfigError
from evertape.redact import redact


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or doubtful, in a configuration.

    Args:
        subject: what it is about: a key, or ``unknown key 'rotaton' in [recording]``.
        message: what is wrong with it; empty if the subject says it.
        key: the dotted path of the key, for programs; empty if the whole text is meant.
        line: counts from 1; 0 if there is no line to name.
        column: counts from 1; 0 likewise.
        suggestion: what was probably meant.
    """

    subject: str
    message: str = ""
    key: str = ""
    line: int = 0
    column: int = 0
    suggestion: str = ""

    def __str__(self) -> str:
        text = self.subject + (f", line {self.line}" if self.line else "")
        text += f": {self.message}" if self.message else ""
        text += f"; did you mean '{self.suggestion}'?" if self.suggestion else ""
        return redact(text)


class InvalidConfig(ConfigError):  # noqa: N818  (reads as what it is; ConfigError is the family)
    """A configuration cannot be used. Nothing was changed; ``problems`` holds everything that is wrong with it."""

    def __init__(self, origin: str, problems: Sequence[Problem]) -> None:
        self.origin = origin
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.column)))
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n  ".join([f"{origin} has {count}:", *map(str, self.problems)]))


def closest(word: str, choices: Collection[str]) -> str:
    """The choice that ``word`` was probably meant to be, or an empty text."""
    begun = [choice for choice in choices if len(word) > 2 and choice.startswith(word)]
    if begun:
        return begun[0]
    by_shape = {choice.lower().replace("-", "_"): choice for choice in choices}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), by_shape, n=1, cutoff=0.6)
    return by_shape[found[0]] if found else ""


def dotted(path: Sequence[str | int]) -> str:
    """A path as a person writes it: ``recording.rotation``, ``list[2].key``; odd keys are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.replace("-", "").replace("_", "").isalnum() and part.isascii()
            text += ("." if text else "") + (part if plain else repr(part))
    return text
