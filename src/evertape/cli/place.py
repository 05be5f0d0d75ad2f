"""Where a verb works: the data directory and the configuration that its options name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evertape.config.paths import DataDir, data_dir
from evertape.errors import NotRunningError

if TYPE_CHECKING:
    from evertape.config.load import LoadedConfig


@dataclass(frozen=True, slots=True)
class Place:
    """What ``--data`` and ``--config`` chose.

    Args:
        data: the data directory; it need not exist.
        config: the configuration file; it need not exist.
        chosen: somebody named the directory (option or environment), it is not the platform's default.
    """

    data: DataDir
    config: Path
    chosen: bool = False

    @classmethod
    def of(cls, data: Path | None, config: Path | None) -> Place:
        """The place that these options mean; nothing on the disk is touched."""
        import os

        from evertape.config.paths import DATA_VARIABLE

        found = data_dir(data)
        chosen = data is not None or bool(os.environ.get(DATA_VARIABLE))
        file = found.config_file if config is None else Path(os.path.abspath(config.expanduser()))
        return cls(found, file, chosen)

    def load(self, *, look: bool = False) -> LoadedConfig:
        """The configuration; raises ``ConfigError``."""
        from evertape.config.load import load

        return load(self.config, look=look)

    def ask(self, verb: str, **args: Any) -> Any:
        """Ask the running service; raises ``NotRunningError`` if there is none, ``UsageError`` if it refuses."""
        from evertape.ipc.client import ServiceClient

        with ServiceClient(self.data.root) as client:
            return client.request(verb, **args)

    def reload(self) -> bool:
        """Have a running service read the changed configuration; False if none runs."""
        try:
            self.ask("reload")
        except NotRunningError:
            return False
        return True
