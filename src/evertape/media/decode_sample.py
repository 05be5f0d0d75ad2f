"""Decodes one group of pictures in a process of its own, at the lowest priority, and judges what comes out.

A recorder never decodes, so a decoder that crashes, hangs or eats memory at damaged footage must not be able to touch
anything: it gets the bytes through a pipe, opens no footage itself, and is killed at its deadline. Takes no thread: the
caller's loop waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from enum import Enum
from typing import NamedTuple

from evertape.media.decode_check import NO_DECODER

DEADLINE_S = 60.0
"""At idle priority on a busy machine a second of work may take long. Being late says nothing about the footage."""
PREFIX = "its pictures cannot be decoded"
"""How the words of every damage begin that only a decoder notices."""
_MODULE = "evertape.media.gst.decode_sample"
_CRASHES = frozenset((signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE))
"""Ends of a decoder that say something about what it was given; others (killed, out of memory) do not."""


class Verdict(Enum):
    """What a decoder made of a group of pictures."""

    SOUND = "sound"
    DAMAGED = "damaged"
    UNDECIDED = "undecided"
    NO_DECODER = "no decoder"


class Decoded(NamedTuple):
    """The verdict, and why, in words."""

    verdict: Verdict
    text: str = ""


class Counted(NamedTuple):
    """What the child says.

    Args:
        pictures: that came out.
        broken: of these, those that the decoder calls incomplete.
        key_hurt: it complained of the first picture, of which all others are made.
    """

    pictures: int
    broken: int
    key_hurt: bool


def judge(counted: Counted, pictures: int) -> Decoded:
    """Whether a group of so many pictures is damaged. Pure.

    A picture here and there that does not come out is what a lossy network does to a recording; the disk takes the
    group's first picture, or pages of the file.
    """
    good = counted.pictures - counted.broken
    if counted.key_hurt:
        return Decoded(Verdict.DAMAGED, "the decoder complains of a keyframe")
    if 2 * good < pictures:
        return Decoded(Verdict.DAMAGED, f"{good} of {pictures} pictures come out")
    return Decoded(Verdict.SOUND)


async def decode(codec: str, data: bytes, pictures: int, deadline_s: float = DEADLINE_S) -> Decoded:
    """Decode a small MP4 of one group of pictures.

    Args:
        codec: ``h264`` or ``h265``.
        data: header and fragments.
        pictures: in it.
        deadline_s: the decoder is killed after so many seconds.
    """
    found = await _decode(codec, data, pictures, deadline_s)
    # A crash is repeated before it counts: a library may have been replaced that very moment.
    return await _decode(codec, data, pictures, deadline_s) if "crashes" in found.text else found


async def _decode(codec: str, data: bytes, pictures: int, deadline_s: float) -> Decoded:
    pipe = asyncio.subprocess.PIPE
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", _MODULE, codec, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        return Decoded(Verdict.UNDECIDED, f"no process for a decoder: {error.strerror}")
    try:
        said, _ = await asyncio.wait_for(child.communicate(data), deadline_s)
    except TimeoutError:
        return Decoded(Verdict.UNDECIDED, f"decoding did not end within {deadline_s:.0f} s")
    except (BrokenPipeError, ConnectionResetError):
        return Decoded(Verdict.UNDECIDED, "the decoder left before it had everything")
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.communicate()  # reap it, and let go of the pipes
    return _heard(child.returncode or 0, said.decode(errors="replace").strip(), pictures)


def _heard(code: int, said: str, pictures: int) -> Decoded:
    if code == NO_DECODER:
        return Decoded(Verdict.NO_DECODER, said)
    if -code in _CRASHES:
        return Decoded(Verdict.DAMAGED, f"a decoder crashes at the pictures (signal {-code})")
    try:
        counted = Counted(**json.loads(said)) if code == 0 else None
    except (ValueError, TypeError):
        counted = None
    if counted is None:
        return Decoded(Verdict.UNDECIDED, f"the decoder ended with {code}: {said[-200:]}")
    return judge(counted, pictures)
