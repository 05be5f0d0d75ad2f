"""An RTSP server of canned words and packets, stepped by hand: for what a real one would never say.

No thread and no GStreamer; the test calls ``CannedServer.step`` between the receiver's turns.
"""

from __future__ import annotations

import base64
import re
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Reply = bytes | Callable[["Asked"], bytes]

# A real 640x360 stream's parameter sets (x264, baseline, 25 fps, no reordering).
SPS = bytes.fromhex("6742c01eda0280bfe5c05a83030352800000030080000019478b1750")
PPS = bytes.fromhex("68ce3c80")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request a client made."""

    method: str
    uri: str
    headers: Mapping[str, str]

    @property
    def cseq(self) -> str:
        """Its number."""
        return self.headers.get("cseq", "0")


def reply(asked: Asked, status: str = "200 OK", headers: Sequence[str] = (), body: bytes = b"") -> bytes:
    """A well-formed reply."""
    lines = [f"RTSP/1.0 {status}", f"CSeq: {asked.cseq}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def h264_sdp(*, with_sets: bool = True, audio: str = "") -> bytes:
    """A description of one H.264 video, and ``audio`` lines as given."""
    sets = ",".join(base64.b64encode(nal).decode() for nal in (SPS, PPS))
    fmtp = f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\n" if with_sets else ""
    return (
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\na=control:*\r\n"
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" + fmtp + "a=control:trackID=0\r\n" + audio
    ).encode()


def rtp(payload: bytes, seq: int, ts: int, *, marker: bool = False, kind: int = 96) -> bytes:
    """An RTP packet without extras."""
    return struct.pack(">BBHII", 0x80, (marker << 7) | kind, seq & 0xFFFF, ts & 0xFFFFFFFF, 0x1234) + payload


def interleave(packet: bytes, channel: int = 0) -> bytes:
    """A packet as it travels in the RTSP connection (RFC 2326 10.12)."""
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


def sender_report(ntp_utc_ns: int, rtp_ts: int, ssrc: int = 0x1234) -> bytes:
    """An RTCP sender report that says that ``rtp_ts`` was at ``ntp_utc_ns``."""
    seconds, rest = divmod(ntp_utc_ns, 1_000_000_000)
    ntp = ((seconds + 2_208_988_800) << 32) | ((rest << 32) // 1_000_000_000)
    return struct.pack(">BBHIQIII", 0x80, 200, 6, ssrc, ntp, rtp_ts & 0xFFFFFFFF, 0, 0)


def goodbye(ssrc: int = 0x1234) -> bytes:
    """An RTCP BYE."""
    return struct.pack(">BBHI", 0x81, 203, 1, ssrc)


def h264_payloads(nals: Sequence[bytes], mtu: int = 1400, *, aggregate: bool = False) -> list[bytes]:
    """One access unit's NAL units as RTP payloads: single, FU-A where too large, STAP-A for small ones if asked."""
    payloads: list[bytes] = []
    small: list[bytes] = []
    for nal in nals:
        if aggregate and len(nal) + 3 <= mtu and sum(len(n) + 2 for n in small) + len(nal) + 3 <= mtu:
            small.append(nal)
            continue
        payloads += _stap(small)
        small = []
        if len(nal) <= mtu:
            payloads.append(nal)
        else:
            head, kind = nal[0] & 0xE0 | 28, nal[0] & 31
            payloads += [bytes([head, flags | kind]) + part for flags, part in _parts(nal[1:], mtu - 2)]
    return payloads + _stap(small)


def h265_payloads(nals: Sequence[bytes], mtu: int = 1400, *, aggregate: bool = False) -> list[bytes]:
    """As ``h264_payloads``: single, FU, AP."""
    if aggregate and len(nals) > 1 and sum(len(n) + 2 for n in nals) + 2 <= mtu:
        return [bytes([48 << 1, 1]) + b"".join(struct.pack(">H", len(n)) + n for n in nals)]
    payloads: list[bytes] = []
    for nal in nals:
        if len(nal) <= mtu:
            payloads.append(nal)
        else:
            head, kind = bytes([nal[0] & 0x81 | 49 << 1, nal[1]]), nal[0] >> 1 & 63
            payloads += [head + bytes([flags | kind]) + part for flags, part in _parts(nal[2:], mtu - 3)]
    return payloads


def _stap(small: Sequence[bytes]) -> list[bytes]:
    if not small:
        return []
    if len(small) == 1:
        return [small[0]]
    return [bytes([24]) + b"".join(struct.pack(">H", len(n)) + n for n in small)]


def _parts(data: bytes, size: int) -> list[tuple[int, bytes]]:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    last = len(pieces) - 1
    return [((0x80 if i == 0 else 0) | (0x40 if i == last else 0), piece) for i, piece in enumerate(pieces)]


@dataclass
class CannedServer:
    """Answers each method with ``replies[method]``, or sensibly; everything on the caller's thread.

    Args:
        replies: by method; a method mapped to ``b""`` is never answered.
        sdp: the answer to DESCRIBE.
    """

    replies: dict[str, Reply] = field(default_factory=dict)
    sdp: bytes = field(default_factory=h264_sdp)
    asked: list[Asked] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._clients: list[socket.socket] = []
        self._buffer = bytearray()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Of its one stream."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def methods(self) -> list[str]:
        """What was asked so far."""
        return [asked.method for asked in self.asked]

    def step(self) -> None:
        """Accept, read and answer what is there."""
        try:
            client, _ = self._listener.accept()
        except BlockingIOError:
            pass
        else:
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is sent is there, not 40 ms later
            self._clients.append(client)
            self._buffer.clear()
        for client in self._clients:
            try:
                data = client.recv(65536)
            except (BlockingIOError, ConnectionError):
                continue
            self.received += data
            self._buffer += data
        self._answer()

    def send(self, data: bytes) -> None:
        """Send to the newest client; it has to fit into the kernel's buffers."""
        self._clients[-1].sendall(data)

    def hang_up(self, *, reset: bool = False) -> None:
        """Close the newest connection, by RST if ``reset``."""
        client = self._clients.pop()
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    def close(self) -> None:
        """Close everything."""
        for client in self._clients:
            client.close()
        self._listener.close()

    def _answer(self) -> None:
        while True:
            if self._buffer[:1] == b"$" and len(self._buffer) >= 4:
                size = 4 + int.from_bytes(self._buffer[2:4], "big")
                if len(self._buffer) < size:
                    return
                del self._buffer[:size]
                continue
            head, mark, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            if not mark:
                return
            self._buffer = bytearray(rest)
            lines = head.decode().split("\r\n")
            method, uri, _ = lines[0].split(" ", 2)
            fields = (re.split(r":\s*", line, maxsplit=1) for line in lines[1:])
            asked = Asked(method, uri, {name.lower(): value for name, value in fields})
            self.asked.append(asked)
            chosen = self.replies.get(method, self._sensible)
            data = chosen if isinstance(chosen, bytes) else chosen(asked)
            if data:
                self.send(data)

    def _sensible(self, asked: Asked) -> bytes:
        match asked.method:
            case "OPTIONS":
                return reply(asked, headers=["Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"])
            case "DESCRIBE":
                return reply(asked, headers=[f"Content-Base: {asked.uri}/", "Server: canned"], body=self.sdp)
            case "SETUP":
                transport = asked.headers.get("transport", "")
                return reply(asked, headers=[f"Transport: {transport}", "Session: 1234;timeout=60"])
            case _:
                return reply(asked)
