"""The sections of the configuration that are about the whole installation, as frozen objects.

The text beneath each field is its entry on the reference page.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from evertape.config.units import parse_duration, parse_size
from evertape.config.values import (
    AUTO,
    Bytes,
    FallbackSource,
    FilePath,
    Line,
    PlainEnum,
    Span,
    Weekly,
    Zone,
)
from evertape.config.weekly import WeeklySpan
from evertape.types import DurationNs


class Section(BaseModel):
    """Base of every table: frozen, nothing unknown in it, and its errors never quote a value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Role(StrEnum):
    """What a volume is for."""

    PRIMARY = "primary"
    SPILL = "spill"
    RETIRED = "retired"


class FileTime(StrEnum):
    """Which time the names of files and folders are written in."""

    UTC = "utc"
    LOCAL = "local"


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    HUMAN = "human"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important line that is still written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Installation(Section):
    """`[installation]`: what this recorder is called, and where it stands."""

    name: Line = "Evertape"
    """The name of this recorder, in alerts, on pages and in the files it writes."""
    timezone: Zone | None = None
    """The time zone of the place, like `Europe/Berlin`, for local file names and for showing times; when not set, the
    machine's own."""


class Recording(Section):
    """`[recording]`: when to record, and how footage becomes files."""

    schedule: Annotated[tuple[WeeklySpan, ...], Weekly()] = ()
    """When cameras are recorded: `always`, or weekly spans of local time, separated by semicolons. Days are `mon` to
    `sun`, `daily`, `weekdays`, `weekend`; a span that ends before it begins ends on the next day."""

    rotation: Annotated[DurationNs, Span("2s", "24h")] = parse_duration("10min")
    """How long one file gets before the next is begun, at a keyframe."""
    rotation_size: Annotated[int, Bytes("1MB", "1TB", word="none")] = 0
    """How large one file gets before the next is begun; whichever of time and size comes first."""
    align: bool = True
    """Begin files at whole multiples of `rotation` on the wall clock (12:00, 12:10, …)."""
    stagger: bool = True
    """Shift each camera's file changes by its own share of `rotation`, so that they do not all happen at once."""
    fragment: Annotated[DurationNs, Span("100ms", "2s")] = parse_duration("500ms")
    """The unit of writing: after this long, what came in goes to the disk, whatever the keyframe interval."""
    sync: Annotated[DurationNs, Span("100ms", "2s")] = parse_duration("500ms")
    """How often what was written is forced onto the disk. `fragment` and `sync` bound what a power cut takes."""
    file_time: Annotated[FileTime, Field(strict=False), PlainEnum] = FileTime.UTC
    """The time in file and folder names: `utc`, or `local` (see `installation.timezone`)."""


class Backoff(Section):
    """`[streaming.backoff]`: how long to wait between attempts to reach a camera."""

    base: Annotated[DurationNs, Span("100ms", "10min")] = parse_duration("5s")
    """The wait after the first failure."""
    cap: Annotated[DurationNs, Span("100ms", "1h")] = parse_duration("60s")
    """The longest wait."""
    factor: Annotated[float, Field(ge=1.0, le=10.0, strict=False)] = 2.0
    """By how much each wait is longer than the one before."""
    jitter: bool = True
    """Choose each wait at random between nothing and its full length, so that cameras do not come all at once."""
    max_retries: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """After so many failures in a row the camera is shown as disconnected. It is still retried."""
    give_up: bool = False
    """Stop trying after `max_retries`, until somebody restarts the camera."""


class Streaming(Section):
    """`[streaming]`: reaching cameras, and noticing that one is gone."""

    connect_timeout: Annotated[DurationNs, Span("500ms", "30s")] = parse_duration("3s")
    """How long a connection, or an answer to a request, may take."""
    stable_after: Annotated[DurationNs, Span("0s", "5min")] = parse_duration("3s")
    """How long frames must flow before the camera counts as well again and the backoff starts over."""
    stall_timeout: Annotated[DurationNs, Span("1s", "5min")] = parse_duration("4s")
    """How long a camera may be silent before it counts as stalled and is connected anew."""
    drain: Annotated[DurationNs, Span("10ms", "500ms")] = parse_duration("200ms")
    """How often arrived frames are collected while nobody watches. Longer costs less processor time."""
    drain_viewed: Annotated[DurationNs, Span("10ms", "500ms")] = parse_duration("40ms")
    """How often arrived frames are collected while somebody watches; bounds the delay it adds to the picture."""
    backoff: Backoff = Backoff()


class Ring(Section):
    """`[ring]`: the newest footage, kept in memory until it is safely on a disk."""

    time: Annotated[DurationNs, Span("5s", "1h")] = parse_duration("60s")
    """How much of each camera is kept: a disk may be away this long without a frame being lost."""
    budget: Annotated[int | Literal["auto"], Bytes("16MiB", "1TiB", word="auto")] = AUTO
    """The most memory that all cameras together may take for it. `auto` is the smaller of 1 GiB and a quarter of the
    machine's memory."""

    def budget_bytes(self, memory: int) -> int:
        """The budget for all cameras on a machine with ``memory`` bytes of RAM."""
        return min(1 << 30, memory // 4) if self.budget == AUTO else int(self.budget)


class Processes(Section):
    """`[processes]`: the program's own processes."""

    memory_limit: Annotated[int | Literal["auto"], Bytes("64MiB", "1TiB", word="auto")] = AUTO
    """The most memory that one process may take; one that takes more is replaced, which costs its cameras a second.
    `auto` is, for a recorder, 256 MiB and one and a half times its share of the ring's budget, for the others 512 MiB,
    and never more than four fifths of what the machine, or the control group it runs in, has."""

    @property
    def limit_bytes(self) -> int | None:
        """The limit; `None`: by itself."""
        return None if self.memory_limit == AUTO else int(self.memory_limit)


class Layers(Section):
    """`[storage.layers]`: the ways of noticing that a volume is gone; switch one off only to test the others."""

    kernel: bool = True
    """Listen to the kernel's news of mounts and devices."""
    probe: bool = True
    """Write to the volume now and then, with a deadline. One that is in trouble is looked at all the same."""
    precheck: bool = True
    """Check identity, mount, permission and space before each new file."""
    errno: bool = True
    """Learn from the error codes of failed writes."""
    low_space: bool = True
    """Watch the free space."""


class Storage(Section):
    """`[storage]`: watching the volumes."""

    probe_interval: Annotated[DurationNs, Span("500ms", "5min")] = parse_duration("5s")
    """How often a volume is probed."""
    probe_deadline: Annotated[DurationNs, Span("500ms", "1min")] = parse_duration("5s")
    """How long a probe may take before the volume counts as not answering."""
    hung_after: Annotated[DurationNs, Span("1s", "5min")] = parse_duration("5s")
    """How long a write or sync may take before the volume counts as hung and recording moves elsewhere."""
    min_record_free: Annotated[int, Bytes("1MB", "1000TB")] = parse_size("1GB")
    """With less free space than this, nothing more is recorded onto a volume."""
    resume_free: Annotated[int, Bytes("1MB", "1000TB")] = parse_size("2GB")
    """A volume that was too full is used again from this much free space on."""
    retry_interval: Annotated[DurationNs, Span("100ms", "1h")] = parse_duration("6s")
    """How long to wait between attempts to use a volume that failed."""
    retry_max: Annotated[int, Field(ge=0, le=1_000_000)] = 20
    """How many such attempts are made in a row. After them the volume is used again as soon as it is noticed to be
    back, by the kernel's news or by a probe."""
    homecoming_rate: Annotated[int, Bytes("100kB", "100GB")] = parse_size("20MB")
    """How many bytes per second are read at most while footage comes home from another volume; each byte is read twice.
    It goes slower by itself while recording keeps a volume busy."""
    layers: Layers = Layers()


class Retention(Section):
    """`[retention]`: what is deleted, and when. The oldest goes first; what is protected, or being written, never."""

    max_age: Annotated[DurationNs, Span("1min", "36500d", word="none")] = parse_duration("30d")
    """Footage older than this is deleted, however much room there is."""
    min_age: Annotated[DurationNs, Span("0s", "36500d")] = parse_duration("0s")
    """Footage younger than this is not deleted for want of space or because of a quota; see `emergency_age`."""
    quota: Annotated[int, Bytes("1MB", "1000TB", word="none")] = 0
    """How much one camera may have on all volumes together; its oldest goes when it has more."""
    start_free: Annotated[int, Bytes("1MB", "1000TB")] = parse_size("5GB")
    """With less free space than this on a volume, its oldest footage is deleted. On a small volume less is enough: see
    `docs/design/retention.md`."""
    start_percent: Annotated[float, Field(ge=0.0, le=50.0, strict=False)] = 5.0
    """The same as a share of the volume, in percent; the larger of the two counts."""
    more_free: Annotated[int, Bytes("1MB", "1000TB")] = parse_size("5GB")
    """How much more than that is made free once it has begun."""
    emergency_age: Annotated[DurationNs, Span("0s", "36500d")] = parse_duration("7d")
    """On a volume that is too full to be recorded to, footage older than this is not kept back by `min_age`."""
    interval: Annotated[DurationNs, Span("1s", "24h")] = parse_duration("10min")
    """How often everything is looked through. A volume whose space runs out is seen to at once."""


class Integrity(Section):
    """`[integrity]`: checking that footage is as it was written. What is damaged is told of, and in the ledger."""

    scrub: bool = True
    """Read everything again now and then, in the background, and compare it with its hash."""
    rate: Annotated[int, Bytes("100kB", "100GB")] = parse_size("4MB")
    """How many bytes per second are read at most. It goes slower by itself while recording keeps a volume busy."""
    interval: Annotated[DurationNs, Span("1h", "3650d")] = parse_duration("30d")
    """When a file that was checked is checked again. A large archive takes longer at a low rate: 10 TB at 4 MB/s are
    29 days."""
    decode: bool = True
    """Also decode a sample of what is checked, one group of pictures at a time, to see that pictures come out. In a
    process of its own that runs only while nobody else wants the processor; without a decoder it is left out."""
    decode_interval: Annotated[DurationNs, Span("1s", "30d")] = parse_duration("10min")
    """How often that is done at most. A group of 1080p takes about half a second of one core: every ten minutes that
    is 0.1 %."""


class ViewFallback(StrEnum):
    """What a view does while its camera is away."""

    RESTART = "restart"
    INPUT_SELECTOR = "input-selector"
    FALLBACKSRC = "fallbacksrc"


class View(Section):
    """`[view]`: watching live."""

    fallback: Annotated[ViewFallback, Field(strict=False), PlainEnum] = ViewFallback.INPUT_SELECTOR
    """What happens to the picture while the camera is away: `input-selector` switches within one pipeline, `restart`
    makes another pipeline, `fallbacksrc` leaves it to the GStreamer element of that name, which Debian 12 lacks."""
    fallback_source: FallbackSource = "card"
    """What is shown meanwhile: `card` (no signal, since when, when the next attempt is), `snow`, the path of a picture,
    or a URI (`file://…`, `https://…`)."""
    timeout: Annotated[DurationNs, Span("500ms", "5min")] = parse_duration("10s")
    """How long the picture may stand still before the fallback is shown. It is shown sooner when the camera is known
    to be away."""
    restart: Annotated[DurationNs, Span("1s", "5min")] = parse_duration("5s")
    """How long a source may yield nothing before the view opens it anew."""
    retry: Annotated[DurationNs, Span("100ms", "5min")] = parse_duration("1s")
    """How long to wait before a source that failed is opened again; each further failure doubles it, up to 5 s. A
    camera that was away and answers again is not kept waiting."""
    decoder: Line = "auto"
    """Which decoder to use: `auto` (the hardware's where there is one), `software`, or the name of a GStreamer
    element. One that keeps failing is replaced by the next best."""

    sub_linger: Annotated[DurationNs, Span("0s", "10min")] = parse_duration("10s")
    """How long a camera's sub stream stays open after its last viewer has left."""
    max_behind: Annotated[DurationNs, Span("500ms", "1min")] = parse_duration("2s")
    """How far a slow viewer may fall behind before it skips to the newest keyframe."""


class Logging(Section):
    """`[logging]`: the log."""

    format: Annotated[LogFormat, Field(strict=False), PlainEnum] = LogFormat.AUTO
    """`human`, `json`, or `auto`: human on a terminal, lines with priorities for systemd's journal, JSON otherwise."""
    level: Annotated[LogLevel, Field(strict=False), PlainEnum] = LogLevel.INFO
    """The least important line that is still written: `debug`, `info`, `warning` or `error`."""


class Volume(Section):
    """`[volumes.NAME]`: a place to record to."""

    path: Annotated[Path, FilePath(absolute=True)]
    """The folder to record into, absolute: a mounted disk, or a folder on one."""
    role: Annotated[Role, Field(strict=False), PlainEnum] = Role.PRIMARY
    """`primary`: recorded to whenever it can be. `spill`: recorded to while no primary can be; emptied afterwards.
    `retired`: not recorded to any more; its footage stays readable."""
    mount: bool | None = None
    """Whether `path` is a mount point, to be used only while something is mounted there. `false` allows an ordinary
    folder on the system's own disk. When not set: what was found at first use; a folder on the system's disk is
    refused."""
