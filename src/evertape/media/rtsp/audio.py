"""RTP payloads of audio: AAC in MPEG4-GENERIC (RFC 3640), and G.711 as it is. No input, no output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from evertape.errors import ProtocolError
from evertape.media.rtsp.nal import Bits, ParameterSetError
from evertape.media.rtsp.sdp import Format
from evertape.media.rtsp.sequence import LATE, LateRun

# ISO/IEC 14496-3 table 1.18
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)
_MAX_FRAME = 64 * 1024


class AudioConfigError(ProtocolError):
    """The description of the audio cannot be used; go on without audio."""


class RawAudioUnit(NamedTuple):
    """One frame (AAC), or one packet of samples (G.711), with its RTP time stamp."""

    rtp: int
    data: bytes


@dataclass(frozen=True, slots=True)
class AacConfig:
    """What an AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1) says, and where AU headers keep their fields.

    Args:
        config: the AudioSpecificConfig.
        rate: samples per second of the core.
        channels: of the core.
        frame_ticks: RTP ticks per frame.
        size_bits: of ``AU-size``.
        index_bits: of ``AU-Index`` and ``AU-Index-delta``.
    """

    config: bytes
    rate: int
    channels: int
    frame_ticks: int
    size_bits: int
    index_bits: int


def parse_aac(form: Format) -> AacConfig:
    """Read the ``fmtp`` of MPEG4-GENERIC; raises ``AudioConfigError``."""
    try:
        config = bytes.fromhex(form.fmtp.get("config", ""))
        size_bits = int(form.fmtp.get("sizelength", "13"))
        index_bits = int(form.fmtp.get("indexlength", "3"))
        delta_bits = int(form.fmtp.get("indexdeltalength", "3"))
    except ValueError as error:
        raise AudioConfigError("the description of the AAC makes no sense") from error
    mode = form.fmtp.get("mode", "AAC-hbr").lower()
    if mode not in ("aac-hbr", "aac-lbr") or index_bits != delta_bits or not 0 < size_bits + index_bits <= 32:
        raise AudioConfigError(f"AAC in mode {mode!r} is not understood")
    if any(form.fmtp.get(name, "0") != "0" for name in ("ctsdeltalength", "dtsdeltalength", "randomaccessindication")):
        raise AudioConfigError("AAC with time stamps in its headers is not understood")
    rate, channels, samples = _specific_config(config)
    ticks = samples * form.clock_rate // rate if form.clock_rate else samples
    return AacConfig(config, rate, channels, ticks, size_bits, index_bits)


def _specific_config(config: bytes) -> tuple[int, int, int]:
    try:
        bits = Bits(config + bytes(8) if config else b"")
        kind = bits.u(5)
        if kind == 31:
            kind = 32 + bits.u(6)
        index = bits.u(4)
        rate = bits.u(24) if index == 15 else _RATES[index]
        channels = _CHANNELS[bits.u(4)]
    except (ParameterSetError, IndexError) as error:
        raise AudioConfigError("the AudioSpecificConfig cannot be read") from error
    # 5 and 29 are SBR and PS signalled explicitly; what is meant by rate is the core's.
    if kind not in (1, 2, 3, 4, 5, 29) or not rate or not channels:
        raise AudioConfigError(f"AAC of object type {kind} with {channels} channels at {rate} Hz is not understood")
    frame_length_flag = bits.flag() if kind < 5 else False
    return rate, channels, 960 if frame_length_flag else 1024


class AacDepayloader:
    """RFC 3640 3.2 and 3.3: several frames in a packet, or one frame over several."""

    def __init__(self, config: AacConfig) -> None:
        self.units: list[RawAudioUnit] = []
        self.lost = 0
        self.damaged = 0
        self._config = config
        self._next = -1
        self._whole = 0
        self._parts: list[bytes] = []
        self._ts = 0

    @property
    def next_seq(self) -> int:
        """The sequence number that is expected, or -1 before the first packet."""
        return self._next

    def feed(self, view: memoryview, start: int, stop: int, marker: int, seq: int, ts: int) -> None:
        """Take one packet's payload; arguments as of ``NalDepayloader.feed``."""
        if seq != self._next and self._next >= 0:
            self.lost += min((seq - self._next) & 0xFFFF, 0x7FFF)
            self._drop_fragments()
        self._next = (seq + 1) & 0xFFFF
        sizes, data = self._headers(view, start, stop)
        if not sizes:
            self.damaged += 1
            self._drop_fragments()
            return
        if len(sizes) == 1 and (self._parts or sizes[0] > stop - data):
            self._fragment(bytes(view[data:stop]), sizes[0], marker, ts)
            return
        self._drop_fragments()
        for index, size in enumerate(sizes):
            if size == 0 or data + size > stop:
                self.damaged += 1
                return
            rtp = (ts + index * self._config.frame_ticks) & 0xFFFFFFFF
            self.units.append(RawAudioUnit(rtp, bytes(view[data : data + size])))
            data += size

    def detach(self) -> None:
        """Nothing is kept of the views."""

    def _headers(self, view: memoryview, start: int, stop: int) -> tuple[list[int], int]:
        """The sizes in the AU header section, and where the frames begin."""
        if stop - start < 2:
            return [], stop
        length = (view[start] << 8) | view[start + 1]
        width = self._config.size_bits + self._config.index_bits
        data = start + 2 + (length + 7) // 8
        if data > stop or length < width:
            return [], stop
        bits = int.from_bytes(view[start + 2 : data], "big") >> (-length % 8)
        count = length // width
        bits >>= length - count * width
        mask = (1 << self._config.size_bits) - 1
        shift = self._config.index_bits
        return [(bits >> ((count - 1 - i) * width + shift)) & mask for i in range(count)], data

    def _fragment(self, data: bytes, size: int, marker: int, ts: int) -> None:
        if self._parts and (ts != self._ts or size != self._whole):
            self._drop_fragments()
        self._parts.append(data)
        self._ts, self._whole = ts, size
        have = sum(map(len, self._parts))
        if have == size:
            self.units.append(RawAudioUnit(ts, b"".join(self._parts)))
            self._parts = []
        elif have > size or size > _MAX_FRAME or marker & 0x80:
            self._drop_fragments()

    def _drop_fragments(self) -> None:
        if self._parts:
            self.damaged += 1
            self._parts = []


class RawDepayloader:
    """Payloads as they come: G.711, one byte per sample."""

    def __init__(self) -> None:
        self.units: list[RawAudioUnit] = []
        self.lost = 0
        self.damaged = 0
        self._next = -1
        self._late = LateRun()

    @property
    def next_seq(self) -> int:
        """The sequence number that is expected, or -1 before the first packet."""
        return self._next

    def feed(self, view: memoryview, start: int, stop: int, marker: int, seq: int, ts: int) -> None:
        """Take one packet's payload; arguments as of ``NalDepayloader.feed``."""
        if seq != self._next and self._next >= 0:
            missing = (seq - self._next) & 0xFFFF
            if missing >= LATE and not self._late.is_stream(seq, self._next):
                return
            self.lost += missing if missing < 0x8000 else 1
        self._next = (seq + 1) & 0xFFFF
        self.units.append(RawAudioUnit(ts, bytes(view[start:stop])))

    def detach(self) -> None:
        """Nothing is kept of the views."""
