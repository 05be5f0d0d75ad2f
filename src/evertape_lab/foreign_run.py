"""``evertape lab foreign``: records from servers that are not ours, which are killed and started again in the middle.

It holds if every session stored each picture of its stream once and in order from its first one on, if recording was
back within the promised time after the server answered again, if every time without pictures lies in a gap of the
ledger with its right cause, and if ffprobe reads every file to its end without a word.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evertape.clock import SystemClock
from evertape.errors import EvertapeError, SetupError
from evertape.media.rtsp.options_probe import OptionsProbe, ProbeState
from evertape_lab.findings import rounded
from evertape_lab.foreign import Film, ForeignServer, forget_connections, make_film, why_not
from evertape_lab.foreign_judge import Return, Stored, judge_camera, stored_sessions
from evertape_lab.netns import Namespace
from evertape_lab.rig import Rig

__all__ = ["ForeignResult", "foreign", "main"]

_POLL_S = 0.02
_ANSWER_S = 20.0
_SPARE_S = 30


@dataclass(frozen=True, slots=True)
class Source:
    """A camera of the service: what is served, by whom, and how it is asked for.

    Args:
        ends: the film is shorter than the run, so that the stream ends and has to begin again.
    """

    server: str
    name: str
    suffix: str
    transport: str
    ends: bool = False


SOURCES = (
    Source("live555", "h264_tcp", "264", "tcp"),
    Source("live555", "h265_ends", "265", "tcp", ends=True),
    Source("live555", "sound_udp", "mkv", "udp"),
    Source("vlc", "vlc_udp", "mkv", "udp"),
)
"""H.264 and H.265, without and with sound, through both receivers; VLC does not speak TCP."""


@dataclass(slots=True)
class ForeignResult:
    """What came of it; plain enough for JSON."""

    seconds: float
    ok: bool = False
    problems: list[str] = field(default_factory=list)
    cameras: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered_after_s: dict[str, float] = field(default_factory=dict)
    """From the start of a server's process to its answer to ``OPTIONS``."""

    def json(self) -> dict[str, Any]:
        """For a file."""
        plain: dict[str, Any] = rounded(asdict(self))
        return plain

    def text(self) -> str:
        """For people."""
        lines = [
            f"{name:10} " + ", ".join(f"{key} {value}" for key, value in rounded(row).items())
            for name, row in self.cameras.items()
        ]
        return "\n".join([*lines, *self.problems, "ok" if self.ok else "FAILED"])


def foreign(
    servers: Sequence[str], folder: Path, *, seconds: float, outage_s: float, ends_after_s: int, margin_s: float = 0.0
) -> ForeignResult:
    """Record from ``servers``, kill them in the middle, judge.

    Args:
        servers: ``live555``, ``vlc``, or both.
        folder: an empty one that everybody may read, with everything above it.
        seconds: of recording, the outage included.
        outage_s: for how long the servers are dead.
        ends_after_s: how long the film is that ends by itself.
        margin_s: added to each promised time, for a machine that is busy with other things.
    """
    result = ForeignResult(seconds)
    sources = [source for source in SOURCES if source.server in servers]
    films = {
        source.name: Film(source.name, source.suffix, ends_after_s if source.ends else int(seconds) + _SPARE_S)
        for source in sources
    }
    for film in films.values():
        make_film(film, folder)
    run = _Run(sources, films, folder, result)
    try:
        asyncio.run(run.play(seconds, outage_s))
    except AssertionError as error:
        result.problems.append(str(error))
    if hasattr(run, "rig"):
        run.judge(margin_s)
    result.ok = not result.problems
    return result


class _Run:
    """One playing of it."""

    def __init__(self, sources: Sequence[Source], films: dict[str, Film], folder: Path, result: ForeignResult) -> None:
        self._sources = sources
        self._films = films
        self._folder = folder
        self._result = result
        self._clock = SystemClock()
        self._servers: dict[str, ForeignServer] = {}
        self._broke: tuple[int, int] = (0, 0)
        self._returned: dict[str, tuple[int, int]] = {}

    async def play(self, seconds: float, outage_s: float) -> None:
        """See the module."""
        async with AsyncExitStack() as stack:
            network = stack.enter_context(Namespace())
            forget_connections(network)
            for source in self._sources:
                film = self._films[source.name]
                if source.server not in self._servers:
                    server = ForeignServer(source.server, network, self._folder, film)
                    self._servers[source.server] = server
                    stack.callback(server.kill)
            await self._start_all()
            urls = {s.name: self._servers[s.server].url(self._films[s.name]) for s in self._sources}
            own = {source.name: f'transport = "{source.transport}"' for source in self._sources}
            self.rig = Rig(self._folder / "service", urls, own=own)
            await stack.enter_async_context(self.rig)
            await self.rig.recorded(list(urls), 1)
            began = time.monotonic()
            await asyncio.sleep(max(0.0, (seconds - outage_s) / 2 - 1))
            self._check_alive()
            self._broke = self._now()
            for server in self._servers.values():
                server.kill()
            await asyncio.sleep(outage_s)
            self._returned = await self._start_all()
            await self.rig.recorded(list(urls), 1)
            await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began)))
            self._check_alive()

    def _check_alive(self) -> None:
        dead = [name for name, server in self._servers.items() if not server.running]
        assert not dead, f"{', '.join(dead)} ended by itself"

    async def _start_all(self) -> dict[str, tuple[int, int]]:
        """Start the servers; returns the clocks when each answered."""

        async def one(name: str, server: ForeignServer) -> tuple[str, tuple[int, int]]:
            began = time.monotonic()
            server.start()
            film = next(self._films[source.name] for source in self._sources if source.server == name)
            while not await self._answers(server.url(film)):
                assert time.monotonic() - began < _ANSWER_S, f"{name} does not answer"
                await asyncio.sleep(_POLL_S)
            self._result.answered_after_s[name] = time.monotonic() - began
            return name, self._now()

        return dict(await asyncio.gather(*(one(name, server) for name, server in self._servers.items())))

    async def _answers(self, url: str) -> bool:
        probe = OptionsProbe(url, self._clock)
        probe.start()
        while probe.poll() is ProbeState.PENDING:
            await asyncio.sleep(_POLL_S / 4)
        probe.close()
        return probe.state is ProbeState.ANSWERED

    def _now(self) -> tuple[int, int]:
        return self._clock.boot_ns(), self._clock.utc_ns()

    def judge(self, margin_s: float) -> None:
        """Fill in the result."""
        events, result = self.rig.events(), self._result
        sessions = stored_sessions(self.rig.files())
        for source in self._sources:
            stored: list[Stored] = sessions.get(source.name, [])
            answered = self._returned.get(source.server)
            back = None if answered is None else Return(self._broke, answered)
            figures, problems = judge_camera(source.name, stored, events, back, margin_s, ends=source.ends)
            result.cameras[source.name] = {"server": source.server, "transport": source.transport, **figures}
            result.problems += [f"{source.name}: {problem}" for problem in problems]
        if self.rig.clean is False:
            result.problems.append("the service did not stop cleanly")


# -- the verb ---------------------------------------------------------------------------------------------------


def default_end_s(seconds: float) -> int:
    """How long the film is that ends by itself: it has to do so at least once before and once after the outage."""
    return max(3, min(60, int(seconds / 5)))


def main(argv: Sequence[str] | None = None) -> int:
    """Record from each server that is installed; 0 if all hold, 1 if one does not, 4 if one cannot run here."""
    parser = argparse.ArgumentParser(
        prog="evertape lab foreign", description="Record from servers that are not ours, and kill them in the middle."
    )
    parser.add_argument("server", nargs="*", help="live555, vlc; none: both")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (default 600)")
    parser.add_argument("--outage", type=float, default=10.0, metavar="S", help="how long they are dead (default 10)")
    parser.add_argument(
        "--ends", type=int, metavar="S", help="length of the film that ends (default 60, of a short run a fifth)"
    )
    parser.add_argument("--margin", type=float, default=0.0, metavar="S", help="be so lenient with each time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there, - for standard output")
    options = parser.parse_args(argv)
    wanted = options.server or ["live555", "vlc"]
    if strange := set(wanted) - {"live555", "vlc"}:
        parser.error(f"there is no server {', '.join(sorted(strange))}")
    reasons = {server: reason for server in wanted if (reason := why_not(server))}
    for server, reason in reasons.items():
        print(f"{server} is left out: {reason}", file=sys.stderr)
    playable = [server for server in wanted if server not in reasons]
    if not playable:
        return 4
    try:
        result = foreign_somewhere(
            playable, seconds=options.seconds, outage_s=options.outage,
            ends_after_s=options.ends or default_end_s(options.seconds),
            margin_s=options.margin,
        )  # fmt: skip
    except EvertapeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(result.text(), file=sys.stderr if options.json == Path("-") else sys.stdout, flush=True)
    if options.json is not None:
        text = json.dumps(result.json(), indent=1)
        print(text) if options.json == Path("-") else options.json.write_text(text + "\n")
    if not result.ok:
        return 1
    return 4 if reasons else 0


def foreign_somewhere(servers: Sequence[str], **how: Any) -> ForeignResult:
    """As ``foreign``, in a temporary folder that the servers can read."""
    with tempfile.TemporaryDirectory(prefix="evertape-foreign-") as name:
        folder = Path(name)
        os.chmod(folder, 0o755)
        if not _everybody_may_enter(folder):
            raise SetupError(f"{folder.parent} is closed to others, and VLC refuses to be root", hint="set TMPDIR")
        return foreign(servers, folder, **how)


def _everybody_may_enter(folder: Path) -> bool:
    return all(above.stat().st_mode & 0o001 for above in (folder, *folder.parents))


if __name__ == "__main__":
    sys.exit(main())
