"""``python -m evertape.media.gst.decode_sample CODEC < MP4``: prints ``Counted`` as JSON. See ``decode_sample``."""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

from evertape.errors import SetupError
from evertape.media.decode_check import NO_DECODER
from evertape.media.decode_sample import DEADLINE_S, Counted

_CPU_S = 60
"""Of processor time, then the kernel ends it, whoever started it or not."""


class _Complaints:
    """What FFmpeg says while it decodes, told apart by the picture it had been given last.

    It conceals damage, and neither the pictures nor the bus tell; its log does.
    """

    def __init__(self) -> None:
        self.given = 0
        self.of_key = 0

    def listen(self) -> None:
        """From now on; with one thread a decoder complains of a picture before it takes the next one."""
        from evertape.media.gst.lib import Gst

        Gst.debug_set_active(True)
        Gst.debug_set_default_threshold(Gst.DebugLevel.NONE)
        Gst.debug_remove_log_function(None)
        Gst.debug_add_log_function(self._heard)
        Gst.debug_set_threshold_from_string("libav:4", False)

    def _heard(
        self, category: Any, level: Any, _file: str, _function: str, _line: int, _of: Any, said: Any, *_: Any
    ) -> None:
        from evertape.media.gst.lib import Gst

        if category.get_name() != "libav" or self.given > 1:
            return
        # "concealing 12 DC, 12 AC, 12 MV errors in I frame" is how much of the picture was made up.
        if level <= Gst.DebugLevel.ERROR or (said.get() or "").startswith("concealing"):
            self.of_key += 1

    def next_picture(self) -> None:
        """The decoder is about to be given one."""
        self.given += 1


def counted(codec: str, data: bytes) -> Counted:
    """Decode ``data``. Raises ``SetupError`` if something is not installed."""
    from evertape.media.gst.decode_file import decoded
    from evertape.media.gst.lib import Gst

    complaints, broken = _Complaints(), [0]

    def came(buffer: Any) -> None:
        broken[0] += bool(buffer.has_flags(Gst.BufferFlags.CORRUPTED))

    complaints.listen()
    fd = os.memfd_create("sample")
    os.write(fd, data)
    try:
        pictures = decoded(
            codec, f"/proc/self/fd/{fd}", timeout_s=DEADLINE_S, given=complaints.next_picture, came=came, threads=1
        )
    except ValueError:
        pictures = 0  # it gives up if nothing at all comes out
    return Counted(pictures, broken[0], complaints.of_key > 0)


def main() -> int:
    """Read, count, print, end."""
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S + 5))
    data = sys.stdin.buffer.read()
    try:
        sys.stdout.write(f"{json.dumps(counted(sys.argv[1], data)._asdict())}\n")
    except SetupError as error:
        sys.stdout.write(f"{error}\n")
        return NO_DECODER
    return 0


if __name__ == "__main__":
    sys.exit(main())
