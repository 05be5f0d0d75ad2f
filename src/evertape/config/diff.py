"""What changed between two configurations, so that a reload touches only that. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from evertape.config.schema import Config
from evertape.config.sections import Section
from evertape.types import CameraId

K = TypeVar("K", bound=str)


@dataclass(frozen=True, slots=True)
class ConfigDiff:
    """The differences between an old and a new configuration.

    Args:
        cameras_added: ids that are new.
        cameras_removed: ids that are gone.
        cameras_changed: id to the fields that differ (``url``, ``name``, ``backoff``, …).
        volumes_added: names that are new.
        volumes_removed: names that are gone.
        volumes_changed: name to the fields that differ.
        sections: section to the fields that differ, for ``recording``, ``streaming`` and the like.
    """

    cameras_added: frozenset[CameraId] = frozenset()
    cameras_removed: frozenset[CameraId] = frozenset()
    cameras_changed: Mapping[CameraId, frozenset[str]] = field(default_factory=dict)
    volumes_added: frozenset[str] = frozenset()
    volumes_removed: frozenset[str] = frozenset()
    volumes_changed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sections: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything differs at all."""
        return any((
            self.cameras_added, self.cameras_removed, self.cameras_changed,
            self.volumes_added, self.volumes_removed, self.volumes_changed, self.sections,
        ))  # fmt: skip


def diff(old: Config, new: Config) -> ConfigDiff:
    """Compare two configurations, field by field; fetched passwords count as fields."""
    sections = {}
    for name in Config.model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, Section) and (changed := _fields(before, after)):
            sections[name] = changed
    return ConfigDiff(
        cameras_added=frozenset(new.cameras.keys() - old.cameras.keys()),
        cameras_removed=frozenset(old.cameras.keys() - new.cameras.keys()),
        cameras_changed=_changed(old.cameras, new.cameras),
        volumes_added=frozenset(new.volumes.keys() - old.volumes.keys()),
        volumes_removed=frozenset(old.volumes.keys() - new.volumes.keys()),
        volumes_changed=_changed(old.volumes, new.volumes),
        sections=sections,
    )


def _changed(old: Mapping[K, Section], new: Mapping[K, Section]) -> dict[K, frozenset[str]]:
    both = {key: _fields(old[key], new[key]) for key in old.keys() & new.keys()}
    return {key: fields for key, fields in sorted(both.items()) if fields}


def _fields(old: Section, new: Section) -> frozenset[str]:
    return frozenset(name for name in type(old).model_fields if getattr(old, name) != getattr(new, name))
