"""Which decoder to use, and what to do with one that fails. Pure: availability is handed in.

Hardware first, because that is what it is for; software as soon as the hardware's proves unreliable, because it works.
A fresh decoder is also the surest flush, so trouble is answered by one, at the next keyframe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from evertape.errors import SetupError
from evertape.types import NS_PER_S, Codec

# VA-API (Intel, AMD), V4L2 stateful and stateless (Raspberry Pi and other boards), NVIDIA, Apple, Windows.
_HARDWARE = {
    Codec.H264: "vah264dec v4l2slh264dec v4l2h264dec nvh264dec vtdec_hw d3d11h264dec vaapih264dec",
    Codec.H265: "vah265dec v4l2slh265dec v4l2h265dec nvh265dec vtdec_hw d3d11h265dec vaapih265dec",
}
_SOFTWARE = {Codec.H264: "avdec_h264 openh264dec", Codec.H265: "avdec_h265 libde265dec"}

FORGIVEN_NS = 60 * NS_PER_S
"""A decoder that was well for so long starts over with a clean record."""
_CHANCES = 2
"""So many troubles, and another one takes over."""


class Trouble(StrEnum):
    """What is wrong with a decoder."""

    FAILED = "failed"
    """It, or what lies beside it, posted an error."""
    STALLED = "stalled"
    """It takes pictures and gives none."""
    CORRUPT = "corrupt"
    """What it gives is damaged beyond the next keyframe."""


class Action(StrEnum):
    """What is done about it."""

    REBUILT = "rebuilt"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is done, and the decoder from then on."""

    action: Action
    decoder: str


def candidates(codec: Codec, wanted: str, available: Callable[[str], bool]) -> tuple[str, ...]:
    """The decoders to try, best first.

    Args:
        codec: ``h264`` or ``h265``.
        wanted: ``auto``, ``software``, or what to try first (an element's name or a launch line).
        available: whether this machine has an element.

    Raises:
        SetupError: it has none.
    """
    software = [name for name in _SOFTWARE[codec].split() if available(name)]
    hardware = [name for name in _HARDWARE[codec].split() if available(name)]
    match wanted:
        case "auto":
            found = [*hardware, *software]
        case "software":
            found = software
        case _:
            if not available(wanted.split()[0]):
                raise SetupError(f"GStreamer has no element {wanted.split()[0]}", hint='set view.decoder to "auto"')
            found = [wanted, *(name for name in software if name != wanted)]
    if not found:
        raise SetupError(
            f"GStreamer has no decoder for {codec.value.upper()}",
            hint="install gstreamer1.0-libav; evertape doctor names the command for this system",
        )
    return tuple(found)


class DecoderChoice:
    """The decoder in use.

    Args:
        found: of ``candidates``.
    """

    def __init__(self, found: tuple[str, ...]) -> None:
        self._found = found
        self._at = 0
        self._troubles = 0
        self._last_ns = 0
        self._gave = False

    @property
    def name(self) -> str:
        """The decoder to use."""
        return self._found[self._at]

    def gave_picture(self) -> None:
        """It works, at least at times."""
        self._gave = True

    def troubled(self, trouble: Trouble, now_ns: int) -> Answer:
        """It is in trouble, at ``now_ns`` of the boot-time clock. What is to be done at the next keyframe."""
        if now_ns - self._last_ns > FORGIVEN_NS:
            self._troubles = 0
        self._last_ns = now_ns
        self._troubles += 1
        # One that fails before its first picture never worked here, such as a hardware decoder without its device.
        hopeless = trouble is Trouble.FAILED and not self._gave
        if (self._troubles >= _CHANCES or hopeless) and self._at + 1 < len(self._found):
            self._at += 1
            self._troubles, self._gave = 0, False
            return Answer(Action.REPLACED, self.name)
        return Answer(Action.REBUILT, self.name)


STALLED_NS = 2 * NS_PER_S
"""A decoder holds back at most its reordering depth, 16 pictures;
of a slow stream's 10 pictures a second that is 1.6 s."""
_PUSHED = 20
_BAD_GOPS = 2
_BAD_LOOKS = 2


class DecoderHealth:
    """What a decoder was given and gave, since it was made.

    Args:
        now_ns: boot-time clock.
    """

    def __init__(self, now_ns: int) -> None:
        self._output_ns = now_ns
        self._pushed = 0
        self._bad_gops = 0
        self._looks = 0
        self._bad_looks = 0

    def pushed(self, key: bool) -> None:
        """It was given a picture."""
        self._pushed += 1
        if key and self._looks:
            # Damage in the stream ends with the next keyframe; what goes on beyond it is the decoder's.
            bad = self._bad_looks >= _BAD_LOOKS or self._bad_looks == self._looks
            self._bad_gops = self._bad_gops + 1 if bad else 0
            self._looks = self._bad_looks = 0

    def gave(self, count: int, looks: int, bad_looks: int, now_ns: int) -> None:
        """It gave ``count`` pictures; ``looks`` of them were looked at, and ``bad_looks`` of those are damaged."""
        if count:
            self._output_ns, self._pushed = now_ns, 0
            self._looks += looks
            self._bad_looks += bad_looks

    def trouble(self, now_ns: int) -> Trouble | None:
        """What is wrong, if anything."""
        if self._pushed >= _PUSHED and now_ns - self._output_ns >= STALLED_NS:
            return Trouble.STALLED
        return Trouble.CORRUPT if self._bad_gops >= _BAD_GOPS else None
