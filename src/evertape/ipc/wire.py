"""Bytes on the socket: two lengths, the message as MessagePack, the payload as it is.

Every frame is ``u32 message length, u32 payload length`` (little endian), then both parts.
Pure: no socket here, so that contract tests can feed it anything.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Union

import msgspec

from evertape.errors import ProtocolError
from evertape.ipc.messages import MESSAGE_TYPES, Message

LENGTHS = struct.Struct("<II")

MAX_MESSAGE = 16 << 20
"""A message proper is small; what is larger is garbage on the socket, not a message."""
MAX_PAYLOAD = 256 << 20
"""A fragment of half a second at 1 Gbit/s would fit four times over."""

Buffer = bytes | bytearray | memoryview

_LEAST, _MOST = 16 << 10, 512 << 10
"""A reader's buffer at first, and as far as it grows by itself for a peer that sends much at a time."""

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Union[MESSAGE_TYPES])  # noqa: UP007


def encode(message: Message, payload: Sequence[Buffer] = ()) -> list[Buffer]:
    """Return the buffers of one frame, for ``sendmsg``; the payload is referenced, not copied."""
    head = _encoder.encode(message)
    size = sum(len(part) for part in payload)
    return [LENGTHS.pack(len(head), size) + head, *payload]


def decode(head: Buffer) -> Message:
    """Decode a message proper; raises ``ProtocolError`` on anything else."""
    try:
        return _decoder.decode(head)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ProtocolError(f"a peer sent something that is no message: {error}") from error


class FrameReader:
    """Cuts a byte stream into ``(message, payload)``: feed it whatever arrives, or have it read into its own buffer."""

    def __init__(self) -> None:
        self._buffer = bytearray(_LEAST)
        self._start = 0
        self._end = 0
        self._wanted = _LEAST
        """How large the buffer has to be."""

    def space(self) -> memoryview:
        """Where the next bytes are to be put; release it before calling ``received``."""
        held = self._end - self._start
        if self._wanted > len(self._buffer):
            larger = bytearray(self._wanted)
            larger[:held] = memoryview(self._buffer)[self._start : self._end]
            self._buffer, self._start, self._end = larger, 0, held
        elif not held:
            self._start = self._end = 0
        elif self._start + self._wanted > len(self._buffer):
            # Only a piece of one frame lies here, and only if its rest has no room behind it.
            self._buffer[:held] = self._buffer[self._start : self._end]
            self._start, self._end = 0, held
        return memoryview(self._buffer)[self._end :]

    def received(self, count: int) -> Iterator[tuple[Message, bytes]]:
        """``count`` bytes were put into ``space()``: yield every whole frame. Exhaust it before reading on.

        Raises:
            ProtocolError: the peer does not speak this format.
        """
        self._end += count
        # A peer that sends in bulk is read in bulk.
        full = self._end == len(self._buffer) < _MOST
        self._wanted = 2 * len(self._buffer) if full else _LEAST
        while self._end - self._start >= LENGTHS.size:
            head_size, payload_size = LENGTHS.unpack_from(self._buffer, self._start)
            if head_size > MAX_MESSAGE or payload_size > MAX_PAYLOAD:
                raise ProtocolError("a peer announced an impossibly large message")
            head = self._start + LENGTHS.size
            body = head + head_size
            end = body + payload_size
            if self._end < end:
                self._wanted = max(self._wanted, end - self._start)
                return
            with memoryview(self._buffer) as view:
                message = decode(view[head:body])
                payload = bytes(view[body:end])
            self._start = end
            yield message, payload

    def feed(self, data: Buffer) -> Iterator[tuple[Message, bytes]]:
        """Yield every frame that ``data`` completes; raises as ``received``."""
        with memoryview(data) as rest:
            at = 0
            while at < len(rest):
                with self.space() as room:
                    count = min(len(room), len(rest) - at)
                    room[:count] = rest[at : at + count]
                at += count
                yield from self.received(count)
