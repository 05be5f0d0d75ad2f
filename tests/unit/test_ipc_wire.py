"""The byte stream between processes: whatever the pieces it comes in, the same messages come out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.errors import ProtocolError
from evertape.ipc.messages import Append, Durable, Hello, Message
from evertape.ipc.wire import LENGTHS, MAX_PAYLOAD, FrameReader, encode

MESSAGES: list[tuple[Message, bytes]] = [
    (Hello(role="recorder", name="recorder-0", pid=1), b""),
    (Durable(writer=7, fragments=3, bytes=12345), b""),
    (
        Append(
            writer=1, index=0, key=True, first_video=0, last_video=12, start_utc=1, end_utc=2, utc_source="rtcp",
            utc_error=0, dts_start=0, dts_end=1,
        ),
        b"x",
    ),
]  # fmt: skip


def stream(sizes: list[int]) -> tuple[list[tuple[Message, bytes]], bytes]:
    frames = [
        (MESSAGES[i % len(MESSAGES)][0], bytes((i + k) & 255 for k in range(17)) * (size // 17 + 1))
        for i, size in enumerate(sizes)
    ]
    return frames, b"".join(b"".join(encode(message, (payload,))) for message, payload in frames)


@given(
    st.lists(st.sampled_from([0, 1, 5, 300, 16_000, 16_384, 40_000, 700_000]), min_size=1, max_size=6),
    st.lists(st.integers(1000, 60_000), min_size=1, max_size=20),
    st.booleans(),
)
def test_frames_come_out_whole_and_in_order_whatever_the_pieces(
    sizes: list[int], pieces: list[int], own_buffer: bool
) -> None:
    frames, data = stream(sizes)
    reader, seen, at, n = FrameReader(), [], 0, 0
    while at < len(data):
        piece = data[at : at + pieces[n % len(pieces)]]
        n += 1
        if own_buffer:
            with reader.space() as room:
                piece = piece[: len(room)]
                assert piece
                room[: len(piece)] = piece
            seen += reader.received(len(piece))
        else:
            seen += reader.feed(piece)
        at += len(piece)
    assert seen == frames


def test_single_bytes_make_whole_frames() -> None:
    frames, data = stream([0, 1, 300])
    reader = FrameReader()
    assert [found for i in range(len(data)) for found in reader.feed(data[i : i + 1])] == frames


def test_a_peer_that_sends_in_bulk_is_read_in_bulk() -> None:
    reader = FrameReader()
    frames, data = stream([300] * 9000)
    at, reads, seen = 0, 0, 0
    while at < len(data):
        with reader.space() as room:
            count = min(len(room), len(data) - at)
            room[:count] = data[at : at + count]
        seen += len(list(reader.received(count)))
        at += count
        reads += 1
    assert seen == len(frames)
    assert reads < 16


def test_a_frame_consumed_in_part_leaves_the_next_one_readable() -> None:
    reader = FrameReader()
    frames, data = stream([5, 5, 5])
    first = next(iter(reader.feed(data)))
    assert first == frames[0]
    assert list(reader.received(0)) == frames[1:]


@pytest.mark.parametrize("lengths", [(0xFFFFFFFF, 0), (10, MAX_PAYLOAD + 1)])
def test_an_impossible_length_is_refused(lengths: tuple[int, int]) -> None:
    with pytest.raises(ProtocolError, match="impossibly large"):
        list(FrameReader().feed(LENGTHS.pack(*lengths)))


def test_garbage_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no message"):
        list(FrameReader().feed(LENGTHS.pack(3, 0) + b"abc"))
