"""``/protections``: footage that is not deleted, whatever the rules say."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from evertape.hub.api.asking import Operator, Viewer
from evertape.hub.api.common import recorded, window
from evertape.hub.api.times import Instant, Moment, instant
from evertape.hub.errors import errors, unknown
from evertape.hub.services import Services, Shared
from evertape.store.index import View
from evertape.store.retention import protections as protected
from evertape.store.rows import ProtectionRow

router = APIRouter(prefix="/protections", tags=["retention"])


class Protection(BaseModel):
    """Footage that stays."""

    id: str
    camera: str
    start: Instant
    end: Instant
    who: str
    why: str
    at: Instant = Field(description="When it was asked for.")
    files: int = Field(description="Held now; files are kept whole.")
    bytes: int


class ProtectionList(BaseModel):
    """What is protected, by camera and start."""

    protections: list[Protection]


class NewProtection(BaseModel):
    """Footage that is to stay."""

    model_config = ConfigDict(extra="forbid")

    camera: str
    start: Moment
    end: Moment
    why: str = Field(default="", max_length=500, description="The reason, for whoever looks later.")


class Protected(BaseModel):
    """It stays from now on, or no longer."""

    id: str
    camera: str
    on_record: bool = Field(description="The journal has confirmed it; it counts all the same.")
    files: int = Field(default=0, description="Held now.")
    bytes: int = 0


@router.get("", summary="What is protected", responses=errors(401, 403, 503))
async def protections(services: Shared, who: Viewer) -> ProtectionList:
    """Of the cameras that whoever asks may see."""

    def question(index: View) -> list[tuple[ProtectionRow, tuple[int, int]]]:
        rows = [row for row in protected(index) if who.sees(row.camera)]
        return [(row, _held(index, row.camera, row.start_utc, row.end_utc)) for row in rows]

    found = await services.reading.ask(question)
    return ProtectionList(protections=[_answer(row, held) for row, held in found])


@router.post("", summary="Protect footage", status_code=201, responses=errors(401, 403, 404, 409, 503))
async def protect(body: NewProtection, services: Shared, who: Operator) -> Protected:
    """Answers once it is on record. Files are kept whole."""
    await recorded(services, who, body.camera)
    window(body.start, body.end)
    answer = await services.engine.ask(
        "protect", camera=body.camera, start_utc=body.start, end_utc=body.end, why=body.why, who=who.name
    )
    files, size = await services.reading.ask(lambda index: _held(index, body.camera, body.start, body.end))
    return Protected(
        id=answer["protection"], camera=body.camera, on_record=answer["on_record"], files=files, bytes=size
    )


@router.delete("/{protection}", summary="Let it go again", responses=errors(401, 403, 404, 409, 503))
async def unprotect(
    protection: Annotated[str, Path(description="Its id.", max_length=64)], services: Shared, who: Operator
) -> Protected:
    """The rules may delete that footage again."""
    camera = await _camera_of(services, protection)
    if camera is None or not who.sees(camera):
        raise unknown("protection", protection)
    answer = await services.engine.ask("unprotect", protection=protection, camera=camera, who=who.name)
    return Protected(id=protection, camera=camera, on_record=answer["on_record"])


async def _camera_of(services: Services, protection: str) -> str | None:
    rows = await services.reading.ask(lambda index: protected(index))
    return next((row.camera for row in rows if row.id == protection), None)


def _held(index: View, camera: str, start: int, end: int) -> tuple[int, int]:
    """Files and bytes there are to keep now; a file that is being written counts when it is finished."""
    rows = index.segments(camera, start, end)
    return len(rows), sum(row.bytes or 0 for row in rows)


def _answer(row: ProtectionRow, held: tuple[int, int]) -> Protection:
    return Protection(
        id=row.id,
        camera=row.camera,
        start=instant(row.start_utc),
        end=instant(row.end_utc),
        who=row.who,
        why=row.why,
        at=instant(row.at),
        files=held[0],
        bytes=held[1],
    )
