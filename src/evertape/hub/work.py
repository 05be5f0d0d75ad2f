"""Work that takes long, or needs GStreamer, in a process of its own: ``python -m MODULE``.

The order goes in as one JSON object on standard input; out come lines of JSON: ``{"progress": …}`` any number of times,
then ``{"result": …}`` or ``{"error", "hint", "status", "code"}``. A process that takes too long, or that nobody waits
for any more, is killed.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import evertape
from evertape.hub.failure import HubError
from evertape.redact import redact

log = logging.getLogger(__name__)

_LINE = 32 << 20
"""The longest is a picture."""
_AT_ONCE = 3
"""Snapshots, probes and the like; exports have a queue of their own."""
_KILLED_S = 1.0
_slots = asyncio.Semaphore(_AT_ONCE)


async def run(
    module: str,
    order: Mapping[str, Any],
    *,
    timeout_s: float,
    progress: Callable[[dict[str, Any]], None] | None = None,
    slots: asyncio.Semaphore | None = None,
) -> dict[str, Any]:
    """Have ``module`` do ``order``; returns its result.

    Raises:
        HubError: it could not, or took too long.
        CancelledError: after the process was killed.
    """
    async with slots or _slots:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
            limit=_LINE,
        )
        try:
            async with asyncio.timeout(timeout_s):
                return await _talk(process, module, order, progress)
        except TimeoutError:
            raise HubError(504, "took_too_long", f"it took longer than {timeout_s:.0f} s and was given up") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                task = asyncio.get_running_loop().create_task(process.wait())
                _ending.add(task)
                task.add_done_callback(_ending.discard)
                # Not longer: one that is stuck in the kernel would keep us.
                await asyncio.wait((task,), timeout=_KILLED_S)


_ending: set[asyncio.Task[int]] = set()


async def _talk(
    process: asyncio.subprocess.Process,
    module: str,
    order: Mapping[str, Any],
    progress: Callable[[dict[str, Any]], None] | None,
) -> dict[str, Any]:
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(json.dumps(order).encode() + b"\n")
        await process.stdin.drain()
        process.stdin.close()
    while line := await process.stdout.readline():
        try:
            said = json.loads(line)
        except ValueError:
            continue  # whatever a library printed
        if "progress" in said and progress is not None:
            progress(said["progress"])
        elif "result" in said:
            result: dict[str, Any] = said["result"]
            return result
        elif "error" in said:
            raise HubError(
                int(said.get("status", 502)), said.get("code", "failed"), said["error"], hint=said.get("hint", "")
            )
    code = await process.wait()
    log.error("[HUB] %s ended with status %d and no answer", module, code)
    raise HubError(500, "mistake", "the work ended without a result", hint="the log of the hub says more")


def _environment() -> dict[str, str]:
    root = str(Path(evertape.__file__).parent.parent)
    others = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != root]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, *others]), "PYTHONUNBUFFERED": "1"}


# -- the other side -----------------------------------------------------------------------------------------


def say(**what: Any) -> None:
    """A line to whoever gave the order."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def serve(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Read the order, do it, say what came of it; the process's whole life."""
    from evertape.errors import EvertapeError

    logging.disable(logging.CRITICAL)
    if hasattr(os, "nice"):
        os.nice(5)
    try:
        result = work(json.loads(sys.stdin.readline()))
    except HubError as error:
        say(error=error.what, hint=error.hint, status=error.status, code=error.code)
    except EvertapeError as error:
        say(error=error.what, hint=error.hint)
    except OSError as error:
        say(error=redact(f"{error.filename or 'the system'}: {error.strerror or error}"), status=503, code="io_error")
    else:
        say(result=result)
