"""The lab's cameras: real RTSP, numbered pictures, one process for any number of them.

``python -m evertape_lab.camera --count 4 --port 8554`` serves ``rtsp://127.0.0.1:8554/cam_01`` …
and a small stream at ``…/cam_01/sub``. One JSON line on standard output says that it is
ready. Lines on standard input control it: ``pause NAME`` and ``resume NAME`` (RTP stops, the
session lives), ``mute NAME`` and ``unmute NAME`` (the sound alone), ``eos NAME``, ``clock NAME SECONDS`` (its wall
clock is that far ahead from now on), ``jump NAME SECONDS`` (its time stamps jump); ``NAME`` may be ``*``.
Each is answered by a line; others tell of frames that were left out (``not_sent``) and of requests (``asked``).
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from evertape.errors import EvertapeError
from evertape.types import NS_PER_S, Codec
from evertape_lab.fleet import PASSWORD_VARIABLE, LabCameras
from evertape_lab.loop import AudioLoop, LoopParams, VideoLoop, load_audio_loop, load_video_loop
from evertape_lab.say import say

if TYPE_CHECKING:
    from evertape_lab.server import LabServer

__all__ = ["LabCameras", "add_arguments", "main"]

SUB_WIDTH = 320
SUB_MAX_KBIT = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the camera's options to ``parser``."""
    parser.add_argument("--count", type=int, default=1, help="how many cameras (default 1)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8554, help="TCP port, 0 for a free one (default 8554)")
    parser.add_argument("--codec", choices=["h264", "h265"], default="h264")
    parser.add_argument("--size", type=_size, default=(640, 360), metavar="WxH", help="default 640x360")
    parser.add_argument("--fps", type=int, default=25, help="frames per second (default 25)")
    parser.add_argument("--gop", type=int, help="frames from key frame to key frame (default: one second)")
    parser.add_argument("--bitrate", type=int, default=1000, help="kbit/s (default 1000)")
    parser.add_argument("--bframes", type=int, default=0, help="B-frames in a row (default 0)")
    parser.add_argument("--audio", choices=["none", "aac", "pcma", "pcmu"], default="none")
    parser.add_argument("--user", help="require this user name …")
    parser.add_argument("--password", help=f"… and this password (default: ${PASSWORD_VARIABLE})")
    parser.add_argument("--auth", choices=["digest", "basic"], default="digest", help="how to ask for it")
    parser.add_argument("--name-prefix", default="cam_", help="default cam_, for cam_01, cam_02, …")
    parser.add_argument("--wraps-after", type=float, metavar="S", help="32-bit RTP time stamps wrap S seconds in")
    parser.add_argument("--expect-parent", action="store_true", help="stop at the end of standard input")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or, with ``--expect-parent``, the end of standard input.

    Returns:
        The exit code: 0 after a clean stop, 2 for options that make no sense, 4 if something is missing.
    """
    parser = argparse.ArgumentParser(prog="evertape lab camera", description="Simulated RTSP cameras.")
    add_arguments(parser)
    options = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, format="lab camera: %(message)s")
    try:
        params = video_params(options)
    except ValueError as wrong:
        parser.error(str(wrong))
    try:
        return _serve(options, params)
    except EvertapeError as error:
        print(f"lab camera: {error}", file=sys.stderr)
        return error.exit_code


def video_params(options: argparse.Namespace) -> LoopParams:
    """The main stream that ``options`` ask for; raises ``ValueError`` for what cannot be made."""
    if not 1 <= options.count <= 999:
        raise ValueError("--count must be 1 to 999")
    width, height = options.size
    return LoopParams(
        codec=Codec(options.codec),
        width=width,
        height=height,
        fps=options.fps,
        gop=options.gop or options.fps,
        bitrate=options.bitrate,
        bframes=options.bframes,
    )


def sub_params(main_stream: LoopParams) -> LoopParams:
    """The small stream beside ``main_stream``: same codec and rhythm, same shape, at most 320 wide."""
    width = min(SUB_WIDTH, main_stream.width)
    height = max(64, main_stream.height * width // main_stream.width // 2 * 2)
    return LoopParams(
        codec=main_stream.codec,
        width=width,
        height=height,
        fps=main_stream.fps,
        gop=main_stream.gop,
        bitrate=max(16, min(SUB_MAX_KBIT, main_stream.bitrate // 4)),
    )


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    try:
        return int(width), int(height)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 640x360") from None


def _serve(options: argparse.Namespace, params: LoopParams) -> int:
    # Here, not at the top: only the process that serves needs GStreamer.
    from evertape_lab.gstreamer import GLib
    from evertape_lab.pacing import MAX_SLOTS, Pacer, Rhythm
    from evertape_lab.server import LabServer, Login

    loops = load_video_loop(params), load_video_loop(sub_params(params))
    audio = None if options.audio == "none" else load_audio_loop(options.audio)
    pacer = Pacer(Rhythm(params.fps, min(MAX_SLOTS, options.count)))
    login = None
    if options.user is not None:
        login = Login(options.user, options.password or os.environ.get(PASSWORD_VARIABLE, ""), options.auth)
    server = LabServer(options.host, options.port, pacer, login)
    names = [f"{options.name_prefix}{number:02d}" for number in range(1, options.count + 1)]
    _add_mounts(server, names, loops, audio, options.wraps_after)
    port = server.attach()
    pacer.start()

    main_loop = GLib.MainLoop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, signum, main_loop.quit)
    # Through the loop itself: a quit before it runs would be lost.
    at_end = (lambda: GLib.idle_add(main_loop.quit)) if options.expect_parent else None
    control = Control(server, names, at_end)
    threading.Thread(target=control.run, name="control", daemon=True).start()
    base = f"rtsp://{options.host}:{port}"
    urls = [f"{base}/{name}" for name in names]
    say(ready=True, urls=urls, sub_urls=[f"{url}/sub" for url in urls])
    main_loop.run()
    server.close()
    pacer.stop()
    return 0


def _add_mounts(
    server: LabServer,
    names: Sequence[str],
    loops: tuple[VideoLoop, VideoLoop],
    audio: AudioLoop | None,
    wraps_after_s: float | None,
) -> None:
    from evertape_lab.pacing import MAX_SLOTS
    from evertape_lab.server import Mount

    for index, name in enumerate(names):
        slot = index % min(MAX_SLOTS, len(names))
        server.add(Mount(f"/{name}", name, slot, loops[0], audio, wraps_after_s))
        server.add(Mount(f"/{name}/sub", f"{name}/sub", slot, loops[1]))


class Control:
    """Reads commands from standard input on a thread of its own, and answers each with one JSON line.

    Args:
        server: what is controlled.
        names: the cameras.
        at_end: called at the end of input, if given.
    """

    def __init__(self, server: LabServer, names: Sequence[str], at_end: Callable[[], object] | None) -> None:
        self._names = names
        self._at_end = at_end
        self._verbs: dict[str, Callable[[str], None]] = {
            "pause": lambda name: server.set_paused(name, True),
            "resume": lambda name: server.set_paused(name, False),
            "mute": lambda name: server.set_muted(name, True),
            "unmute": lambda name: server.set_muted(name, False),
            "eos": server.end_streams,
        }
        self._amounts: dict[str, Callable[..., None]] = {"clock": server.set_clock, "jump": server.jump}

    def run(self) -> None:
        """Obey until the input ends."""
        for line in sys.stdin:
            say(command=line.strip(), ok=self._obey(line.strip()))
        if self._at_end is not None:
            self._at_end()

    def _obey(self, command: str) -> bool:
        verb, _, rest = command.partition(" ")
        name, _, amount = rest.partition(" ")
        cameras = self._names if name == "*" else [name]
        if not set(cameras) <= set(self._names):
            return False
        try:
            by_ns = int(float(amount or 0) * NS_PER_S)
            deed = partial(self._amounts[verb], by_ns=by_ns) if amount else self._verbs[verb]
        except (KeyError, ValueError):
            return False
        for camera in cameras:
            deed(camera)
        return True


if __name__ == "__main__":
    sys.exit(main())
