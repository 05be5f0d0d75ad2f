"""Plays a file, or any URI that is no camera. Here, and only here, a buffer that runs low pauses the picture.

What a live view does not show now is lost, so it never waits; a file waits for us. Threads: the owner calls everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evertape.errors import SetupError
from evertape.media.gst.lib import Gst, make
from evertape.media.view.fallback import link_video
from evertape.media.view.output import Output
from evertape.media.view.screen import Stage, note_message
from evertape.media.view.terms import ViewOptions, ViewStats
from evertape.media.view.view import WindowClosedError
from evertape.redact import redact

_ROUND_S = 0.02


class FilePlayer:
    """One playing of one file; lives once.

    Args:
        location: a path or a URI.
        options: which sink; the rest does not apply.
        on_buffering: is told each percentage that a buffer reaches.

    Raises:
        SetupError: there is no such file, or GStreamer lacks something.
    """

    def __init__(
        self, location: str, options: ViewOptions | None = None, on_buffering: Callable[[int], None] | None = None
    ) -> None:
        if "://" not in location and not Path(location).is_file():
            raise SetupError(f"there is no file {location}")
        uri = location if "://" in location else Path(location).absolute().as_uri()
        self.stats = ViewStats()
        self.paused = False
        """It waits for a buffer to fill."""
        self.ended = False
        self._target = Gst.State.PAUSED
        self._on_buffering = on_buffering
        self._live = False
        self._stage = Stage(Output(options or ViewOptions(), lambda _pts: False))
        source = make("uridecodebin", uri=uri, use_buffering=True)
        self._stage.pipeline.add(source)
        entry = self._stage.entry
        self._signal = (source, source.connect("pad-added", lambda _element, pad: link_video(pad, entry)))

    @property
    def pipeline(self) -> Any:
        """What runs underneath, for tests."""
        return self._stage.pipeline

    def start(self) -> None:
        """Begin to play; ``poll`` does the rest."""
        self._live = self._stage.pipeline.set_state(self._target) == Gst.StateChangeReturn.NO_PREROLL

    def poll(self) -> bool:
        """See to what happened; false once it has come to its end.

        Raises:
            SetupError: it cannot be played.
            WindowClosedError: a person closed the window.
        """
        level = None
        for message in self._stage.messages():
            match message.type:
                case Gst.MessageType.BUFFERING:
                    level = int(message.parse_buffering())
                    if self._on_buffering is not None:
                        self._on_buffering(level)
                case Gst.MessageType.EOS:
                    self.ended = True
                case Gst.MessageType.ERROR:
                    error, _debug = message.parse_error()
                    if message.src.has_as_ancestor(self._stage.output.sink):
                        raise WindowClosedError("the window was closed")
                    raise SetupError(f"it cannot be played: {redact(error.message)}")
                case _:
                    note_message(message)
        if level is not None:
            self.paused = level < 100 and not self._live
        self._follow()
        self._stage.output.count_into(self.stats)
        return not self.ended

    def run(self, seconds: float | None = None) -> None:
        """Play to the end, or for so long; raises as ``poll``."""
        until = None if seconds is None else time.monotonic() + seconds
        try:
            self.start()
            while self.poll() and (until is None or time.monotonic() < until):
                time.sleep(_ROUND_S)
        finally:
            self.stop()

    def stop(self) -> None:
        """Let go of everything. Call it once."""
        source, number = self._signal
        source.disconnect(number)
        self._stage.output.count_into(self.stats)
        self._stage.strike()

    def _follow(self) -> None:
        """Pause or go on, as the newest level of the buffer asks, once the last change of state is through.

        A pipeline that is told to play before it is paused, or to do the one while it is on its way to the other, stays
        between the two for ever now and then (GStreamer 1.22; measured under load: one file in thirty).
        """
        wanted = Gst.State.PAUSED if self.paused else Gst.State.PLAYING
        pipeline = self._stage.pipeline
        if wanted != self._target and pipeline.get_state(0)[0] != Gst.StateChangeReturn.ASYNC:
            self._target = wanted
            pipeline.set_state(wanted)
