"""What a single value in the configuration may be: durations, sizes, paths, identifiers, with their bounds.

Each class here is a mark that stands in an ``Annotated`` type. It tells Pydantic how to
validate, and tells the reference page which bounds to print. Code may give whole numbers
(nanoseconds, bytes); a configuration *file* must write the unit, which is why the loader
passes ``FROM_FILE`` as validation context.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, GetCoreSchemaHandler, PlainSerializer, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from evertape.config.units import (
    DURATION_UNITS,
    SIZE_UNITS,
    UnitError,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)
from evertape.config.weekly import EXAMPLE, ScheduleError, WeeklySpan, parse_week, week_text
from evertape.types import CameraId

FROM_FILE = {"from_file": True}
"""Validation context of values that a person wrote: bare numbers are refused."""

ID_PATTERN = r"[a-z0-9][a-z0-9_-]{0,47}"
_ID = re.compile(ID_PATTERN)

AUTO: Literal["auto"] = "auto"
NONE = "none"


def value_error(kind: str, text: str) -> PydanticCustomError:
    """An error whose text Pydantic passes on untouched (its templates treat braces specially)."""
    return PydanticCustomError(kind, "{text}", {"text": text})


def _from_file(info: ValidationInfo) -> bool:
    return bool(info.context and info.context.get("from_file"))


def _number(value: object, info: ValidationInfo, parse: Callable[[str], int], kind: str, units: str) -> int:
    """The shared part of durations and sizes: a text with a unit, or (from code only) a whole number."""
    if isinstance(value, str):
        try:
            return parse(value)
        except UnitError as error:
            raise value_error(kind, str(error)) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise value_error(kind, f"must be a {kind} in quotes, with a unit ({units})")
    if _from_file(info) or isinstance(value, float):
        raise value_error(kind, f'a bare number has no unit; write "{value:g}" with one ({units}), in quotes')
    return value


def _bounded(value: int, low: int, high: int, kind: str, shown: str, bounds: str) -> int:
    if not low <= value <= high:
        raise value_error(kind, f"{shown} is out of bounds; allowed is {bounds}")
    return value


@dataclass(frozen=True)
class Span:
    """A duration between two others, inclusive; a value is whole nanoseconds (``DurationNs``).

    Args:
        low: the shortest.
        high: the longest.
        word: ``"none"`` may stand instead of a duration and becomes 0.
    """

    low: str
    high: str
    word: Literal["", "none"] = ""

    @property
    def bounds(self) -> str:
        """For the reference page."""
        return f"{self.low} to {self.high}" + (f", or `{self.word}`" if self.word else "")

    def show(self, value: int) -> str:
        """The value as a person writes it."""
        return NONE if self.word and value == 0 else format_duration(value)

    def validate(self, value: object, info: ValidationInfo) -> int:
        """Nanoseconds, or a Pydantic error that says what to write."""
        if self.word and (value in (NONE, "0", 0) and not isinstance(value, bool)):
            return 0
        number = _number(value, info, parse_duration, "duration", DURATION_UNITS)
        low, high = parse_duration(self.low), parse_duration(self.high)
        return _bounded(number, low, high, "duration", format_duration(number), self.bounds.replace("`", "'"))

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        shown = core_schema.plain_serializer_function_ser_schema(self.show, when_used="json")
        return core_schema.with_info_plain_validator_function(self.validate, serialization=shown)


@dataclass(frozen=True)
class Bytes:
    """A size between two others, inclusive; a value is whole bytes.

    Args:
        low: the smallest size.
        high: the largest size.
        word: a word that may stand instead of a size: ``"none"`` becomes 0, ``"auto"`` stays.
    """

    low: str
    high: str
    word: Literal["", "none", "auto"] = ""

    @property
    def bounds(self) -> str:
        """For the reference page."""
        return f"{self.low} to {self.high}" + (f", or `{self.word}`" if self.word else "")

    def validate(self, value: object, info: ValidationInfo) -> int | str:
        """Bytes (or ``"auto"``), or a Pydantic error that says what to write."""
        if self.word == NONE and (value in (NONE, "0", 0) and not isinstance(value, bool)):
            return 0
        if self.word == AUTO and value == AUTO:
            return AUTO
        number = _number(value, info, parse_size, "size", SIZE_UNITS + (f", or {self.word}" if self.word else ""))
        low, high = parse_size(self.low), parse_size(self.high)
        return _bounded(number, low, high, "size", format_size(number), self.bounds.replace("`", "'"))

    def show(self, value: int | str) -> str:
        """The value as a person writes it."""
        if isinstance(value, str):
            return value
        return NONE if self.word == NONE and value == 0 else format_size(value)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        shown = core_schema.plain_serializer_function_ser_schema(self.show, when_used="json")
        return core_schema.with_info_plain_validator_function(self.validate, serialization=shown)


@dataclass(frozen=True)
class FilePath:
    """A path; ``absolute`` refuses relative ones. ``~`` is expanded, nothing is looked up."""

    absolute: bool

    def validate(self, value: object) -> Path:
        """A path, or a Pydantic error that says what to write."""
        if not isinstance(value, str | Path) or not str(value):
            raise value_error("path", "must be a path in quotes")
        if "\0" in str(value):
            raise value_error("path", "holds a zero character")
        try:
            path = Path(value).expanduser()
        except RuntimeError:
            raise value_error("path", f"no home directory is known for {str(value)!r}") from None
        if self.absolute and not path.is_absolute():
            raise value_error("path", f"{str(value)!r} is not absolute; start it at the root, like '/media/usb1'")
        return path

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        shown = core_schema.plain_serializer_function_ser_schema(str, when_used="json")
        return core_schema.no_info_plain_validator_function(self.validate, serialization=shown)


@dataclass(frozen=True)
class Weekly:
    """Weekly spans of local time, as one text; a value is a tuple of ``WeeklySpan``, empty for ``always``."""

    @property
    def bounds(self) -> str:
        """For the reference page."""
        return f"`always`, or weekly spans like `{EXAMPLE}`"

    def validate(self, value: object) -> tuple[WeeklySpan, ...]:
        """Spans, or a Pydantic error that says what to write."""
        if isinstance(value, tuple) and all(isinstance(span, WeeklySpan) for span in value):
            return value
        if not isinstance(value, str):
            raise value_error("schedule", f"must be a text like '{EXAMPLE}', or 'always'")
        try:
            return parse_week(value)
        except ScheduleError as error:
            raise value_error("schedule", str(error)) from None

    def show(self, value: tuple[WeeklySpan, ...]) -> str:
        """The value as a person writes it."""
        return week_text(value)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        shown = core_schema.plain_serializer_function_ser_schema(self.show, when_used="json")
        return core_schema.no_info_plain_validator_function(self.validate, serialization=shown)


def _identifier(value: str) -> str:
    if _ID.fullmatch(value) is None:
        rule = "lower-case letters, digits, '_' and '-', beginning with a letter or digit, at most 48"
        raise value_error("identifier", f"{value!r} cannot be an id; use {rule}")
    return value


def _camera_id(value: str) -> CameraId:
    return CameraId(_identifier(value))


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "Europe" is a directory
        raise value_error("timezone", f"there is no time zone {value!r}; write one like 'Europe/Berlin'") from None
    return value


def _one_line(value: str) -> str:
    if not value.strip() or len(value) > 200 or any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise value_error("text", "must be one line of 1 to 200 characters")
    return value.strip()


def listen_address(value: str) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:8480`` or ``[::1]:8480``; port 0: any that is free. Raises ``ValueError``."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(value)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(value)
    return host, int(port)


def _listen(value: str) -> str:
    try:
        listen_address(value)
    except ValueError:
        raise value_error(
            "text", f"{value!r} is no address; write one like '127.0.0.1:8480', or '[::1]:8480'"
        ) from None
    return value


def _fallback_source(value: str) -> str:
    path = Path(value).expanduser() if value.startswith("~") else Path(value)
    if value in ("card", "snow") or "://" in value or path.is_absolute():
        return str(path) if path.is_absolute() and "://" not in value else value
    raise value_error("text", f"{value!r} is neither 'card', 'snow', an absolute path, nor a URI")


CameraKey: TypeAlias = Annotated[CameraId, AfterValidator(_camera_id)]
VolumeKey: TypeAlias = Annotated[str, AfterValidator(_identifier)]
Zone: TypeAlias = Annotated[str, AfterValidator(_zone)]
Line: TypeAlias = Annotated[str, AfterValidator(_one_line)]
_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")


def quiet_hours(value: str) -> tuple[time, time]:
    """From and until when, of ``22:00-06:30``. Raises ``ValueError``."""
    found = _QUIET.fullmatch(value.strip())
    if found is None:
        raise ValueError(value)
    hours = [int(part) for part in found.groups()]
    return time(hours[0], hours[1]), time(hours[2], hours[3])


def _quiet(value: str) -> str:
    try:
        begins, ends = quiet_hours(value)
    except ValueError:
        raise value_error("text", f"{value!r} is no span of a day; write one like '22:00-06:30'") from None
    if begins == ends:
        raise value_error("text", f"{value!r} is no time at all; leave the key out for never")
    return value


def _topic(value: str) -> str:
    if not value or set(value) & set("#+\0 ") or value.startswith("/") or value.endswith("/"):
        raise value_error("text", f"{value!r} cannot begin a topic; write one like 'evertape' or 'home/evertape'")
    return value


Quiet: TypeAlias = Annotated[str, AfterValidator(_quiet)]
Topic: TypeAlias = Annotated[str, AfterValidator(_one_line), AfterValidator(_topic)]
Name: TypeAlias = VolumeKey
Listen: TypeAlias = Annotated[str, AfterValidator(_one_line), AfterValidator(_listen)]
FallbackSource: TypeAlias = Annotated[str, AfterValidator(_one_line), AfterValidator(_fallback_source)]
PlainEnum = PlainSerializer(str, return_type=str, when_used="json")
