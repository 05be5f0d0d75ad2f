"""When one file ends and the next begins. Asked at each video keyframe."""

from __future__ import annotations

from dataclasses import dataclass

from evertape.types import NS_PER_S, DurationNs, UtcNs

DEFAULT_ROTATION = DurationNs(600 * NS_PER_S)
_NO_SHIFT = DurationNs(0)
# A file that starts less than a quarter of the rotation before a boundary runs through it to the next one: after
# a reconnect shortly before the full hour nobody wants a file of three seconds.
_SKIP_SHARE = 4
# What a stepped wall clock may make of a file's length, by media time, as shares of the rotation. The upper one
# leaves a tenth for the wait for the keyframe before 1.5 times the rotation is reached.
_SHORTEST = (1, 4)
_LONGEST = (7, 5)


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """What the configuration asks for.

    Args:
        rotation: how long a file gets, in nanoseconds.
        align: boundaries are whole multiples of ``rotation`` on the UTC wall clock, plus ``offset``.
        offset: this camera's shift against the others, in nanoseconds, see ``stagger``.
        max_bytes: how large a file gets; 0: any size.

    Raises:
        ValueError: ``rotation`` is not positive.
    """

    rotation: DurationNs = DEFAULT_ROTATION
    align: bool = True
    offset: DurationNs = _NO_SHIFT
    max_bytes: int = 0

    def __post_init__(self) -> None:
        if self.rotation <= 0:
            raise ValueError("a rotation takes time")


def next_boundary(start: UtcNs, policy: RotationPolicy) -> UtcNs:
    """Where a file that starts at ``start`` should end, if boundaries are aligned.

    At most 1.25 times the rotation later, and at least a quarter of it.
    """
    passed = (start - policy.offset) % policy.rotation
    boundary = start - passed + policy.rotation
    if (boundary - start) * _SKIP_SHARE < policy.rotation:
        boundary += policy.rotation
    return UtcNs(boundary)


def rotation_due(
    segment_start_utc: UtcNs, unit_utc: UtcNs, media_duration: DurationNs, size: int, policy: RotationPolicy
) -> bool:
    """Whether the keyframe at hand should begin the next file.

    The wall clock only chooses the moment within bounds that media time sets, because it may be stepped: by
    media time no file gets shorter than a quarter of the rotation, nor longer than 1.5 times it if a keyframe comes
    within a tenth of it.

    Args:
        segment_start_utc: UTC of the file's first video unit.
        unit_utc: UTC of the keyframe.
        media_duration: media time from the first unit to the keyframe, in nanoseconds.
        size: bytes in the file so far.
        policy: the camera's.
    """
    if media_duration <= 0:
        return False
    if 0 < policy.max_bytes <= size:
        return True
    if not policy.align:
        return media_duration >= policy.rotation
    if media_duration * _SHORTEST[1] < policy.rotation * _SHORTEST[0]:
        return False
    if media_duration * _LONGEST[1] >= policy.rotation * _LONGEST[0]:
        return True
    return unit_utc >= next_boundary(segment_start_utc, policy)


def stagger(index: int, count: int, rotation: DurationNs) -> DurationNs:
    """The share of ``rotation`` by which camera ``index`` of ``count`` is shifted, spread evenly, in [0, rotation)."""
    if not 0 <= index < count:
        raise ValueError(f"no camera {index} among {count}")
    return DurationNs(rotation * index // count)
