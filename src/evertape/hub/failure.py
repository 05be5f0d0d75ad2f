"""A request, or a piece of work, that cannot be done. Light, for the processes that do one thing and leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evertape.errors import EvertapeError


class HubError(EvertapeError):
    """A request that cannot be done.

    Args:
        status: of HTTP.
        code: for programs.
        what: for people; credentials are masked.
        hint: what the person can do.
        where: the part of the request that is meant.
        headers: such as ``Retry-After``.
    """

    def __init__(
        self,
        status: int,
        code: str,
        what: str,
        *,
        hint: str = "",
        where: Sequence[str | int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(what, hint=hint)
        self.status = status
        self.code = code
        self.where = list(where)
        self.headers = dict(headers or {})


def unknown(kind: str, name: str, *, known: Sequence[str] = (), parameter: str = "") -> HubError:
    """404: there is no such camera, segment, volume; it looks the same if the asking person may not see it."""
    hint = f"the {kind}s are: {', '.join(known)}" if known else ""
    what = f"there is no {kind} {name!r}"
    return HubError(404, f"{kind.replace(' ', '_')}_unknown", what, hint=hint, where=["path", parameter or kind])
