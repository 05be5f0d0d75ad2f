"""``/retention``: what would be deleted now, and why; and deleting it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from evertape.config.units import UnitError, parse_duration
from evertape.domain.retention import Kept, summary
from evertape.domain.retention_terms import Protection, thresholds
from evertape.engine.space import Question, evictions, is_full, needs
from evertape.engine.usage import terms_of
from evertape.hub.api.asking import Admin, Viewer
from evertape.hub.api.common import live, recorded
from evertape.hub.api.segments import SegmentId
from evertape.hub.api.state import parse_volumes
from evertape.hub.api.times import Instant, instant
from evertape.hub.errors import HubError, errors, unknown
from evertape.hub.services import Shared
from evertape.store.index import View
from evertape.store.retention import protected_spans
from evertape.store.rows import OPEN, SegmentRow

router = APIRouter(prefix="/retention", tags=["retention"])

MOST_CHOSEN = 2000


class PlanRow(BaseModel):
    """What would go for one reason."""

    volume: str
    camera: str
    why: str = Field(
        description="`retention_age`, `retention_quota`, `retention_space`, `retention_emergency`, or `person`."
    )
    files: int
    bytes: int
    oldest: Instant
    newest: Instant


class PlanVolume(BaseModel):
    """How full a volume is, and when its footage goes for want of space."""

    name: str
    state: str
    free: int
    total: int
    start: int = Field(description="With less free than this, bytes, its oldest footage goes …")
    stop: int = Field(description="… until so much is free.")


class Plan(BaseModel):
    """What would be deleted now."""

    rows: list[PlanRow]
    files: int
    bytes: int
    protected: int = Field(description="Files that would go, and stay because they are protected.")
    protected_bytes: int
    young: int = Field(description="Files that would go, and stay because they are younger than `min_age`.")
    volumes: list[PlanVolume]


class Run(BaseModel):
    """What is to be deleted now."""

    model_config = ConfigDict(extra="forbid")

    camera: str | None = Field(default=None, description="Only this one's footage; default: all.")
    max_age: str | None = Field(default=None, description="Whatever is older (`30d`, `12h`), in place of the rules.")


class Chosen(BaseModel):
    """Footage that is to go."""

    model_config = ConfigDict(extra="forbid")

    segments: list[SegmentId] = Field(min_length=1, max_length=MOST_CHOSEN, description="Ids of finished files.")


class Progress(BaseModel):
    """How far a run has come."""

    run: int
    done: bool
    files: int = Field(description="Deleted so far.")
    bytes: int
    failed: int
    protected: int = Field(description="Files that stayed because they are protected.")
    error: str


MaxAge = Annotated[str | None, Query(description="Whatever is older (`30d`, `12h`), in place of the rules.")]
OneCamera = Annotated[str | None, Query(description="Only this one's footage; default: all.")]


@router.get("/plan", summary="What would go", responses=errors(401, 403, 404, 503))
async def plan(services: Shared, who: Viewer, camera: OneCamera = None, max_age: MaxAge = None) -> Plan:
    """By age, by quota, and for want of space on each volume, as the rules say. Changes nothing."""
    if camera is not None:
        await recorded(services, who, camera)
    age = _age(max_age, "query")
    now = await live(services)
    infos = [info for info in parse_volumes(now.raw) if info.volume_id and info.total]
    terms, kept = terms_of(now.raw), Kept()

    def question(index: View) -> dict[tuple[str, str, str], tuple[int, int, int, int]]:
        with index.snapshot() as reader:
            asked = Question(
                terms=terms,
                volumes=tuple(info.volume_id for info in infos),
                now=now.now,
                need=needs(terms, infos, {}),
                full={info.volume_id for info in infos if is_full(info)},
                camera=camera or "",
                older_than=age,
            )
            shares = summary(evictions(reader, asked, kept=kept))
        return {
            (volume, name, str(why.value)): (share.files, share.bytes, share.oldest, share.newest)
            for (volume, name, why), share in shares.items()
        }

    shares = await services.reading.ask(question)
    names = {info.volume_id: info.name for info in infos}
    rows = [
        PlanRow(
            volume=names.get(volume, volume),
            camera=name,
            why=why,
            files=share[0],
            bytes=share[1],
            oldest=instant(share[2]),
            newest=instant(share[3]),
        )
        for (volume, name, why), share in sorted(shares.items())
        if who.sees(name)
    ]
    return Plan(
        rows=rows,
        files=sum(row.files for row in rows),
        bytes=sum(row.bytes for row in rows),
        protected=kept.protected,
        protected_bytes=kept.protected_bytes,
        young=kept.young,
        volumes=[
            PlanVolume(
                name=info.name,
                state=info.state,
                free=info.free,
                total=info.total,
                start=thresholds(terms, info.total).start,
                stop=thresholds(terms, info.total).stop,
            )
            for info in infos
        ],
    )


@router.post("/run", summary="Delete it now", status_code=202, responses=errors(401, 403, 404, 409, 503))
async def run(body: Run, services: Shared, who: Admin) -> Progress:
    """As the rules say; with `max_age`, everything that is older, but never what is protected."""
    wish: dict[str, Any] = {"camera": "" if body.camera is None else await recorded(services, who, body.camera)}
    age = _age(body.max_age, "body")
    if age is not None:
        wish["older_than"] = age
    answer = await services.engine.ask("retention", **wish)
    return Progress(run=answer["request"], done=False, files=0, bytes=0, failed=0, protected=0, error="")


@router.post("/delete", summary="Delete chosen files", status_code=202, responses=errors(401, 403, 404, 409, 503))
async def delete(body: Chosen, services: Shared, who: Admin) -> Progress:
    """Exactly these, for good; the ledger says that a person did it. How far it is: `GET /retention/run/{run}`.

    All or nothing is begun: 409 `segment_open` for one that is being written, `segment_protected` for one that is
    protected. Footage that is protected meanwhile stays.
    """
    wanted = list(dict.fromkeys(body.segments))
    rows, protection = await services.reading.ask(lambda index: _chosen(index, wanted))
    chosen: list[tuple[str, str, int, int]] = []
    for name in wanted:
        row = rows.get(name)
        if row is None or not who.sees(row.camera):
            raise unknown("segment", name)
        if row.state == OPEN or row.end_utc is None:
            raise HubError(409, "segment_open", f"the file of segment {name} is being written",
                           hint="stop the recording, or choose what ends before it begins")  # fmt: skip
        if protection.covers(row.camera, row.start_utc, row.end_utc):
            raise _is_protected(name)
        chosen.append((name, row.camera, row.start_utc, row.end_utc))
    answer = await services.engine.ask("retention", segments=chosen)
    if answer.get("protected"):
        raise _is_protected(answer["protected"][0])
    return Progress(run=answer["request"], done=False, files=0, bytes=0, failed=0, protected=0, error="")


def _is_protected(segment: str) -> HubError:
    return HubError(
        409, "segment_protected", f"the footage of segment {segment} is protected",
        hint="let it go first: DELETE /protections/{protection}",
    )  # fmt: skip


def _chosen(index: View, segments: list[str]) -> tuple[dict[str, SegmentRow], Protection]:
    with index.snapshot() as reader:
        return reader.segments_by_id(segments), Protection(protected_spans(reader))


@router.get("/run/{run}", summary="How far it is", responses=errors(401, 403, 404, 409, 503))
async def progress(run: Annotated[int, Path(ge=1, le=1 << 53)], services: Shared, _who: Admin) -> Progress:
    """Of a run that was begun since the service was started; 409: there is none."""
    answer = await services.engine.ask("retention", request=run)
    fields = {name: answer[name] for name in ("done", "files", "bytes", "failed", "protected", "error")}
    return Progress(run=run, **fields)


def _age(text: str | None, part: str) -> int | None:
    if text is None:
        return None
    try:
        return int(parse_duration(text))
    except UnitError as error:
        raise HubError(422, "duration_invalid", f"max_age: {error}", where=[part, "max_age"]) from None
