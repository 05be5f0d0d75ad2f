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
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ProtocolError(f"a peer sent something that is no message: {error}") from error


class FrameReader:
    """Cuts a byte stream into ``(message, payload)``. Feed it whatever arrives."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: Buffer) -> Iterator[tuple[Message, bytes]]:
        """Yield every whole frame; raises ``ProtocolError`` if the peer does not speak this format."""
        self._data += data
        start = 0
        held = self._data
        try:
            while len(held) - start >= LENGTHS.size:
                head_size, payload_size = LENGTHS.unpack_from(held, start)
                if head_size > MAX_MESSAGE or payload_size > MAX_PAYLOAD:
                    raise ProtocolError("a peer announced an impossibly large message")
                body = start + LENGTHS.size
                end = body + head_size + payload_size
                if len(held) < end:
                    break
                with memoryview(held) as view:
                    message = decode(view[body : body + head_size])
                    payload = bytes(view[body + head_size : end])
                start = end
                yield message, payload
        finally:
            del held[:start]
