"""Every message and event: it comes back as it went, unknown fields do no harm, and the design names it."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from evertape.ipc.events import EVENT_TYPES, AnyEvent, Event
from evertape.ipc.messages import MESSAGE_TYPES, CameraSettings, Message, RecorderAssignment
from evertape.ipc.wire import decode, encode

DESIGN = Path(__file__).parents[2] / "docs/design/ipc.md"
ALL = [*MESSAGE_TYPES, *EVENT_TYPES]


def example(kind: Any, depth: int = 0) -> Any:
    """A value of a type, none of it at its default if that can be helped."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is AnyEvent or (origin is not None and "Annotated" in str(origin)):
        return example(EVENT_TYPES[0], depth)
    if hasattr(kind, "__metadata__"):
        return example(EVENT_TYPES[0], depth)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind, include_extras=True)
        return kind(**{name: example(hints[name], depth + 1) for name in kind.__struct_fields__})
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{field.name: example(hints[field.name], depth + 1) for field in fields(kind)})
    if origin is tuple:
        return (example(args[0], depth + 1),)
    if origin is dict:
        return {example(args[0]): example(args[1])}
    if args:
        return example(next(arg for arg in args if arg is not type(None)), depth)
    simple: dict[Any, Any] = {int: 7, str: "x", float: 1.5, bool: True, bytes: b"\x00\xff", Any: {"deep": [1, None]}}
    return simple[kind]


@pytest.mark.parametrize("kind", MESSAGE_TYPES, ids=lambda kind: kind.__name__)
def test_a_message_comes_back_as_it_went(kind: type[Message]) -> None:
    message = example(kind)
    (head, *payload) = encode(message, [b"payload"])
    assert payload == [b"payload"]
    assert decode(bytes(head)[8:]) == message


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_an_event_comes_back_as_it_went(kind: type[Event]) -> None:
    event = example(kind)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=AnyEvent) == event
    assert msgspec.json.decode(msgspec.json.encode(event), type=AnyEvent) == event


@pytest.mark.parametrize("kind", MESSAGE_TYPES, ids=lambda kind: kind.__name__)
def test_an_unknown_field_of_a_message_is_ignored(kind: type[Message]) -> None:
    message = example(kind)
    fields = msgspec.to_builtins(message, builtin_types=(bytes,)) | {"from_the_future": {"a": [1]}}
    assert decode(msgspec.msgpack.encode(fields)) == message


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_an_unknown_field_of_an_event_is_ignored(kind: type[Event]) -> None:
    event = example(kind)
    fields = msgspec.to_builtins(event) | {"from_the_future": 1}
    assert msgspec.json.decode(msgspec.json.encode(fields), type=AnyEvent) == event


def test_names_are_unique() -> None:
    assert len({kind.__struct_config__.tag for kind in MESSAGE_TYPES}) == len(MESSAGE_TYPES)
    assert len({kind.__struct_config__.tag for kind in EVENT_TYPES}) == len(EVENT_TYPES)
    assert set(Message.__subclasses__()) == set(MESSAGE_TYPES), "a message that cannot be received"
    ours = {kind for kind in Event.__subclasses__() if kind.__module__.startswith("evertape.")}
    assert ours == set(EVENT_TYPES), "an event that cannot be read"


def test_the_design_names_every_message() -> None:
    words = set(re.findall(r"[A-Za-z]+", DESIGN.read_text()))
    assert {kind.__name__ for kind in MESSAGE_TYPES} - words == set()


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_message_and_event_says_what_it_is(kind: type[msgspec.Struct]) -> None:
    assert kind.__doc__


def test_settings_do_not_show_their_secrets() -> None:
    settings = CameraSettings(id="cam", name="x", url="rtsp://h/hunter2", user="u", password="hunter2")
    told = RecorderAssignment(cameras=(settings,), volumes=(), wishes={}, journal_socket="")
    assert "hunter2" not in repr(settings) + repr(told)
