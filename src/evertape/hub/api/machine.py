"""``/machine``: how the machine is that records."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel, Field

from evertape.hub.api.asking import Viewer
from evertape.hub.errors import errors
from evertape.hub.machine import MachineWatch
from evertape.hub.services import Shared

router = APIRouter(tags=["status"])

PART = "machine"


class TemperatureAnswer(BaseModel):
    """One thermometer."""

    name: str
    celsius: float


class MachineAnswer(BaseModel):
    """Processors, memory and temperatures; what this system does not tell is null or missing."""

    processors: int
    cpu: float | None = Field(description="Share of all processors that was busy since it was last asked, 0 to 1.")
    load: float | None = Field(description="Programs that wanted a processor, over the last minute.")
    memory: int | None = Field(description="Bytes.")
    available: int | None = Field(description="Bytes that programs can still have.")
    uptime_s: float | None
    temperatures: list[TemperatureAnswer]


@router.get("/machine", summary="How the machine is", responses=errors(401, 503))
async def machine(services: Shared, _who: Viewer) -> MachineAnswer:
    """Processors, memory, temperatures. Volumes are in `/volumes`, the service's processes in `/status`."""
    watch: MachineWatch = services.parts.setdefault(PART, MachineWatch())
    look = await asyncio.to_thread(watch.look)
    return MachineAnswer(
        processors=look.processors,
        cpu=None if look.cpu is None else round(look.cpu, 4),
        load=look.load,
        memory=look.memory,
        available=look.available,
        uptime_s=look.uptime_s,
        temperatures=[TemperatureAnswer(name=one.name, celsius=one.celsius) for one in look.temperatures],
    )
