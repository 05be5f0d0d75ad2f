"""Who may what: three roles, each of which may what the one before it may."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an account, or a token, may do."""

    VIEWER = "viewer"
    """Watch, play back, export, read."""
    OPERATOR = "operator"
    """Also start, stop and restart recording, protect footage."""
    ADMIN = "admin"
    """Also change the configuration, the volumes and the accounts."""

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Role).index(self)

    def may(self, needed: Role) -> bool:
        """Whether this role may do what ``needed`` may."""
        return self.rank >= needed.rank
