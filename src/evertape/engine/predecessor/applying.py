"""Doing what was planned. Blocking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evertape.config.desktop import DesktopSettings, load_desktop, save_desktop
from evertape.config.edit import add_all
from evertape.engine.predecessor.model import ImportPlan
from evertape.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done.

    Args:
        cameras: ids that were added.
        values: keys of the configuration that were set.
        volume: the volume that was added; empty: none.
        desktop: keys of ``desktop.toml`` that were set.
    """

    cameras: tuple[str, ...]
    values: tuple[str, ...]
    volume: str
    desktop: tuple[str, ...]

    @property
    def configured(self) -> bool:
        """The configuration is another one now."""
        return bool(self.cameras or self.values or self.volume)


def apply(plan: ImportPlan, config: Path, desktop: Path, *, system_disk: bool = False, save: bool = True) -> Applied:
    """Do it: the configuration all at once or not at all, its comments kept; then ``desktop.toml``.

    Args:
        plan: of ``plan``.
        config: the configuration file.
        desktop: ``desktop.toml``; made if it is not there.
        system_disk: a person agrees to a volume on the disk of the system itself.
        save: if not, everything is checked, and nothing is written.

    Raises:
        InvalidConfig: the configuration would be wrong with it.
        ConfigError: it cannot be written, or was changed since the plan was made; then nothing was changed in it.
    """
    volume = plan.volume if plan.volume is not None and (system_disk or not plan.volume.needs_consent) else None
    volumes: dict[str, Any] = {}
    if volume is not None:
        volumes[volume.name] = {"path": str(volume.path), "role": "primary"}
        # Said by a person, so that it is not taken for a mount point whose disk is missing.
        volumes[volume.name] |= {"mount": False} if volume.needs_consent else {}
        if save:
            _make(volume.path)
    cameras = {new.id: new.fields for new in plan.cameras}
    if cameras or volumes or plan.values:
        add_all(config, values=plan.values, cameras=cameras, volumes=volumes, save=save)
    if save and plan.desktop:
        _keep(desktop, merged(load_desktop(desktop), plan.desktop))
    keys = tuple(f"{table}.{name}" for table, values in plan.desktop.items() for name in values)
    return Applied(tuple(cameras), tuple(plan.values), volume.name if volume else "", keys)


def merged(now: DesktopSettings, planned: Mapping[str, Mapping[str, Any]]) -> DesktopSettings:
    """The desktop's settings with what is planned in them. Pure; a window that is open takes it up itself."""
    data = now.model_dump(mode="json")
    return DesktopSettings.model_validate(data | {name: data[name] | dict(planned[name]) for name in planned})


def _keep(path: Path, settings: DesktopSettings) -> None:
    try:
        save_desktop(path, settings)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}", hint="import again") from None


def _make(path: Path) -> None:
    """The volume's folder, in that of the recordings, which was there when it was looked at."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}; nothing was changed") from None
