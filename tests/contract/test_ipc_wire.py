"""The format on the socket: however it is cut it comes out the same, and whatever garbage comes, one error says so."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evertape.errors import ProtocolError
from evertape.ipc.messages import Append, Durable, Heartbeat, Message, Request
from evertape.ipc.wire import LENGTHS, MAX_MESSAGE, MAX_PAYLOAD, FrameReader, decode, encode

MESSAGES = st.one_of(
    st.builds(Heartbeat, boot=st.integers(0, 2**62)),
    st.builds(Durable, writer=st.integers(0, 99), fragments=st.integers(0, 99), bytes=st.integers(0, 2**40)),
    st.builds(Request, request=st.integers(0, 99), verb=st.text(max_size=5), args=st.just({"a": [1, "b"]})),
)
FRAMES = st.lists(st.tuples(MESSAGES, st.lists(st.binary(max_size=200_000), max_size=3)), max_size=4)


def flat(message: Message, payload: list[bytes]) -> bytes:
    return b"".join(bytes(part) for part in encode(message, payload))


@given(FRAMES, st.lists(st.integers(1, 70_000), min_size=1, max_size=10))
def test_frames_survive_any_cutting(frames: list[tuple[Message, list[bytes]]], sizes: list[int]) -> None:
    stream = b"".join(flat(message, payload) for message, payload in frames)
    reader, found, at, turn = FrameReader(), [], 0, 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        found += list(reader.feed(stream[at : at + size]))
        at, turn = at + size, turn + 1
    assert found == [(message, b"".join(payload)) for message, payload in frames]


@given(FRAMES, st.data())
def test_frames_survive_being_read_into_the_readers_own_buffer(
    frames: list[tuple[Message, list[bytes]]], data: st.DataObject
) -> None:
    stream = b"".join(flat(message, payload) for message, payload in frames)
    reader, found, at = FrameReader(), [], 0
    while at < len(stream):
        with reader.space() as room:
            assert len(room) > 0
            count = min(len(room), len(stream) - at, data.draw(st.sampled_from([1, 7, 8, 9, 4096, 1 << 30])))
            count = max(count, min(len(room), len(stream) - at) // 50, 1)
            room[:count] = stream[at : at + count]
        at += count
        found += list(reader.received(count))
    assert found == [(message, b"".join(payload)) for message, payload in frames]


@given(st.binary(max_size=300))
@example(LENGTHS.pack(3, 0) + b"\xc1\xc1\xc1")
@example(LENGTHS.pack(0, 0))
@example(LENGTHS.pack(2, 0) + b"\x81\xa1")
@example(LENGTHS.pack(7, 0) + b"\x82\xa1m\xa5Hello"[:7])
def test_garbage_raises_nothing_but_a_protocol_error(garbage: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        list(FrameReader().feed(garbage))


@given(MESSAGES, st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_message_raises_nothing_but_a_protocol_error(message: Message, place: int, byte: int) -> None:
    data = bytearray(flat(message, [b"payload"]))
    data[place % len(data)] = byte
    with contextlib.suppress(ProtocolError):
        list(FrameReader().feed(data))


@pytest.mark.parametrize(
    "head",
    [
        b"\x91" * 100_000,
        b"\x83\xa1m\xa7Request\xa7request\x01\xa4args" + b"\x81\xa1a" * 50_000 + b"\xc0",
        msgspec.msgpack.encode({"m": "NoSuchMessage"}),
        msgspec.msgpack.encode({"m": 7}),
        msgspec.msgpack.encode({"m": "Durable", "writer": "x", "fragments": 1, "bytes": 1}),
        msgspec.msgpack.encode({"m": "Durable"}),
        msgspec.msgpack.encode([1, 2, 3]),
        b"\x81\xa1m\xa2\xff\xfe",
        b"\x82\xa1m\xa7Request\xa4verb\xa2\xff\xfe",
        b"\xd6\xff\x00\x00\x00\x00",
    ],
)
def test_what_is_no_message_is_a_protocol_error(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(head)


@pytest.mark.parametrize("lengths", [(MAX_MESSAGE + 1, 0), (1, MAX_PAYLOAD + 1), (2**32 - 1, 2**32 - 1)])
def test_an_impossible_length_ends_the_connection_before_anything_is_kept(lengths: tuple[int, int]) -> None:
    with pytest.raises(ProtocolError):
        list(FrameReader().feed(LENGTHS.pack(*lengths)))


def test_an_error_never_quotes_what_the_peer_sent() -> None:
    secret = msgspec.msgpack.encode({"m": "Durable", "writer": "hunter2", "fragments": 1, "bytes": 1})
    with pytest.raises(ProtocolError) as caught:
        decode(secret)
    assert "hunter2" not in str(caught.value)


def test_a_payload_is_sent_by_reference() -> None:
    part = bytes(1000)
    buffers = encode(Append(writer=1, index=0, key=True, start_utc=0, end_utc=0, utc_source="rtcp", utc_error=0,
                            dts_start=0, dts_end=0), [part])  # fmt: skip
    assert buffers[-1] is part
