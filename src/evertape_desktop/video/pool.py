"""The views that decode, one for each stream that is shown somewhere, whatever cells show it. GUI thread only.

Cells come and go with the layout; a view stays while any of them shows it, and a little longer, so that no change of
layout restarts anything.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QImage

from evertape.config.desktop import DesktopSettings, Streaming
from evertape.media.view.terms import FallbackStrategy, Frame, SinkKind, ViewOptions
from evertape_desktop.context import Context
from evertape_desktop.video.frames import FrameSlot, Ticker

if TYPE_CHECKING:
    from evertape.media.view.view import View

log = logging.getLogger(__name__)

GRACE_S = 20.0
"""A view that no cell shows any more goes on for so long: a glance at one camera, a page forth and back."""

HOLD_S = 2.0
"""The last picture stays for so long while a view is made anew, before the card is shown."""

AGAIN_S = 10.0
"""A view that ended by itself, because this machine lacks something, is tried again after so long."""

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


class LiveView(QObject):
    """One view and those who show it.

    Args:
        key: camera and stream.
        make: makes the decoding view, given its options.
        ticker: whom to wake for new pictures.
    """

    def __init__(
        self, key: Key, make: Callable[[ViewOptions], View], ticker: Ticker, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.key = key
        self.image: QImage | None = None
        """The newest picture of the camera; ``None`` while it is away."""
        self.problem = ""
        """Why nothing can be shown, if that is so."""
        self.watchers: list[Watcher] = []
        self.left_at = 0.0
        self.slot = FrameSlot(ticker.wake)
        self._make = make
        self._hold_until = 0.0
        self._failed_at = 0.0
        self._view: View | None = None
        self._size: tuple[int, int] | None = None

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
        # Pictures of the old view that are still on their way reach a slot that nobody reads.
        self.slot = FrameSlot(self.slot._wake)
        self._size = self._wanted()
        options = ViewOptions(
            decoder=streaming.decoder,
            sink=SinkKind.FRAMES,
            on_frame=self.slot.put,
            frame_format="BGRx",
            frame_size=self._size,
            title="",
        )
        self._view = self._make(options)
        self._view.start()
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

    def _show(self, frame: Frame) -> None:
        if frame.fallback:
            if time.monotonic() >= self._hold_until:
                self._away()
            return
        self.problem = ""
        self._hold_until = 0.0
        # The image refers to these bytes, and PySide keeps them for as long as it lives.
        self.image = QImage(frame.data, frame.width, frame.height, frame.width * 4, QImage.Format.Format_RGB32)
        for watcher in self.watchers:
            watcher.show_picture(self.image)

    def _away(self) -> None:
        self.image = None
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
        if view.view is None and not self._is_closed:
            view.open(self._streaming)
            self._timer.start()
        view.fit()
        return view

    def leave(self, view: LiveView, watcher: Watcher) -> None:
        """``watcher`` shows something else now."""
        if watcher in view.watchers:
            view.watchers.remove(watcher)
        view.left_at = time.monotonic()
        view.fit()

    def close(self) -> None:
        """End every view, and wait until their threads have ended; nothing is decoded after."""
        self._is_closed = True
        self._timer.stop()
        for view in list(self._views.values()):
            self._end(view)
        for old in self._ending:
            old.stop()
        self._ending.clear()

    # -- inside ---------------------------------------------------------------------------------------------

    def _make(self, key: Key, options: ViewOptions) -> View:
        from evertape.media.view.strategies import view_class

        source = partial(self._context.backend.source, *key)
        return view_class(_strategy(self._streaming.fallback))(source, options)

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
        if view.view is not None:
            view.view.ask_to_stop()
            self._ending.append(view.view)
        view.slot.clear()
        view.deleteLater()

    def _settings_changed(self, settings: DesktopSettings) -> None:
        new = settings.streaming
        changed = (new.fallback, new.decoder) != (self._streaming.fallback, self._streaming.decoder)
        self._streaming = new
        if changed and not self._is_closed:
            for view in self._views.values():
                self._reopen(view)


def _strategy(name: str) -> FallbackStrategy:
    try:
        return FallbackStrategy(name)
    except ValueError:
        log.warning("[DESKTOP] there is no fallback strategy %r: input-selector is used", name)
        return FallbackStrategy.INPUT_SELECTOR
