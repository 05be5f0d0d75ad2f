"""Parameter sets of H.264 (ITU-T H.264 7.3.2) and H.265 (ITU-T H.265 7.3.2), read as far as a recorder needs.

No input, no output.
"""

from __future__ import annotations

from dataclasses import dataclass

from evertape.errors import ProtocolError
from evertape.types import NS_PER_S

H264_SPS, H264_PPS, H264_AUD = 7, 8, 9
H265_VPS, H265_SPS, H265_PPS, H265_AUD = 32, 33, 34, 35
MAX_SIDE = 16384
# H.264 7.3.2.1.1: profiles whose SPS has the chroma fields.
HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


class ParameterSetError(ProtocolError):
    """A parameter set cannot be read; leave it alone."""


@dataclass(frozen=True, slots=True)
class Sps:
    """What a recorder needs to know.

    Args:
        id: of the set.
        width: pixels, after cropping.
        height: pixels, after cropping.
        reorder: how many pictures may come before one that is shown earlier; ``None``: the stream does not say.
        frame_ns: the duration of a picture as the stream declares it, or ``None``.
        profile: ``profile_idc`` or ``general_profile_idc``.
        chroma: ``chroma_format_idc``.
        luma_bits: per sample.
        chroma_bits: per sample.
        tier_level: H.265 only: the 12 bytes from general_profile_space to general_level_idc.
        layers: H.265 only: temporal sub-layers.
        nested: H.265 only: sps_temporal_id_nesting_flag.
    """

    id: int
    width: int
    height: int
    reorder: int | None
    frame_ns: int | None = None
    profile: int = 0
    chroma: int = 1
    luma_bits: int = 8
    chroma_bits: int = 8
    tier_level: bytes = b""
    layers: int = 1
    nested: bool = False


class Bits:
    """Reads bits from a NAL unit's payload, emulation prevention removed (H.264 7.4.1.1)."""

    __slots__ = ("_bits", "_left")

    def __init__(self, payload: bytes) -> None:
        raw = payload.replace(b"\x00\x00\x03", b"\x00\x00")
        self._bits = int.from_bytes(raw, "big")
        self._left = 8 * len(raw)

    def u(self, count: int) -> int:
        """An unsigned number of ``count`` bits."""
        if count > self._left:
            raise ParameterSetError("a parameter set ends early")
        self._left -= count
        return (self._bits >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        """One bit."""
        return self.u(1) == 1

    def ue(self) -> int:
        """Exp-Golomb, unsigned (9.1)."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise ParameterSetError("an Exp-Golomb number of more than 32 bits")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Exp-Golomb, signed (9.1.1)."""
        value = self.ue()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def parse_h264_sps(nal: bytes) -> Sps:
    """Read an H.264 SPS with its header byte; raises ``ParameterSetError``."""
    if len(nal) < 4 or nal[0] & 31 != H264_SPS:
        raise ParameterSetError("not an H.264 SPS")
    bits = Bits(nal[1:])
    profile = bits.u(8)
    bits.u(16)
    sps_id = bits.ue()
    chroma, luma_bits, chroma_bits = _h264_high(bits) if profile in HIGH_PROFILES else (1, 8, 8)
    bits.ue()  # log2_max_frame_num_minus4
    order_type = _h264_order(bits)
    bits.ue()  # max_num_ref_frames
    bits.flag()
    width, rows = 16 * (bits.ue() + 1), bits.ue() + 1
    frames_only = bits.flag()
    if not frames_only:
        bits.flag()
    height = 16 * rows * (1 if frames_only else 2)
    bits.flag()
    if bits.flag():  # 7.4.2.1.1: crop units depend on the chroma format
        across = 1 if chroma in (0, 3) else 2
        down = (2 if chroma == 1 else 1) * (1 if frames_only else 2)
        width -= across * (bits.ue() + bits.ue())
        height -= down * (bits.ue() + bits.ue())
    _check_size(width, height)
    frame_ns, reorder = _h264_vui(bits) if bits.flag() else (None, None)
    # Order type 2: output order is decoding order (8.2.1.3).
    reorder = 0 if order_type == 2 else reorder
    return Sps(sps_id, width, height, reorder, frame_ns, profile, chroma, luma_bits, chroma_bits)


def _h264_high(bits: Bits) -> tuple[int, int, int]:
    chroma = bits.ue()
    if chroma > 3:
        raise ParameterSetError("a chroma format that does not exist")
    if chroma == 3:
        bits.flag()
    luma_bits, chroma_bits = 8 + bits.ue(), 8 + bits.ue()
    bits.flag()
    if bits.flag():
        for index in range(12 if chroma == 3 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    if luma_bits > 14 or chroma_bits > 14:
        raise ParameterSetError("a bit depth that does not exist")
    return chroma, luma_bits, chroma_bits


def _skip_scaling_list(bits: Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) & 255
        last = following or last


def _h264_order(bits: Bits) -> int:
    order_type = bits.ue()
    if order_type == 0:
        bits.ue()
    elif order_type == 1:
        bits.flag()
        bits.se()
        bits.se()
        count = bits.ue()
        if count > 255:
            raise ParameterSetError("a picture order cycle of more than 255")
        for _ in range(count):
            bits.se()
    return order_type


def _h264_vui(bits: Bits) -> tuple[int | None, int | None]:
    """Frame duration and reorder depth (annex E); a cut-off VUI simply says nothing."""
    frame_ns: int | None = None
    try:
        if bits.flag() and bits.u(8) == 255:  # aspect_ratio_idc, Extended_SAR
            bits.u(32)
        if bits.flag():
            bits.flag()
        if bits.flag():
            bits.u(4)
            if bits.flag():
                bits.u(24)
        if bits.flag():
            bits.ue()
            bits.ue()
        if bits.flag():
            tick, scale = bits.u(32), bits.u(32)
            bits.flag()
            frame_ns = _frame_ns(2 * tick, scale)
        return frame_ns, _h264_restriction(bits)
    except ParameterSetError:
        return frame_ns, None


def _h264_restriction(bits: Bits) -> int | None:
    hrd = 0
    for _ in range(2):
        if bits.flag():
            hrd += 1
            count = bits.ue() + 1
            if count > 32:
                raise ParameterSetError("an HRD of more than 32 entries")
            bits.u(8)
            for _ in range(count):
                bits.ue()
                bits.ue()
                bits.flag()
            bits.u(20)
    if hrd:
        bits.flag()
    bits.flag()
    if not bits.flag():
        return None
    bits.flag()
    for _ in range(4):
        bits.ue()
    return min(bits.ue(), 16)


def _frame_ns(ticks: int, scale: int) -> int | None:
    if not ticks or not scale:
        return None
    duration = ticks * NS_PER_S // scale
    # Outside 1 to 240 frames per second it is nonsense that some cameras put there.
    return duration if NS_PER_S // 240 <= duration <= NS_PER_S else None


def parse_h265_sps(nal: bytes) -> Sps:
    """Read an H.265 SPS with its header bytes as far as the sub-layer ordering; raises ``ParameterSetError``."""
    if len(nal) < 16 or (nal[0] >> 1) & 63 != H265_SPS:
        raise ParameterSetError("not an H.265 SPS")
    bits = Bits(nal[2:])
    bits.u(4)
    layers = bits.u(3) + 1
    nested = bits.flag()
    tier_level = bits.u(96).to_bytes(12, "big")
    _skip_sub_layers(bits, layers)
    sps_id = bits.ue()
    chroma = bits.ue()
    if chroma > 3:
        raise ParameterSetError("a chroma format that does not exist")
    if chroma == 3:
        bits.flag()
    width, height = bits.ue(), bits.ue()
    if bits.flag():
        across = 2 if chroma in (1, 2) else 1
        down = 2 if chroma == 1 else 1
        width -= across * (bits.ue() + bits.ue())
        height -= down * (bits.ue() + bits.ue())
    _check_size(width, height)
    luma_bits, chroma_bits = 8 + bits.ue(), 8 + bits.ue()
    bits.ue()
    reorder = 0
    for _ in range(layers if bits.flag() else 1):
        bits.ue()
        reorder = bits.ue()  # the last one is that of the highest layer, which is what we store
        bits.ue()
    return Sps(
        sps_id,
        width,
        height,
        min(reorder, 16),
        profile=tier_level[0] & 31,
        chroma=chroma,
        luma_bits=luma_bits,
        chroma_bits=chroma_bits,
        tier_level=tier_level,
        layers=layers,
        nested=nested,
    )


def _skip_sub_layers(bits: Bits, layers: int) -> None:
    if layers == 1:
        return
    present = [(bits.flag(), bits.flag()) for _ in range(layers - 1)]
    for _ in range(layers - 1, 8):
        bits.u(2)
    for profile, level in present:
        bits.u(88 * profile + 8 * level)


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ParameterSetError(f"a picture of {width}x{height}")


def h264_pps_ids(nal: bytes) -> tuple[int, int]:
    """``(pic_parameter_set_id, seq_parameter_set_id)``; raises ``ParameterSetError``."""
    bits = Bits(nal[1:24])
    return bits.ue(), bits.ue()


def h265_pps_ids(nal: bytes) -> tuple[int, int]:
    """``(pps_pic_parameter_set_id, pps_seq_parameter_set_id)``; raises ``ParameterSetError``."""
    bits = Bits(nal[2:24])
    return bits.ue(), bits.ue()
