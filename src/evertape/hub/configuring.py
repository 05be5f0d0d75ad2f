"""Changing the configuration from the hub: checked before it is written, comments stay, in force at once.

Threads: the owner's loop; the file is edited in a thread, one change after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from evertape.config.load import LoadedConfig
from evertape.errors import NotRunningError, UsageError
from evertape.hub.errors import HubError
from evertape.hub.services import Services


class Change(BaseModel):
    """What came of a change."""

    in_force: bool = Field(description="The running service has taken it up.")
    changed: list[str] = Field(description="The keys that a reload found changed; never their values.")
    warnings: list[str] = Field(description="What is doubtful in the configuration as it is now.")
    problem: str = Field(default="", description="Saved, but not in force: why.")


async def change(services: Services, edit: Callable[[Path], LoadedConfig]) -> Change:
    """Edit the file, then have the service read it.

    Raises:
        ConfigError: refused; nothing was changed.
    """
    file = services.settings.config_file
    # A reload of another one in between does no harm: what is in the file counts.
    loaded = await asyncio.to_thread(edit, file)
    changed, problem = await reload(services)
    warnings = [str(warning) for warning in loaded.warnings]
    return Change(in_force=not problem, changed=changed, warnings=warnings, problem=problem)


async def reload(services: Services) -> tuple[list[str], str]:
    """Have the service read the file again: the keys that changed, or why it has not."""
    try:
        answer = await services.engine.ask("reload")
    except (NotRunningError, UsageError) as error:
        return [], error.what
    return [str(key) for key in answer["changed"]], ""


def plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Values that may stand in the file; raises 422."""
    for name, value in fields.items():
        if value is not None and not isinstance(value, str | int | float | bool):
            raise HubError(
                422, "value_invalid", f"{name}: must be a text, a number, a flag or null", where=["body", name]
            )
    return dict(fields)
