"""The views that decode, one for each stream that is shown somewhere, whatever cells show it. GUI thread only.

Cells come and go with the layout; a view stays while any of them shows it, and a little longer, so that no change of
layout restarts anything.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QImage

from evertape.config.desktop import DesktopSettings, Streaming
from evertape.media.view.terms import (
    FallbackActivated,
    FallbackStrategy,
    FirstPicture,
    Frame,
    PrimaryRecovered,
    SinkKind,
    ViewEvent,
    ViewOptions,
)
from evertape_desktop.context import Context
from evertape_desktop.video.frames import FrameSlot, Ticker
from evertape_desktop.video.native import can_overlay

if TYPE_CHECKING:
    from evertape.media.view.view import View

log = logging.getLogger(__name__)

GRACE_S = 20.0
"""A view that no cell shows any more goes on for so long: a glance at one camera, a page forth and back."""

HOLD_S = 2.0
"""The last picture stays for so long while a view is made anew, before the card is shown."""

_JOIN_S = 2.0
AGAIN_S = 10.0
"""A view that ended by itself, because this machine lacks something, is tried again after so long."""

WINDOW_S = 10.0
"""A view that has ended may go on drawing into its window for so long."""

Key = tuple[str, str]
"""Camera and stream."""


class Watcher(Protocol):
    """Whoever shows a view's pictures."""

    def wanted_size(self) -> tuple[int, int]:
        """In pixels of the screen."""

    def show_picture(self, image: QImage) -> None:
        """A picture of the camera."""

    def show_away(self) -> None:
        """There is none."""

    def show_overlay(self) -> None:
        """The camera's pictures are drawn into ``overlay_window``."""

    def overlay_window(self) -> int:
        """The number of a window to draw into, which outlives the view by ``WINDOW_S``; 0: there is none."""


class LiveView(QObject):
    """One view and those who show it.

    Its pictures become images (``frames``), or GStreamer draws them into a window by itself (``overlay``, X11).

    Args:
        key: camera and stream.
        make: makes the decoding view, given its options and whom to tell what happens.
        ticker: whom to wake for new pictures.
    """

    _told = Signal(object)

    def __init__(
        self,
        key: Key,
        make: Callable[[ViewOptions, Callable[[ViewEvent], None]], View],
        ticker: Ticker,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.key = key
        self.image: QImage | None = None
        """The newest picture of the camera; ``None`` while it is away."""
        self.problem = ""
        """Why nothing can be shown, if that is so."""
        self.is_overlaid = False
        """The camera's pictures are drawn into a window of the display; no image is made of them."""
        self.has_window = False
        """It was made to draw into a window."""
        self.watchers: list[Watcher] = []
        self.left_at = 0.0
        self._wake = ticker.wake
        self.slot = FrameSlot(self._wake)
        self._telling = threading.Lock()
        self._make = make
        self._hold_until = 0.0
        self._failed_at = 0.0
        self._view: View | None = None
        self._size: tuple[int, int] | None = None
        self._round = 0
        self._told.connect(self._on_event, Qt.ConnectionType.QueuedConnection)

    @property
    def view(self) -> View | None:
        """What decodes."""
        return self._view

    def open(self, streaming: Streaming) -> View | None:
        """Decode by these settings, in place of what may be there; returns the view that ends because of it."""
        old, self._view = self._view, None
        if old is not None:
            old.ask_to_stop()
        self._hold_until = time.monotonic() + HOLD_S
        self.slot.close()
        self.slot = FrameSlot(self._wake)
        self._size = self._wanted()
        with self._telling:
            self._round += 1
        window = self.watchers[0].overlay_window() if self.watchers and overlays(streaming) else 0
        self.has_window = window != 0
        options = ViewOptions(
            decoder=streaming.decoder,
            sink=SinkKind.OVERLAY if window else SinkKind.FRAMES,
            on_frame=self.slot.put,
            frame_format="BGRx",
            frame_size=self._size,
            window=window,
        )
        self._view = self._make(options, partial(self._tell, self._round, bool(window)))
        self._view.start()
        return old

    def redraw(self) -> None:
        """The window that is drawn into has another size, or lost what was in it."""
        if self._view is not None:
            self._view.fit(self._size)

    def end(self) -> View | None:
        """Nobody tells it anything from now on; returns the view that ends."""
        old, self._view = self._view, None
        with self._telling:
            self._round += 1
        self.slot.close()
        if old is not None:
            old.ask_to_stop()
        return old

    def fit(self) -> None:
        """The cells' sizes have changed."""
        size = self._wanted()
        if size is not None and size != self._size and self._view is not None:
            self._size = size
            self._view.fit(size)

    def deliver(self) -> bool:
        """Give a picture that waits to those who show it; whether there is another."""
        frame, more = self.slot.take()
        if frame is not None:
            self._show(frame)
        return more

    def look(self, now: float) -> bool:
        """See whether it still runs; whether it is to be opened again."""
        if self._view is None or self._view.error is None:
            self.problem = "" if self._view is not None else self.problem
            return False
        if not self.problem:
            self.problem, self._failed_at = str(self._view.error), now
            self._away()
        return now - self._failed_at >= AGAIN_S

    def _tell(self, round_: int, is_overlay: bool, event: ViewEvent) -> None:
        with self._telling:
            # Else the pictures themselves tell. ``end`` has said that this object may be gone.
            if is_overlay and round_ == self._round:
                self._told.emit((round_, event))

    def _on_event(self, told: tuple[int, ViewEvent]) -> None:
        round_, event = told
        if round_ != self._round:
            return
        if isinstance(event, FirstPicture | PrimaryRecovered):
            self.problem, self.image, self.is_overlaid = "", None, True
            for watcher in self.watchers:
                watcher.show_overlay()
        elif isinstance(event, FallbackActivated):
            self._away()

    def _show(self, frame: Frame) -> None:
        if frame.fallback:
            if time.monotonic() >= self._hold_until:
                self._away()
            return
        self.problem, self.is_overlaid = "", False
        self._hold_until = 0.0
        # The image refers to these bytes, and PySide keeps them for as long as it lives.
        self.image = QImage(frame.data, frame.width, frame.height, frame.width * 4, QImage.Format.Format_RGB32)
        for watcher in self.watchers:
            watcher.show_picture(self.image)

    def _away(self) -> None:
        self.image, self.is_overlaid = None, False
        for watcher in self.watchers:
            watcher.show_away()

    def _wanted(self) -> tuple[int, int] | None:
        sizes = [watcher.wanted_size() for watcher in self.watchers]
        sizes = [size for size in sizes if min(size) > 0]
        return (max(w for w, _ in sizes), max(h for _, h in sizes)) if sizes else self._size


class ViewPool(QObject):
    """See the module.

    Args:
        context: for the recorder and the settings.
    """

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._views: dict[Key, LiveView] = {}
        self._ending: list[View] = []
        self._streaming = context.settings.now.streaming
        self._is_closed = False
        self.ticker = Ticker(self._tick, self)
        self._timer = QTimer(self, interval=500)
        self._timer.timeout.connect(self._look)
        context.settings.changed.connect(self._settings_changed)

    @property
    def views(self) -> dict[Key, LiveView]:
        """Those that decode now."""
        return dict(self._views)

    def show(self, key: Key, watcher: Watcher) -> LiveView:
        """Have this shown by ``watcher``, until ``leave``; what is there already is in ``LiveView.image``."""
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = LiveView(key, partial(self._make, key), self.ticker, self)
        if watcher not in view.watchers:
            view.watchers.append(watcher)
        # Made anew while nobody showed it, it had no window to draw into.
        if not self._is_closed and (view.view is None or view.has_window is not overlays(self._streaming)):
            self._reopen(view)
            self._timer.start()
        view.fit()
        return view

    def leave(self, view: LiveView, watcher: Watcher) -> None:
        """``watcher`` shows something else now."""
        if watcher in view.watchers:
            view.watchers.remove(watcher)
        view.left_at = time.monotonic()
        view.fit()

    def drop(self, camera_id: str) -> None:
        """The camera is gone: end its views at once."""
        for key in [key for key in self._views if key[0] == camera_id]:
            self._end(self._views[key])

    def close(self) -> None:
        """End every view, and wait until their threads have ended; nothing is decoded after."""
        self._is_closed = True
        self._timer.stop()
        for view in list(self._views.values()):
            self._end(view)
        for old in self._ending:
            old.stop()
        if self._ending and overlays(self._streaming):
            from evertape.media.gst.lib import join_disposals

            join_disposals(_JOIN_S)  # before their windows go
        self._ending.clear()

    # -- inside ---------------------------------------------------------------------------------------------

    def _make(self, key: Key, options: ViewOptions, on_event: Callable[[ViewEvent], None]) -> View:
        from evertape.media.view.strategies import view_class

        source = partial(self._context.backend.source, *key)
        return view_class(_strategy(self._streaming.fallback))(source, options, on_event)

    def _tick(self) -> bool:
        waiting = [view.deliver() for view in self._views.values()]
        return any(waiting)

    def _look(self) -> None:
        now = time.monotonic()
        for view in list(self._views.values()):
            if not view.watchers and now - view.left_at >= GRACE_S:
                self._end(view)
            elif view.look(now):
                self._reopen(view)
        self._ending = [old for old in self._ending if old.is_alive]

    def _reopen(self, view: LiveView) -> None:
        old = view.open(self._streaming)
        if old is not None:
            self._ending.append(old)

    def _end(self, view: LiveView) -> None:
        del self._views[view.key]
        old = view.end()
        if old is not None:
            self._ending.append(old)
        view.deleteLater()

    def _settings_changed(self, settings: DesktopSettings) -> None:
        new = settings.streaming
        changed, self._streaming = new != self._streaming, new
        if changed and not self._is_closed:
            for view in self._views.values():
                self._reopen(view)


def overlays(streaming: Streaming) -> bool:
    """Whether GStreamer is to draw by itself; only where it was asked for (docs/design/desktop.md)."""
    return streaming.output == "overlay" and can_overlay()


def _strategy(name: str) -> FallbackStrategy:
    try:
        return FallbackStrategy(name)
    except ValueError:
        log.warning("[DESKTOP] there is no fallback strategy %r: input-selector is used", name)
        return FallbackStrategy.INPUT_SELECTOR
