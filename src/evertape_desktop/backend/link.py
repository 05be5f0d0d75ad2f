"""The line to a recorder. All of it runs on the backend's own thread and loop, except ``source``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from evertape.engine.storage_notice import StorageCallback
    from evertape.media.view.terms import ViewSource

API = "/api/v1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Args:
        status: of HTTP.
        body: all of it.
        content_type: as the answer says.
    """

    status: int
    body: bytes
    content_type: str = ""


class Link(Protocol):
    """See the module. Everything raises ``Problem``."""

    @property
    def name(self) -> str:
        """What is at the other end, for a person."""

    async def request(
        self, method: str, path: str, query: Mapping[str, Any], body: Any, headers: Mapping[str, str]
    ) -> Answer:
        """Ask for something below ``/api/v1``; ``body`` is sent as JSON unless it is ``None``."""

    def events(self) -> AsyncIterator[dict[str, Any]]:
        """``{"type": "open"}``, then what ``/events/live`` sends, from now on; ends by ``Problem``."""

    def source(self, camera: str, stream: str) -> ViewSource:
        """Encoded live pictures; called on the view's thread."""

    @property
    def can_stay(self) -> bool:
        """Whether a login can be kept for the next time."""

    async def log_in(self, name: str, password: str, stay: bool = False) -> None:
        """Be somebody, from now on; ``stay``: the next time too, without being asked."""

    async def close(self) -> None:
        """Let go of everything."""


class StorageTeller(Protocol):
    """An engine in this process, which tells of its storage itself; any thread."""

    def register_storage_error_callback(self, camera_id: str, callback: StorageCallback) -> None:
        """From now on tell ``callback``, on the engine's thread, while this camera records."""

    def unregister_storage_error_callback(self, camera_id: str, callback: StorageCallback) -> None:
        """No longer."""
