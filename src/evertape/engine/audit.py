"""The audit: files, journal and index against each other, and every camera's time accounted for.

Blocking, any thread; reads only; works with and without a running service. The journal is read from its beginning
into a database of its own, which the index must equal, and against which every file on every volume is checked.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from evertape.clock import Clock
from evertape.config.paths import DataDir
from evertape.disk.fault import VolumeFaultError
from evertape.disk.journal_format import DamagedLineError, UnknownEventError, decode_line, is_journal_file
from evertape.disk.marker import open_volume
from evertape.domain.cause import Cause
from evertape.domain.coverage import SLACK, GapSpan
from evertape.domain.resolve import HeldSpan, resolve
from evertape.engine.audit_files import FileAudit, Root
from evertape.engine.audit_report import AuditReport, CameraAccount, Finding, Progress
from evertape.engine.found_files import segment_paths
from evertape.engine.held import held
from evertape.engine.held import open_until as open_until_of
from evertape.engine.keeper_tail import rebuild
from evertape.ipc.messages import CameraInfo
from evertape.mp4.model import iso_utc
from evertape.store.failures import IndexBusyError, IndexDamagedError
from evertape.store.index import Index
from evertape.store.reader import Reader
from evertape.store.rows import SegmentRow, Totals
from evertape.store.stretches import wrong_days
from evertape.types import NS_PER_S, Epoch, SegmentId

T = TypeVar("T")

CHUNK_NS = 30 * 24 * 3600 * NS_PER_S
"""A camera's time is accounted for in stretches of a month, which fit into memory whatever the age."""
AGAIN_S = 3.0
"""While the service runs, what looked wrong is looked at again after so long: it may have been in the making."""
MOST_DIFFERENCES = 20


def volume_roots(volumes: Mapping[str, Path]) -> list[Root]:
    """Those of these volumes (name to path) that are there now, with the identity their markers tell."""
    roots = []
    for name, path in volumes.items():
        try:
            handle = open_volume(str(path), is_mount=False, expected_id="", name=name, may_create=False)
        except VolumeFaultError:
            continue
        roots.append(Root(name, handle.volume_id, path))
        handle.close()
    return roots


class Audit:
    """One audit.

    Args:
        data: the data directory.
        roots: the volumes that can be reached; one that hangs is better left out.
        clock: for now.
        running: a service runs on this data directory.
        ask: what its cameras report now.
        boot: the kernel's boot id.
        progress: see ``Progress``.
        mounts: name to path of the volumes that are used only while something is mounted there.
        deep: read every byte of every file, and compare its hash; else only sizes and structure.
    """

    def __init__(
        self,
        data: DataDir,
        roots: Sequence[Root],
        clock: Clock,
        *,
        running: bool,
        ask: Callable[[], Sequence[CameraInfo]] = tuple,
        boot: str = "",
        progress: Progress = lambda _done, _all: None,
        mounts: Mapping[str, Path] = MappingProxyType({}),
        deep: bool = True,
    ) -> None:
        self._deep = deep
        self._data = data
        self._mounts = mounts
        self._roots = roots
        self._clock = clock
        self._running = running
        self._ask = ask
        self._boot = boot
        self._progress = progress
        self._done = self._expected = 0
        self.report = AuditReport()

    def run(self) -> AuditReport:
        """Look at everything.

        Raises:
            OSError: a file cannot be read.
            IndexBusyError: there is no room for the audit's own database.
        """
        self._check_journal()
        self._check_mounts()
        with tempfile.TemporaryDirectory(prefix="evertape-audit-") as folder:
            own = Path(folder) / "index.sqlite3"
            self._check_index(own)
            rebuild(own, self._data.journal)
            with Index.open(own) as truth:
                open_until = self._check_files(own, truth)
                for camera in truth.cameras():
                    self._check_camera(truth, camera, open_until)
        return self.report

    def _say(self, kind: str, serious: bool, text: str, camera: str = "", segment: str = "") -> None:
        self.report.findings.append(Finding(kind, serious, text, camera, segment=segment))

    def _check_mounts(self) -> None:
        """Nothing lies beneath an absent mount point; seen only while it is absent."""
        for name, path in self._mounts.items():
            if path.is_dir() and not path.is_mount() and (below := next(segment_paths(path), "")):
                self._say("beneath", True, f"{below} lies beneath {path}, where volume {name} is not mounted")

    # -- journal and index ----------------------------------------------------------------------------------

    def _check_journal(self) -> None:
        """Every line has its checksum; only the last one of a file may be torn."""
        names = sorted(p.name for p in self._data.journal.glob("*.jsonl") if is_journal_file(p.name))
        for name in names:
            torn = unknown = damaged = 0
            for line, whole in _lines(self._data.journal / name):
                try:
                    decode_line(line)
                    self.report.events += 1
                except UnknownEventError:
                    unknown += 1
                except DamagedLineError:
                    damaged, torn = (damaged + 1, torn) if whole else (damaged, torn + 1)
            if damaged:
                self._say("journal_damaged", True, f"{damaged} lines of the journal's {name} are damaged")
            if torn and not (self._running and name == names[-1]):
                self._say("journal_torn", False, f"the journal's {name} ends in mid-line, as after a power cut")
            if unknown:
                self._say("journal_unknown", False, f"{unknown} events in {name} are of a newer program")

    def _check_index(self, own: Path) -> None:
        """The index equals what the journal makes, up to where it says it has followed."""
        try:
            with Index.open_readonly(self._data.index_file) as index, index.snapshot() as still:
                rebuild(own, self._data.journal, still.cursor())
                with Index.open(own) as truth:
                    wrong = list(_differences(truth, still))
        except (IndexBusyError, IndexDamagedError) as error:
            self._say("index_unusable", False, f"the index cannot be read, the service makes another: {error}")
            return
        for text, camera, segment in wrong[:MOST_DIFFERENCES]:
            self._say("index_differs", True, text, camera, segment)
        if len(wrong) > MOST_DIFFERENCES:
            self._say("index_differs", True, f"{len(wrong) - MOST_DIFFERENCES} more differences in the index")

    # -- files ----------------------------------------------------------------------------------------------

    def _check_files(self, own: Path, truth: Index) -> dict[str, int]:
        reachable = {root.id for root in self._roots}
        for volume, totals in truth.totals_by_volume().items():
            if volume in reachable:
                self.report.segments += totals.files
                self._expected += totals.bytes
            else:
                self.report.unreachable += totals.files
        if self.report.unreachable:
            self._say("unreachable", False, f"{self.report.unreachable} segments are on volumes that are not here")
        open_until: dict[str, int] = {}
        suspicious: list[tuple[Root, Finding]] = []
        unhashed = 0
        for root in self._roots:
            look = FileAudit(root, truth, running=self._running, on_file=self._one_more, deep=self._deep)
            found = look.look()
            unhashed += found.unhashed
            self.report.volumes.append(root.name)
            self.report.files += found.files
            self.report.bytes += found.bytes
            open_until |= found.open_until
            suspicious += [(root, finding) for finding in found.findings]
        self.report.findings += self._again(own, truth, suspicious)
        if unhashed:
            self._say("unhashed", False, f"of {unhashed} files no hash is known yet; a scrub makes one")
        return open_until

    def _again(self, own: Path, truth: Index, suspicious: list[tuple[Root, Finding]]) -> list[Finding]:
        if not self._running or not any(finding.serious for _, finding in suspicious):
            return [finding for _, finding in suspicious]
        time.sleep(AGAIN_S)
        truth.close()
        rebuild(own, self._data.journal)
        result = []
        for root, finding in suspicious:
            again = FileAudit(root, truth, running=True, deep=self._deep)
            result += again.look_at(finding.path) if finding.serious else [finding]
        return result

    def _one_more(self, size: int) -> None:
        self._done += size
        self._progress(self._done, max(self._done, self._expected))

    # -- cameras --------------------------------------------------------------------------------------------

    def _check_camera(self, truth: Index, camera: str, open_until: Mapping[str, int]) -> None:
        account = self.report.cameras[camera] = CameraAccount()
        for rows in truth.sessions(camera):
            account.files += len(rows)
            self._check_session(camera, rows, account)
        if account.doubled_units:
            text = f"{account.doubled_units} pictures of {camera} are in two files; they count once"
            self._say("doubled", False, text, camera)
        wanted = [wish.at for wish in truth.wishes(camera) if wish.wanted]
        now, cameras = int(self._clock.utc_ns()), self._ask()
        reach = {**open_until_of(cameras, truth.open_segments()), **open_until}
        in_memory = held(cameras, now).get(camera)
        at = min(wanted, default=now)
        while at < now:
            until = min(now, at + CHUNK_NS)
            boot = None if self._running else self._boot
            found = truth.coverage(camera, at, until, now, open_until=reach, boot=boot, held=in_memory)
            account.start = account.start or found.start
            account.end = max(account.end, found.end)
            account.recorded_s += found.recorded_s
            account.explained_s += found.explained_s
            account.unexplained_s += found.unexplained_s
            account.gaps += found.gaps
            for cause, seconds in found.causes.items():
                account.causes[cause] = account.causes.get(cause, 0.0) + seconds
            for span in found.spans:
                if isinstance(span, GapSpan) and span.cause is Cause.UNKNOWN and span.end - span.start > SLACK:
                    length = f"{(span.end - span.start) / NS_PER_S:.1f} s from {iso_utc(span.start)} on"
                    text = f"{camera} has no footage for {length}, and nothing says why"
                    self._say("unexplained", True, text, camera)
            at = until

    def _check_session(self, camera: str, rows: list[SegmentRow], account: CameraAccount) -> None:
        """Logically each unit once; how many are in two files nevertheless."""
        held = [
            HeldSpan(SegmentId(r.id), Epoch(r.epoch), r.generation, r.first_video, r.last_video)
            for r in rows
            if r.last_video is not None
        ]
        kept = sorted((span for span in resolve(held) if not span.empty), key=lambda span: span.first)
        units = sum(span.last - span.first + 1 for span in held)
        account.doubled_units += units - sum(span.last - span.first + 1 for span in kept)
        for old, new in pairwise(kept):
            if new.first <= old.last:
                text = f"segments {old.segment} and {new.segment} both count for units {new.first} to {old.last}"
                self._say("logically_doubled", True, text, camera, str(new.segment))


def _lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Lines without their ends, and whether they had one."""
    with open(path, "rb") as file:
        for line in file:
            yield (line[:-1], True) if line.endswith(b"\n") else (line, False)


def _differences(truth: Index, index: Reader) -> Iterator[tuple[str, str, str]]:
    """Text, camera and segment of everything in which two indexes differ."""
    for one, other in _side_by_side(truth.every_segment(), index.every_segment()):
        row = one or other
        assert row is not None
        if one is None:
            yield f"the index has segment {row.id} ({row.path}), the journal has not", row.camera, row.id
        elif other is None:
            yield f"the index lacks segment {row.id} ({row.path})", row.camera, row.id
        elif one != other:
            names = [name for name in SegmentRow.__slots__ if getattr(one, name) != getattr(other, name)]
            yield f"segment {row.id} differs from the journal in {', '.join(names)}", row.camera, row.id
    for camera in truth.cameras():
        gaps = {gap.id: gap for gap in truth.gaps(camera, 0, 1 << 62)}
        others = {gap.id: gap for gap in index.gaps(camera, 0, 1 << 62)}
        for key in sorted(gaps.keys() | others.keys()):
            if gaps.get(key) != others.get(key):
                yield f"the ledger's gap {key} differs from the journal", camera, ""
    if _held(truth) != _held(index):
        yield "the index's totals differ from the journal", "", ""
    for day in wrong_days(index):
        yield f"what the index has put together of {day} is not what it says of the files", day.camera, ""


def _held(index: Reader) -> dict[str, Totals]:
    """Without volumes on which nothing is held any more: an index made at one go never heard of some."""
    return {volume: totals for volume, totals in index.totals_by_volume().items() if totals.files}


def _side_by_side(
    ones: Iterable[SegmentRow], others: Iterable[SegmentRow]
) -> Iterator[tuple[SegmentRow | None, SegmentRow | None]]:
    """Two streams in order of id, merged by it."""
    left, right = iter(ones), iter(others)
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.id < other.id):
            yield one, None
            one = next(left, None)
        elif one is None or other.id < one.id:
            yield None, other
            other = next(right, None)
        else:
            yield one, other
            one, other = next(left, None), next(right, None)
