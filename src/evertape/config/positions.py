"""Where each key of a TOML text stands.

The standard parser forgets positions, so this scanner walks the text a second time and
notes them. It knows only the structure (headers, keys, where a value ends), forgives what
it does not understand, and is the reason why an error can name its line.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field
from enum import Enum

Part = str | int
Path = tuple[Part, ...]
"""Keys from the top down; a whole number is an index into an array."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_LITERAL = re.compile(r"'[^'\n]*'")
# Up to two quotes may stand directly before the closing three (TOML 1.0, "String").
_MULTI_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL)
_MULTI_LITERAL = re.compile(r"'''.*?'{3,5}", re.DOTALL)
_SCALAR = re.compile(r"[^,\[\]{}#\n\"'=]+")
_SPACE = re.compile(r"[ \t\r]*")
_FILLER = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_END_OF_LINE = re.compile(r"[^\n]*")


_MAX_DEPTH = 64
"""No configuration nests deeper; the standard parser itself gives up at some hundreds."""


class Kind(Enum):
    """What a statement is."""

    TABLE = "table"
    ARRAY_TABLE = "array table"
    PAIR = "pair"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the text; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One header or one key with its value.

    Args:
        kind: what it is; ``BROKEN`` reaches to the end of its first line.
        path: the full path it defines; of a broken one, as much as could be read.
        start: offset of its first character.
        end: offset behind its last one; a comment behind it is not part of it.
        value: offset of the value, for a pair.
        header: it opens a table, or tries to.
    """

    kind: Kind
    path: Path
    start: int
    end: int
    value: int
    header: bool


class _BrokenTextError(Exception):
    """The text is not TOML here."""


@dataclass(slots=True)
class KeyMap:
    """Every key of one text with its place, and the statements in order."""

    text: str
    statements: list[Statement] = field(default_factory=list)
    keys: dict[Path, int] = field(default_factory=dict)
    """Offset of the key (of the element, in an array) of each path."""
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Offsets around each value that is written out; tables made by headers have none."""
    _lines: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lines = [0, *(m.end() for m in re.finditer("\n", self.text))]

    def spot(self, offset: int) -> Spot:
        """The line and column of an offset."""
        line = bisect_right(self._lines, offset)
        return Spot(line, offset - self._lines[line - 1] + 1)

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column, within the text."""
        start = self._lines[min(max(line, 1), len(self._lines)) - 1]
        return min(start + max(column, 1) - 1, len(self.text))

    def find(self, path: Path) -> Spot:
        """Where ``path`` is written, or else the nearest table around it; line 1 for the whole text."""
        while path and path not in self.keys:
            path = path[:-1]
        return self.spot(self.keys[path]) if path else Spot(1, 1)

    def line_end(self, offset: int) -> int:
        """The offset of the line break (or the end) that ends the line of ``offset``."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found


def scan(text: str) -> KeyMap:
    """Find every key of a TOML text; never raises, whatever the text is."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.map = KeyMap(text)
        self.table: Path = ()
        self.counts: dict[Path, int] = {}
        self.explicit: set[Path] = set()

    def run(self) -> KeyMap:
        while True:
            self._skip(_FILLER)
            if self.pos >= len(self.text):
                return self.map
            self._statement()

    def _statement(self) -> None:
        start, header = self.pos, self.text[self.pos] == "["
        try:
            statement = self._header(start) if header else self._pair(start)
        except _BrokenTextError:
            end = self.map.line_end(start)
            path = self.table if header else self._key_prefix(start)
            self._note(path, start, explicit=False)
            statement = Statement(Kind.BROKEN, path, start, end, end, header)
            self.pos = end
        self.map.statements.append(statement)

    def _header(self, start: int) -> Statement:
        array = self.text.startswith("[[", start)
        self.pos += 2 if array else 1
        parts = self._key()
        self._expect("]]" if array else "]")
        end = self.pos
        self._line_must_end()
        path = self._resolve(parts, start)
        if array:
            index = self.counts.get(path, -1) + 1
            self.counts[path] = index
            self._note(path, start, explicit=index == 0)
            path = (*path, index)
        self._note(path, start, explicit=True)
        self.table = path
        return Statement(Kind.ARRAY_TABLE if array else Kind.TABLE, path, start, end, end, True)

    def _resolve(self, parts: list[str], start: int) -> Path:
        """A header's path; a name on the way that is an array of tables means its latest element."""
        path: Path = ()
        for depth, part in enumerate(parts):
            path = (*path, part)
            if depth < len(parts) - 1:
                if path in self.counts:
                    path = (*path, self.counts[path])
                self._note(path, start, explicit=False)
        return path

    def _pair(self, start: int) -> Statement:
        parts = self._key()
        self._expect("=")
        self._skip(_SPACE)
        value = self.pos
        path = (*self.table, *parts)
        for depth in range(len(self.table) + 1, len(path)):
            self._note(path[:depth], start, explicit=False)
        self._value(path)
        end = self.pos
        self._line_must_end()
        self._note(path, start, explicit=True)
        return Statement(Kind.PAIR, path, start, end, value, False)

    def _key_prefix(self, start: int) -> Path:
        self.pos = start
        try:
            return (*self.table, *self._key())
        except _BrokenTextError:
            return self.table

    def _key(self) -> list[str]:
        parts = [self._key_part()]
        while self._peek(".") and not self._peek(".."):
            self.pos += 1
            parts.append(self._key_part())
        return parts

    def _key_part(self) -> str:
        self._skip(_SPACE)
        if match := _BARE_KEY.match(self.text, self.pos):
            part = match[0]
        elif match := _BASIC.match(self.text, self.pos) or _LITERAL.match(self.text, self.pos):
            part = self._unquote(match[0])
        else:
            raise _BrokenTextError
        self.pos = match.end()
        self._skip(_SPACE)
        return part

    def _unquote(self, quoted: str) -> str:
        try:
            return str(tomllib.loads(f"x = {quoted}")["x"])
        except tomllib.TOMLDecodeError:
            raise _BrokenTextError from None

    def _value(self, path: Path) -> None:
        start = self.pos
        if len(path) > _MAX_DEPTH:
            raise _BrokenTextError
        if self._peek("["):
            self._array(path)
        elif self._peek("{"):
            self._inline_table(path)
        else:
            self._scalar()
        self.map.values.setdefault(path, (start, self.pos))

    def _scalar(self) -> None:
        for opening, pattern in (('"""', _MULTI_BASIC), ("'''", _MULTI_LITERAL), ('"', _BASIC), ("'", _LITERAL)):
            if self._peek(opening):
                match = pattern.match(self.text, self.pos)
                break
        else:
            match = _SCALAR.match(self.text, self.pos)
        if match is None or not match[0].strip():
            raise _BrokenTextError
        self.pos += len(match[0].rstrip())

    def _array(self, path: Path) -> None:
        self.pos += 1
        index = 0
        while True:
            self._skip(_FILLER)
            if self._peek("]"):
                break
            self._note((*path, index), self.pos, explicit=False)
            self._value((*path, index))
            index += 1
            self._skip(_FILLER)
            if self._peek(","):
                self.pos += 1
            elif not self._peek("]"):
                raise _BrokenTextError
        self.pos += 1

    def _inline_table(self, path: Path) -> None:
        self.pos += 1
        while True:
            self._skip(_FILLER)  # TOML 1.0 allows no line break here; later versions do
            if self._peek("}"):
                break
            start = self.pos
            inner = (*path, *self._key())
            self._expect("=")
            self._skip(_SPACE)
            for depth in range(len(path) + 1, len(inner)):
                self._note(inner[:depth], start, explicit=False)
            self._note(inner, start, explicit=False)
            self._value(inner)
            self._skip(_FILLER)
            if self._peek(","):
                self.pos += 1
            elif not self._peek("}"):
                raise _BrokenTextError
        self.pos += 1

    def _note(self, path: Path, offset: int, *, explicit: bool) -> None:
        """Remember where a path is written; its own key or header counts more than one that merely implies it."""
        if path not in self.map.keys or (explicit and path not in self.explicit):
            self.map.keys[path] = offset
        if explicit:
            self.explicit.add(path)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.pos)
        self.pos = match.end() if match else self.pos

    def _peek(self, wanted: str) -> bool:
        return self.text.startswith(wanted, self.pos)

    def _expect(self, wanted: str) -> None:
        self._skip(_SPACE)
        if not self._peek(wanted):
            raise _BrokenTextError
        self.pos += len(wanted)

    def _line_must_end(self) -> None:
        self._skip(_SPACE)
        if self.pos < len(self.text) and self.text[self.pos] not in "#\n":
            raise _BrokenTextError
        match = _END_OF_LINE.match(self.text, self.pos)
        self.pos = match.end() if match else self.pos
