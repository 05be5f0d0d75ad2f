"""``/exports``: footage to take away, as jobs with progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from evertape.domain.roles import Role
from evertape.evidence.verify import LIST
from evertape.hub.api.asking import Viewer
from evertape.hub.api.common import live, recorded, window
from evertape.hub.api.times import Instant, Moment, instant, optional_instant
from evertape.hub.auth.guard import Who
from evertape.hub.errors import HubError, errors, unknown
from evertape.hub.jobs import Exports, Job, JobState, new_id
from evertape.hub.ranges import respond
from evertape.hub.services import Services, Shared
from evertape.types import NS_PER_S
from evertape.types import CameraId as Id

router = APIRouter(prefix="/exports", tags=["exports"])

MOST_CAMERAS = 64
MOST_NS = 31 * 24 * 3600 * NS_PER_S

ExportId = Annotated[str, Path(description="The export's id.", pattern="^[0-9a-f]{32}$")]


class NewExport(BaseModel):
    """Footage to take away."""

    model_config = ConfigDict(extra="forbid")

    cameras: list[str] = Field(min_length=1, max_length=MOST_CAMERAS)
    start: Moment = Field(description="Begins at the keyframe at or before it.")
    end: Moment
    bundle: bool = Field(default=False, description="With what proves that the footage was not changed since.")
    close_gaps: bool = Field(default=False, description="Go on at once where footage is missing.")
    partial: bool = Field(default=False, description="Leave out what lies on volumes that are away.")


class ExportAnswer(BaseModel):
    """One export, and how far it is."""

    id: str
    owner: str
    cameras: list[str]
    start: Instant
    end: Instant
    bundle: bool
    created: Instant
    finished: Instant | None
    state: JobState
    progress: float = Field(description="0 to 1.")
    file: str = Field(description="The name of what came of it; empty: nothing yet.")
    bytes: int
    notes: list[str] = Field(description="What a person should know of it.")
    error: str
    hint: str


class ExportList(BaseModel):
    """Exports, the newest first; finished ones are kept for a day."""

    exports: list[ExportAnswer]


@router.post("", summary="Export footage", status_code=202, responses=errors(401, 403, 404, 429))
async def add(body: NewExport, services: Shared, who: Viewer) -> ExportAnswer:
    """Without re-encoding: an MP4 if it fits into one, else a .zip. One export after the other."""
    cameras = [await recorded(services, who, camera) for camera in dict.fromkeys(body.cameras)]
    window(body.start, body.end)
    if body.end - body.start > MOST_NS:
        raise HubError(422, "window_too_long", "at most 31 days can be exported at once", where=["body", "end"])
    job = Job(
        id=new_id(),
        owner=who.name,
        cameras=cameras,
        start=body.start,
        end=body.end,
        bundle=body.bundle,
        created=int(services.clock.utc_ns()),
        options={"close_gaps": body.close_gaps, "partial": body.partial},
    )
    return _answer(await _jobs(services).add(job))


@router.get("", summary="All exports", responses=errors(401, 403))
async def exports(services: Shared, who: Viewer) -> ExportList:
    """One's own; those of everybody for an operator."""
    return ExportList(exports=[_answer(job) for job in await _jobs(services).list() if _may_see(who, job)])


@router.get("/{export}", summary="One export", responses=errors(401, 403, 404))
async def export(export: ExportId, services: Shared, who: Viewer) -> ExportAnswer:
    """How far it is."""
    return _answer(await _found(services, who, export))


@router.get(
    "/{export}/file",
    summary="What came of it",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}, "application/zip": {}}, "description": "The whole file."},
        206: {"content": {"video/mp4": {}, "application/zip": {}}, "description": "The range that was asked for."},
        **errors(401, 403, 404, 409, 416, 503),
    },
)
async def file(
    export: ExportId,
    services: Shared,
    who: Viewer,
    range_: Annotated[str | None, Header(alias="Range", description="One range of bytes, `bytes=0-1023`.")] = None,
) -> Response:
    """The file, or a range of it."""
    job = await _finished(services, who, export)
    opened = await services.files.open_path(_jobs(services).path(job))
    headers = {"Content-Disposition": f'attachment; filename="{job.file}"', "ETag": f'"{job.id}"'}
    return respond(opened, "video/mp4" if job.file.endswith(".mp4") else "application/zip", headers, range_)


@router.get(
    "/{export}/hash",
    summary="Its hash",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {}}, "description": "A line as `b3sum` writes it."},
        **errors(401, 403, 404, 409, 503),
    },
)
async def hash_list(export: ExportId, services: Shared, who: Viewer) -> Response:
    """The list to keep beside the file: `evertape verify FILE` and `b3sum --check` say whether it was changed since."""
    job = await _finished(services, who, export)
    opened = await services.files.open_path(_jobs(services).list_path(job))
    return respond(opened, "text/plain", {"Content-Disposition": f'attachment; filename="{job.file}{LIST}"'})


@router.delete("/{export}", summary="Cancel or delete", status_code=204, responses=errors(401, 403, 404))
async def remove(export: ExportId, services: Shared, who: Viewer) -> Response:
    """Stops it if it is under way, and deletes what came of it. The footage itself stays."""
    job = await _found(services, who, export)
    await _jobs(services).remove(job.id)
    return Response(status_code=204)


async def _finished(services: Services, who: Who, export: str) -> Job:
    job = await _found(services, who, export)
    if job.state is not JobState.DONE:
        raise HubError(409, "export_unfinished", "the export is not finished", hint=job.error)
    return job


async def _found(services: Services, who: Who, export: str) -> Job:
    job = await _jobs(services).get(export)
    if job is None or not _may_see(who, job):
        raise unknown("export", export)
    return job


def _may_see(who: Who, job: Job) -> bool:
    mine = job.owner == who.name or who.may(Role.OPERATOR)
    return mine and all(who.sees(camera) for camera in job.cameras)


def _jobs(services: Services) -> Exports:
    return services.exports


async def order_of(services: Services, job: Job) -> Mapping[str, Any]:
    """What ``work_export`` is told: where everything is now, and up to when files that are written hold footage."""
    now = await live(services)
    reach = await services.reading.ask(now.open_until)
    roots = await services.files.roots()
    held = {name: now.held(name) for name in job.cameras}
    cameras = services.config.cameras
    return {
        "index": str(services.settings.data.index_file),
        "state": str(services.settings.data.root / "state"),
        "roots": {volume: [place.name, place.path] for volume, place in roots.items()},
        "open_until": reach,
        "held": {name: [one.since, str(one.cause)] for name, one in held.items() if one is not None},
        "cameras": job.cameras,
        "names": {name: cameras[Id(name)].name for name in job.cameras if name in cameras},
        "start": job.start,
        "end": job.end,
        "bundle": job.bundle,
        "who": job.owner,
        **job.options,
    }


def _answer(job: Job) -> ExportAnswer:
    return ExportAnswer(
        id=job.id,
        owner=job.owner,
        cameras=job.cameras,
        start=instant(job.start),
        end=instant(job.end),
        bundle=job.bundle,
        created=instant(job.created),
        finished=optional_instant(job.finished),
        state=job.state,
        progress=round(min(1.0, job.done / job.total), 4) if job.total else 0.0,
        file=job.file,
        bytes=job.bytes,
        notes=job.notes,
        error=job.error,
        hint=job.hint,
    )
