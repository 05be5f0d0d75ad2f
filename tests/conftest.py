"""What holds for every test: children find the program, and several workers take turns (see ``scheduling``)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

SRC = str(Path(__file__).resolve().parents[1] / "src")
_KEY = "timed_tests"


def pytest_configure(config: pytest.Config) -> None:
    """Processes that tests start, or that the program under test starts, import the same source as the tests."""
    paths = [SRC, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, paths)))


@pytest.hookimpl(tryfirst=True)  # before the worker says that it has collected
def pytest_collection_finish(session: pytest.Session) -> None:
    """On a worker: tell the controller which tests are timed."""
    given = getattr(session.config, "workerinput", {})
    if _KEY in given:
        from scheduling import write_timed

        write_timed(Path(given[_KEY]), [item.nodeid for item in session.items if item.get_closest_marker("timed")])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """On the controller: tell a worker where to write that."""
    node.workerinput[_KEY] = str(_timed_file(node.config))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """On the controller: how tests are given out, unless another way is asked for by name."""
    if config.getvalue("dist") != "load":  # what -n alone means
        return None
    from scheduling import QuietScheduling

    return QuietScheduling(config, log, lambda: set(_timed_file(config).read_text().splitlines()))


_FILE = pytest.StashKey[Path]()


def _timed_file(config: pytest.Config) -> Path:
    if _FILE not in config.stash:
        folder = tempfile.TemporaryDirectory(prefix="evertape-tests-")
        config.add_cleanup(folder.cleanup)
        config.stash[_FILE] = Path(folder.name) / "timed"
    return config.stash[_FILE]
