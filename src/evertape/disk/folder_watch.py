"""inotify on one volume: its directory, and the folders in which files are being written.

A deleted file goes on taking data, and a deleted directory's descriptor goes on working; without this the first is
noticed by the next sync and the second by the next probe.

Threads: the loop's; watches are added on the session's workers, because that may block in the file system.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterable
from functools import partial

from evertape.disk import inotify as bits
from evertape.disk.inotify import Inotify, InotifyEvent
from evertape.disk.lanes import Lane
from evertape.disk.volume import Session

log = logging.getLogger(__name__)

_ROOT = bits.MOVE_SELF | bits.ATTRIB | bits.UNMOUNT | bits.ONLYDIR
_PARENT = ".."
_FOLDER = bits.DELETE | bits.MOVED_FROM | bits.MOVE_SELF | bits.ONLYDIR


class FolderWatch:
    """Of one session.

    Args:
        session: the opened volume.
        on_root: something happened to the volume's own directory; told the bits of ``disk/inotify.py``.
        on_entry: told ``(folder, name, what)``: an entry of a watched folder was deleted or moved away; with an empty
            name the folder itself was moved.

    Raises:
        OSError: the system has no inotify, or none left for us.
    """

    def __init__(
        self, session: Session, on_root: Callable[[int], None], on_entry: Callable[[str, str, str], None]
    ) -> None:
        self.session = session
        self._on_root = on_root
        self._on_entry = on_entry
        self._inotify = Inotify()
        self._own_name = os.path.basename(session.handle.path.rstrip("/"))
        self._lane: Lane = session.lanes.lane()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._inotify.fileno(), self._readable)
        self._folders: dict[int, str] = {}
        self._watched: set[str] = set()
        self._pending = 0
        self._early: list[InotifyEvent] = []
        self._closed = False
        self._watch("", _ROOT)
        if not session.handle.is_mount:
            # A directory that somebody has open, as we have, does not say itself that it was deleted.
            self._watch(_PARENT, _FOLDER)

    def follow(self, folders: Iterable[str]) -> None:
        """Watch these folders (relative to the volume) and no others."""
        wanted = set(folders)
        for folder in wanted - self._watched:
            self._watch(folder, _FOLDER)
        for watch, folder in list(self._folders.items()):
            if folder not in ("", _PARENT, *wanted):
                del self._folders[watch]
                self._watched.discard(folder)
                self._lane.submit("leaving a folder unwatched", partial(self._inotify.remove, watch))

    def close(self) -> None:
        """End; does not wait for anything."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._inotify.fileno())
        self._close_when_idle()

    # -- inside

    def _watch(self, folder: str, mask: int) -> None:
        self._watched.add(folder)
        self._pending += 1
        # By the verified descriptor, not by the path, which may lead elsewhere by now.
        path = f"/proc/self/fd/{self.session.handle.root}/{folder}"
        job = self._lane.submit("watching a folder", partial(self._inotify.add, path, mask))
        job.add_done_callback(partial(self._added, folder))

    def _added(self, folder: str, job: asyncio.Future[int]) -> None:
        self._pending -= 1
        error = None if job.cancelled() else job.exception()
        if error is None and not job.cancelled():
            self._folders[job.result()] = folder
        else:
            if isinstance(error, FileNotFoundError):
                self._watched.discard(folder)  # once it is there again; after any other error it stays unwatched
            log.debug("[DISK] the folder %r is not watched: %s", folder, error)
        if self._closed:
            self._close_when_idle()
            return
        if folder in ("", _PARENT):
            self._on_root(bits.ATTRIB)  # it may have been gone before we watched; the watch would not say so
        if self._pending:
            return
        early, self._early = self._early, []
        self._take(early)

    def _close_when_idle(self) -> None:
        if not self._pending and self._inotify.fileno() >= 0:
            # Letting go of a deleted directory may be the last reference to it, and wait for the file system.
            threading.Thread(target=self._inotify.close, name="inotify", daemon=True).start()

    def _readable(self) -> None:
        events = self._inotify.read()
        if self._pending:
            # They may be of a watch whose number we have not heard yet.
            self._early += events
        else:
            self._take(events)

    def _take(self, events: list[InotifyEvent]) -> None:
        for event in events:
            folder = self._folders.get(event.watch)
            if folder is None or self._closed:
                continue
            if event.mask & bits.IGNORED:
                del self._folders[event.watch]
                self._watched.discard(folder)
            elif not folder or (folder == _PARENT and event.name == self._own_name):
                self._on_root(event.mask)
            elif folder == _PARENT:
                continue  # a neighbour's
            elif event.mask & bits.DELETE:
                self._on_entry(folder, event.name, "was deleted")
            elif event.mask & (bits.MOVED_FROM | bits.MOVE_SELF):
                self._on_entry(folder, event.name, "was moved away")
