"""``/config``: looking at the configuration, changing it, having it read again."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from evertape.config.edit import set_values
from evertape.config.load import LoadedConfig, load, load_text
from evertape.config.problems import InvalidConfig
from evertape.config.show import shown
from evertape.hub import configuring
from evertape.hub.alerts.usable import refuse_unusable
from evertape.hub.api.asking import Admin
from evertape.hub.configuring import Change
from evertape.hub.errors import HubError, Problem, errors, problems_of
from evertape.hub.services import Shared

router = APIRouter(prefix="/config", tags=["configuration"])


class ConfigAnswer(BaseModel):
    """The configuration in force, defaults included, every password masked."""

    file: str
    config: dict[str, Any] = Field(description="Tables and keys of docs/reference/config.md.")


class Text(BaseModel):
    """A configuration that is to be checked."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(default=None, max_length=1 << 20, description="TOML; default: the file as it is now.")
    values: dict[str, Any] | None = Field(
        default=None, description="The file with these keys changed, as `PATCH /config` has them; in place of `text`."
    )


class Checked(BaseModel):
    """What is wrong with a configuration, and what is doubtful."""

    ok: bool
    problems: list[Problem]
    warnings: list[str]


class Reloaded(BaseModel):
    """What a reload changed."""

    changed: list[str] = Field(description="Keys; never their values.")


@router.get("", summary="The configuration", responses=errors(401, 403))
async def config(services: Shared, _who: Admin) -> ConfigAnswer:
    """In force now."""
    return ConfigAnswer(file=str(services.settings.config_file), config=shown(services.config))


@router.patch("", summary="Change keys", responses=errors(401, 403, 409, 503))
async def edit(body: dict[str, Any], services: Shared, _who: Admin) -> Change:
    """Dotted keys with their new values, such as `{"recording.rotation": "5min"}`; `null`: its default counts again.

    All or nothing: checked before anything is written. Comments and everything else in the file stay as they are.
    """
    values = configuring.plain(body)
    if not values:
        raise HubError(422, "nothing_to_change", "nothing is to be changed", where=["body"])
    await refuse_unusable(values)
    return await configuring.change(services, lambda file: set_values(file, values))


@router.post("/check", summary="Check a configuration", responses=errors(401, 403))
async def check(body: Text, services: Shared, _who: Admin) -> Checked:
    """Says everything that is wrong with it, with the line and what was probably meant. Changes nothing."""
    values = configuring.plain(body.values or {})
    if values and body.text is not None:
        raise HubError(422, "given_twice", "either text or values is checked, not both", where=["body", "values"])

    def look() -> LoadedConfig:
        file = services.settings.config_file
        if values:
            return set_values(file, values, save=False)
        return load(file) if body.text is None else load_text(body.text, file)

    try:
        await refuse_unusable(values)
        loaded = await asyncio.to_thread(look)
    except InvalidConfig as error:
        return Checked(ok=False, problems=problems_of(error), warnings=[])
    except HubError as error:
        said = Problem(what=error.what, hint=error.hint, where=error.where[-1:])
        return Checked(ok=False, problems=[said], warnings=[])
    return Checked(ok=True, problems=[], warnings=[str(warning) for warning in loaded.warnings])


@router.post("/reload", summary="Read the file again", responses=errors(401, 403, 409, 503))
async def reload(services: Shared, _who: Admin) -> Reloaded:
    """As when it changes; one with mistakes is refused, and the one in force stays."""
    answer = await services.engine.ask("reload")
    return Reloaded(changed=[str(key) for key in answer["changed"]])
