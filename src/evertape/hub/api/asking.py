"""Who asks, as a parameter of a route: ``who: Viewer``."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends

from evertape.hub.auth.guard import Who, admin, operator, viewer

Viewer: TypeAlias = Annotated[Who, Depends(viewer)]
"""Anybody with an account."""
Operator: TypeAlias = Annotated[Who, Depends(operator)]
"""Who may start and stop recording."""
Admin: TypeAlias = Annotated[Who, Depends(admin)]
"""Who may change the configuration."""
