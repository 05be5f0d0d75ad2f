"""``/healthz`` and ``/readyz``: for machines; they say nothing that is secret."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from evertape.hub.errors import errors
from evertape.hub.services import Shared

router = APIRouter(tags=["machines"])


class Healthy(BaseModel):
    """It lives."""

    status: str = Field(default="ok", description="`ok`.")


@router.get("/healthz", summary="Whether the hub lives")
async def healthz() -> Healthy:
    """Answered by the hub alone: whoever supervises it need not know more."""
    return Healthy(status="ok")


@router.get("/readyz", summary="Whether questions can be answered", response_model=Healthy, responses=errors(503))
async def readyz(services: Shared) -> Response:
    """Whether the engine is there, so that more than files can be served."""
    await services.engine.status()
    return JSONResponse({"status": "ok"})
