"""Who has a session with which stream: one session for each in an installation, because cameras allow few.

A claim is an advisory lock on a small file per stream and address, in the installation's directory of sockets; its
text says who has it. The kernel lets go of it when its owner ends, however that happens. A second file per stream is
locked by a recorder that wants the stream: whoever else has it gives it up. Everything here may block on a file
system, so sessions have it done by ``claim_worker``; ``ClaimedSession`` is what uses it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from evertape.errors import UsageError
from evertape.ipc.places import run_dir, streams_dir
from evertape.media.rtsp.connection import ConnectionFailedError, endpoint_of
from evertape.media.rtsp.resolve import look_up
from evertape.redact import split_credentials

T = TypeVar("T")

_TEXT = 1024
_IDLE_S = 2.0
"""So long the thread waits for more to do; cameras of a recorder come one after the other."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who wants a stream, or has it.

    Args:
        who: for people: ``the service``, ``evertape view``.
        camera: the id, if it is a configured camera.
        records: it records, so everybody else gives way.
    """

    who: str
    camera: str = ""
    records: bool = False

    def __str__(self) -> str:
        return f"{self.who}, as camera {self.camera}" if self.camera else self.who


UNKNOWN = Claimant("another program of this installation")


@dataclass(frozen=True, slots=True)
class ClaimTerms:
    """What a session has to claim its stream with.

    Args:
        folder: ``evertape.ipc.places.streams_dir``; it is made if it is missing, the one around it is not.
        claimant: who it is.
    """

    folder: str
    claimant: Claimant


class Claim:
    """A stream, had. Let go of it once; the kernel does at the end of the process."""

    def __init__(self, locks: list[int], wishes: list[Path]) -> None:
        self._locks = locks
        self._wishes = wishes

    def is_wanted(self) -> bool:
        """A recorder of this installation waits for it."""
        return any(_is_locked(path) for path in self._wishes)

    def release(self) -> None:
        """Somebody else may have it."""
        locks, self._locks = self._locks, []
        for lock in locks:
            os.close(lock)


def stream_keys(url: str, addresses: Iterable[str]) -> list[str]:
    """Names of the files that stand for a stream: one for its host's name, one for each of its addresses. Pure.

    Raises:
        ConnectionFailedError: the URL leads nowhere.
    """
    bare = split_credentials(url)[0]
    endpoint, parts = endpoint_of(bare), urlsplit(bare)
    path = (parts.path + (f"?{parts.query}" if parts.query else "")).rstrip("/")
    hosts = {endpoint.host, *(address.partition("%")[0] for address in addresses)}
    return sorted(hashlib.blake2b(f"{h}|{endpoint.port}|{path}".encode(), digest_size=12).hexdigest() for h in hosts)


def take(terms: ClaimTerms, keys: Iterable[str]) -> Claim | Claimant:
    """Claim a stream, or say who has it. May block on the file system.

    Raises:
        OSError: the folder cannot be used.
    """
    folder = Path(terms.folder)
    folder.mkdir(mode=0o700, exist_ok=True)
    locks: list[int] = []
    wishes = []
    for key in keys:
        path = folder / f"{key}.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        locks.append(lock)
        wishes.append(folder / f"{key}.wish")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(lock)
            for each in locks:
                os.close(each)
            return holder
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps(asdict(terms.claimant)).encode(), 0)
    return Claim(locks, wishes)


def wish(terms: ClaimTerms, keys: Iterable[str]) -> Claim:
    """Have whoever has this stream give it up, until the wish is released. May block, may raise ``OSError``."""
    locks = [os.open(Path(terms.folder) / f"{key}.wish", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for key in keys]
    for lock in locks:
        with suppress(BlockingIOError):  # another recorder's will do as well
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return Claim(locks, [])


def claim_terms(data: Path, who: str, camera: str = "") -> ClaimTerms | None:
    """With what a program beside the service claims a stream; ``None`` where no installation could have it twice.

    Args:
        data: the data directory.
        who: for people.
        camera: the id, if it is a configured camera.
    """
    if not data.is_dir():
        return None
    try:
        run_dir(data, create=True)
    except (OSError, UsageError):
        return None  # of another user; so are its sessions
    return ClaimTerms(streams_dir(data), Claimant(who, camera))


def who_has(folder: str, url: str, timeout_s: float = 1.0) -> Claimant | None:
    """Who has this stream right now, if somebody has. Blocks for the name server, at most for so long."""
    try:
        endpoint = endpoint_of(split_credentials(url)[0])
    except ConnectionFailedError:
        return None
    lookup = look_up(endpoint.host, endpoint.port)
    lookup.done.wait(timeout_s)
    addresses = [name[0] for _, name in lookup.result] if lookup.done.is_set() else []
    for key in stream_keys(url, addresses):
        path = Path(folder) / f"{key}.lock"
        if _is_locked(path):
            with suppress(OSError):
                lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    return _holder(lock)
                finally:
                    os.close(lock)
    return None


def _is_locked(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _holder(lock: int) -> Claimant:
    try:
        return Claimant(**json.loads(os.pread(lock, _TEXT, 0)))
    except (OSError, ValueError, TypeError):
        return UNKNOWN  # it has not written its name yet, or is of another version


class Job(Generic[T]):
    """Something that is done on the worker's thread; ``result`` or ``error`` counts once ``done``."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self.done = threading.Event()
        self.result: T | None = None
        self.error: OSError | None = None

    def run(self) -> None:
        """On the worker's thread."""
        try:
            self.result = self._work()
        except OSError as error:
            self.error = error
        finally:
            self.done.set()


class _Worker:
    """One daemon thread while there is something to do: whoever hangs on a disk hangs there alone."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job[object]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[], T]) -> Job[T]:
        """Have it done some time soon; never blocks, safe from any thread."""
        job = Job(work)
        with self._lock:
            self._jobs.put(job)  # type: ignore[arg-type]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="evertape claims", daemon=True)
                self._thread.start()
        return job

    def _run(self) -> None:
        while True:
            try:
                self._jobs.get(timeout=_IDLE_S).run()
            except queue.Empty:
                with self._lock:
                    if self._jobs.empty():
                        self._thread = None
                        return


claim_worker = _Worker()
"""Of this process."""
