"""``/alerts``: what is wrong now, where it is told, and whether that works."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel, Field

from evertape.hub.alerts.channels import shown
from evertape.hub.alerts.desk import PART, AlertDesk
from evertape.hub.api.asking import Admin, Viewer
from evertape.hub.api.times import Instant, instant
from evertape.hub.errors import HubError, errors
from evertape.hub.services import Services, Shared

router = APIRouter(tags=["alerts"])


class AlertAnswer(BaseModel):
    """Something that is wrong."""

    kind: str = Field(examples=["camera_not_recording"], description="As the event `alert` has it.")
    severity: str = Field(description="`critical`: footage is lost, or could be; or `warning`.")
    camera: str = Field(description="Empty: it is about no camera.")
    volume: str = Field(description="Empty: it is about no volume.")
    text: str = Field(description="What happened, what Evertape does, what a person can do.")
    since: Instant


class ChannelAnswer(BaseModel):
    """One way to tell people."""

    name: str
    to: str = Field(examples=["mailto://example.org"], description="What of its URL is no secret.")
    ok: bool = Field(description="The last message arrived, or there was none.")
    problem: str = Field(description="What went wrong; empty: nothing.")
    waiting: int = Field(description="Messages that have yet to be sent.")


class AlertList(BaseModel):
    """What is wrong now, and where it is told."""

    alerts: list[AlertAnswer]
    channels: list[ChannelAnswer]


class Tried(BaseModel):
    """What came of a test."""

    channels: list[ChannelAnswer]


def desk_of(services: Services) -> AlertDesk:
    """The hub's; raises 503 where there is none."""
    desk = services.parts.get(PART)
    if desk is None:
        raise HubError(503, "alerts_away", "alerts are not running in this hub")
    assert isinstance(desk, AlertDesk)
    return desk


@router.get("/alerts", summary="What is wrong now", responses=errors(401, 403, 503))
async def alerts(services: Shared, who: Viewer) -> AlertList:
    """Alerts that have not ended, oldest first, of the cameras that whoever asks may see."""
    desk = desk_of(services)
    found = [
        AlertAnswer(
            kind=one.kind, severity=one.severity, camera=one.camera, volume=one.volume, text=one.text,
            since=instant(one.since),
        )
        for one in desk.active
        if not one.camera or who.sees(one.camera)
    ]  # fmt: skip
    return AlertList(alerts=found, channels=_channels(desk))


@router.post("/alerts/test", summary="Try every way to tell people", responses=errors(401, 403, 503))
async def test(services: Shared, who: Admin) -> Tried:
    """Sends a message by each channel, and says which arrived; takes as long as the slowest, 30 s at most."""
    desk = desk_of(services)
    title = f"{services.config.installation.name}: a test"
    text = f"✓ This is a test that {who.name} asked for. Alerts would arrive like this."
    await asyncio.gather(*(line.try_out(title, text) for line in desk.lines.values()))
    return Tried(channels=_channels(desk))


def _channels(desk: AlertDesk) -> list[ChannelAnswer]:
    return [
        ChannelAnswer(
            name=name, to=shown(line.settings.url.get_secret_value()), ok=not line.problem, problem=line.problem,
            waiting=line.waiting,
        )
        for name, line in desk.lines.items()
    ]  # fmt: skip
