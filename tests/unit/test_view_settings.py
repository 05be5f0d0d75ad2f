"""Every setting of the section `view`, and every option in its place, reaches what it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evertape.cli import view_source
from evertape.cli.place import Place
from evertape.cli.view import view_options
from evertape.cli.view_source import find_target, open_source
from evertape.config.load import load_text
from evertape.config.override import override
from evertape.config.schema import Config
from evertape.config.sections import View
from evertape.engine.assign import camera_settings
from evertape.media.view.camera import CameraSource
from evertape.media.view.terms import SinkKind
from evertape.types import NS_PER_MS, NS_PER_S, CameraId, Stream

TEXT = """
[installation]
timezone = "UTC"

[cameras.yard]
name = "The yard"
url = "rtsp://viewer:p%40ss@192.0.2.7:8554/main"
transport = "udp"

[view]
fallback = "restart"
fallback_source = "snow"
timeout = "3s"
restart = "7s"
retry = "400ms"
decoder = "software"
sub_linger = "25s"
max_behind = "900ms"
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_text(TEXT, tmp_path / "evertape.toml").config


def test_each_setting_that_a_view_needs_is_among_its_options(config: Config) -> None:
    target = find_target("yard", config, Stream.MAIN)
    options = view_options(config, config.view, target, "fake")
    assert options.fallback_source == "snow"
    assert options.timeout_ns == 3 * NS_PER_S
    assert options.restart_ns == 7 * NS_PER_S
    assert options.retry_ns == 400 * NS_PER_MS
    assert options.decoder == "software"
    assert options.max_behind_ns == 900 * NS_PER_MS
    assert options.title == "The yard"
    assert options.sink is SinkKind.FAKE
    assert str(options.zone) == "UTC"


def test_what_is_left_concerns_the_recorder_and_the_choice_of_the_strategy(config: Config) -> None:
    """So that a new setting cannot be forgotten."""
    elsewhere = {"fallback", "sub_linger"}
    ours = {"fallback_source", "timeout", "restart", "retry", "decoder", "max_behind"}
    assert set(View.model_fields) == elsewhere | ours
    assert str(config.view.fallback) == "restart"
    assert camera_settings(config, CameraId("yard")).sub_linger_ns == 25 * NS_PER_S


def test_options_of_the_command_line_come_before_the_configuration(config: Config) -> None:
    given = {"fallback": "input-selector", "fallback_source": "card", "timeout": "1s", "decoder": None}
    settings = override(config.view, given)
    options = view_options(config, settings, find_target("yard", config, Stream.MAIN), "auto")
    assert str(settings.fallback) == "input-selector"
    assert (options.fallback_source, options.timeout_ns) == ("card", NS_PER_S)
    assert options.decoder == "software"


def test_without_a_service_the_camera_is_asked_as_it_is_configured(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[Any, ...]] = []

    class Spy(CameraSource):
        def __init__(self, *arguments: Any) -> None:
            made.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr("evertape.media.view.camera.CameraSource", Spy)
    place = Place.of(tmp_path, None)
    open_source(place, find_target("yard", config, Stream.MAIN), config.view)
    ((request, restart_ns, retry_ns, _clock),) = made
    assert (restart_ns, retry_ns) == (7 * NS_PER_S, 400 * NS_PER_MS)
    assert (request.user, request.password, str(request.transport)) == ("viewer", "p@ss", "udp")
    assert "p@ss" not in repr(request)
    assert view_source.configured(place) == Config()
