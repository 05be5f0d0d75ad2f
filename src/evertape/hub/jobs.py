"""Exports: one after the other, each in a process of its own, with progress; what is finished is kept for a day.

Threads: the owner's loop; folders are made and removed in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from evertape.clock import Clock
from evertape.errors import EvertapeError
from evertape.evidence.verify import LIST
from evertape.hub.failure import HubError
from evertape.hub.work import run
from evertape.types import NS_PER_S

log = logging.getLogger(__name__)

KEPT_NS = 24 * 3600 * NS_PER_S
LONGEST_S = 6 * 3600.0
MOST = 50
"""Jobs there may be, finished ones included."""
_NOTE = "job.json"


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass
class Job:
    """One export.

    Args:
        id: of the job; its folder is called so.
        owner: whose it is.
        cameras: their ids.
        start: UTC ns.
        end: UTC ns.
        bundle: with what proves that nothing was changed.
        created: UTC ns.
        options: of ``NewExport``, passed on.
        state: how far it is.
        done: bytes copied.
        total: bytes there will be; 0: not known yet.
        file: the name of what came of it.
        bytes: of that.
        notes: what a person should know of it: what was left out, or is damaged.
        error: why it failed.
        hint: what a person can do.
        finished: UTC ns.
    """

    id: str
    owner: str
    cameras: list[str]
    start: int
    end: int
    bundle: bool
    created: int
    options: dict[str, bool] = field(default_factory=dict)
    state: JobState = JobState.WAITING
    done: int = 0
    total: int = 0
    file: str = ""
    bytes: int = 0
    notes: list[str] = field(default_factory=list)
    error: str = ""
    hint: str = ""
    finished: int = 0

    @property
    def over(self) -> bool:
        """Nothing more happens to it."""
        return self.state in (JobState.DONE, JobState.FAILED)


Order = Callable[[Job], Awaitable[Mapping[str, Any]]]
"""Makes what ``work_export`` is told, when its turn has come."""


class Exports:
    """See the module.

    Args:
        folder: where they are put.
        order: see there.
        clock: for when.
    """

    def __init__(self, folder: Path, order: Order, clock: Clock) -> None:
        self._folder = folder
        self._order = order
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(1)
        self._loaded = False
        self._loading = asyncio.Lock()

    async def list(self) -> list[Job]:
        """All there are, the newest first; those of yesterday go."""
        await self._load()
        limit = self._clock.utc_ns() - KEPT_NS
        for job in [job for job in self._jobs.values() if job.over and job.finished < limit]:
            await self.remove(job.id)
        return sorted(self._jobs.values(), key=lambda job: job.created, reverse=True)

    async def get(self, id_: str) -> Job | None:
        """One of them."""
        await self._load()
        return self._jobs.get(id_)

    async def add(self, job: Job) -> Job:
        """Begin one, when its turn has come. Raises ``HubError`` if there are too many."""
        if len(await self.list()) >= MOST:
            raise HubError(429, "too_many_exports", f"there are {MOST} exports already", hint="delete some", headers={})
        self._jobs[job.id] = job
        self._tasks[job.id] = asyncio.get_running_loop().create_task(self._run(job), name=f"export {job.id}")
        return job

    async def remove(self, id_: str) -> bool:
        """Cancel it, and delete what came of it."""
        await self._load()
        job = self._jobs.pop(id_, None)
        if job is None:
            return False
        task = self._tasks.pop(id_, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(shutil.rmtree, self._folder / id_, True)
        return True

    def path(self, job: Job) -> Path:
        """Where what came of it lies."""
        return self._folder / job.id / job.file

    def list_path(self, job: Job) -> Path:
        """Where the list with its hash lies."""
        return self._folder / job.id / f"{job.file}{LIST}"

    async def close(self) -> None:
        """Give up what is under way; its leftovers go at the next start."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    # -- inside ---------------------------------------------------------------------------------------------

    async def _load(self) -> None:
        async with self._loading:
            if not self._loaded:
                self._loaded = True
                for job in await asyncio.to_thread(_load, self._folder):
                    self._jobs.setdefault(job.id, job)

    async def _run(self, job: Job) -> None:
        outcome: dict[str, Any]
        try:
            async with self._turn:
                outcome = await self._work(job)
        except EvertapeError as error:
            outcome = _failed(error.what, error.hint)
        except OSError as error:
            outcome = _failed(f"{error.filename or 'the disk'}: {error.strerror or error}")
        except Exception:
            # A job's edge.
            log.exception("[HUB] a mistake in the export %s", job.id)
            outcome = _failed("this is a mistake in Evertape; the log of the hub says more")
        over = replace(job, **outcome, finished=int(self._clock.utc_ns()))
        # It is over once its folder is as it will stay.
        with contextlib.suppress(OSError):
            await asyncio.to_thread(_settle, self._folder / job.id, over)
        self._tasks.pop(job.id, None)
        if job.id in self._jobs:
            self._jobs[job.id] = over

    async def _work(self, job: Job) -> dict[str, Any]:
        job.state = JobState.RUNNING
        folder = self._folder / job.id
        order = dict(await self._order(job)) | {"folder": str(folder)}
        await asyncio.to_thread(_make, folder)

        def progress(said: dict[str, Any]) -> None:
            job.done, job.total = int(said["done"]), int(said["total"])

        result = await run(
            "evertape.hub.work_export", order, timeout_s=LONGEST_S, progress=progress, slots=asyncio.Semaphore(1)
        )
        total = max(1, job.total)
        about = {name: result[name] for name in ("file", "bytes", "notes")}
        return {"state": JobState.DONE, "done": total, "total": total, **about}


def _failed(error: str, hint: str = "") -> dict[str, Any]:
    return {"state": JobState.FAILED, "error": error, "hint": hint}


def new_id() -> str:
    """For a job: nobody can guess it."""
    return uuid.uuid4().hex


def _make(folder: Path) -> None:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _settle(folder: Path, job: Job) -> None:
    """Write down what came of it; of one that failed nothing else stays."""
    if job.state is JobState.FAILED:
        shutil.rmtree(folder, ignore_errors=True)
    _make(folder)
    (folder / _NOTE).write_text(json.dumps(asdict(job)), encoding="utf-8")


def _load(folder: Path) -> list[Job]:
    """Those that were finished; what else lies there was given up."""
    found = []
    for place in folder.iterdir() if folder.is_dir() else ():
        try:
            told = json.loads((place / _NOTE).read_text(encoding="utf-8"))
            found.append(Job(**{**told, "state": JobState(told["state"])}))
        except (OSError, ValueError, TypeError, KeyError):
            shutil.rmtree(place, ignore_errors=True)
    return found
