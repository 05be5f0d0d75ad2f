"""``/alerts``: what is wrong now, where it is told, and whether that works; adding and changing ways to tell it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from evertape.config.edit import add_channel, remove_channel, set_values
from evertape.hub import configuring
from evertape.hub.alerts.channels import shown
from evertape.hub.alerts.desk import PART, AlertDesk
from evertape.hub.alerts.usable import refuse_unusable
from evertape.hub.api.asking import Admin, Viewer
from evertape.hub.api.times import Instant, instant
from evertape.hub.auth.guard import Who
from evertape.hub.configuring import Change
from evertape.hub.errors import HubError, errors, unknown
from evertape.hub.services import Services, Shared

router = APIRouter(tags=["alerts"])

ChannelName = Annotated[str, Path(description="The channel's name.", examples=["mail"])]
Told = Literal["all", "critical"]
_MOST = 4000


class AlertAnswer(BaseModel):
    """Something that is wrong."""

    kind: str = Field(examples=["camera_not_recording"], description="As the event `alert` has it.")
    severity: str = Field(description="`critical`: footage is lost, or could be; or `warning`.")
    camera: str = Field(description="Empty: it is about no camera.")
    volume: str = Field(description="Empty: it is about no volume.")
    text: str = Field(description="What happened, what Evertape does, what a person can do.")
    detail: dict[str, Any] = Field(
        examples=[{"cause": "camera_unreachable"}], description="The values in the text, as the event has them."
    )
    since: Instant


class ChannelAnswer(BaseModel):
    """One way to tell people."""

    name: str
    to: str = Field(examples=["mailto://example.org"], description="What of its URL is no secret.")
    alerts: str = Field(description="`all`, or `critical`: only when footage is lost, or could be.")
    ended: bool = Field(description="It is told also when something is over.")
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


class NewChannel(BaseModel):
    """A way to tell people."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["mail"], max_length=100)
    url: str = Field(description="As Apprise writes it; it is never answered.", max_length=_MOST)
    alerts: Told = Field(default="all", description="`critical`: only when footage is lost, or could be.")
    ended: bool = Field(default=True, description="Whether to tell also when it is over.")


class ChannelChange(BaseModel):
    """What is to be changed of a channel; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(default=None, description="As Apprise writes it; null: as it was.", max_length=_MOST)
    alerts: Told | None = Field(default=None, description="`all` or `critical`; null: the default.")
    ended: bool | None = Field(default=None, description="Whether to tell also when it is over; null: the default.")


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
            detail=dict(one.detail), since=instant(one.since),
        )
        for one in desk.active
        if not one.camera or who.sees(one.camera)
    ]  # fmt: skip
    return AlertList(alerts=found, channels=_channels(desk))


@router.post("/alerts/test", summary="Try every way to tell people", responses=errors(401, 403, 503))
async def test(services: Shared, who: Admin) -> Tried:
    """Sends a message by each channel, and says which arrived; takes as long as the slowest, 30 s at most."""
    return await _try_out(services, who, desk_of(services).lines)


@router.post("/alerts/channels", summary="Add a channel", status_code=201, responses=errors(401, 403, 409, 503))
async def add(body: NewChannel, services: Shared, _who: Admin) -> Change:
    """In use at once. A URL that nothing can be sent to is refused; whether it arrives, a test says."""
    if body.name in services.config.alerts.channels:
        raise HubError(409, "channel_exists", f"there is a channel {body.name!r} already", where=["body", "name"])
    fields = body.model_dump(exclude={"name"}, exclude_defaults=True)
    await refuse_unusable({f"alerts.channels.{body.name}.url": body.url}, where=["body", "url"])
    return await configuring.change(services, lambda file: add_channel(file, body.name, fields))


@router.patch("/alerts/channels/{channel}", summary="Change a channel", responses=errors(401, 403, 404, 409, 503))
async def edit(channel: ChannelName, body: ChannelChange, services: Shared, _who: Admin) -> Change:
    """Its URL, or what it is told. What waited to be sent to it is dropped."""
    _configured(services, channel)
    given = body.model_dump(exclude_unset=True)
    if given.get("url") is None:
        given.pop("url", None)
    if not given:
        raise HubError(422, "nothing_to_change", "nothing is to be changed", where=["body"])
    values = {f"alerts.channels.{channel}.{key}": value for key, value in given.items()}
    await refuse_unusable(values, where=["body", "url"])
    return await configuring.change(services, lambda file: set_values(file, values))


@router.delete("/alerts/channels/{channel}", summary="Remove a channel", responses=errors(401, 403, 404, 409, 503))
async def remove(channel: ChannelName, services: Shared, _who: Admin) -> Change:
    """Nothing is sent there any more; what waited is dropped."""
    _configured(services, channel)
    return await configuring.change(services, lambda file: remove_channel(file, channel))


@router.post("/alerts/channels/{channel}/test", summary="Try one channel", responses=errors(401, 403, 404, 503))
async def test_one(channel: ChannelName, services: Shared, who: Admin) -> Tried:
    """Sends a message by it, and says whether it arrived; takes 30 s at most."""
    lines = desk_of(services).lines
    if channel not in lines:
        raise unknown("channel", channel, known=list(lines))
    return await _try_out(services, who, [channel])


async def _try_out(services: Services, who: Who, names: Iterable[str]) -> Tried:
    desk, names = desk_of(services), list(names)
    title = f"{services.config.installation.name}: a test"
    text = f"✓ This is a test that {who.name} asked for. Alerts would arrive like this."
    await asyncio.gather(*(desk.lines[name].try_out(title, text) for name in names))
    return Tried(channels=[one for one in _channels(desk) if one.name in names])


def _configured(services: Services, channel: str) -> None:
    if channel not in services.config.alerts.channels:
        raise unknown("channel", channel, known=list(services.config.alerts.channels))


def _channels(desk: AlertDesk) -> list[ChannelAnswer]:
    return [
        ChannelAnswer(
            name=name, to=shown(line.settings.url.get_secret_value()), alerts=line.settings.alerts,
            ended=line.settings.ended, ok=not line.problem, problem=line.problem, waiting=line.waiting,
        )
        for name, line in desk.lines.items()
    ]  # fmt: skip
