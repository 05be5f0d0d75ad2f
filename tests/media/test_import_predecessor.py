"""From the old desktop recorder's database and its folder of recordings to footage on our time line."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from evertape.cli.main import app
from evertape.store.index import Index
from media.test_adopt_recordings import AAC, H264, NS, record
from unit.predecessor_databases import SECRETS, changed, write

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg makes the recordings of the old recorder"
)


def test_cameras_and_their_recordings_come_over_and_a_second_time_nothing_is_doubled(tmp_path: Path) -> None:
    old = tmp_path / "Recordings"
    record(old / "cam_01" / "20251110" / "cam_01_20251110_134724.mkv", *H264, *AAC, seconds=2, sound=True)
    record(old / "cam_01" / "20251110" / "cam_01_20251110_134924.mp4", *H264, seconds=1)
    record(old / "Gone" / "20251109" / "Gone_20251109_080000.mkv", *H264, seconds=1)
    settings = changed("storage", recording_path=str(old), auto_cleanup_enabled=0)
    database = write(tmp_path / "IT_RNVR.db", settings=settings)
    before = {path: path.read_bytes() for path in [database, *old.rglob("*.m*")]}

    def verb(*arguments: str) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--json", "--data", str(tmp_path / "data")])
        assert done.exit_code == 0, done.output
        assert [secret for secret in SECRETS if secret in done.output] == []
        return json.loads(done.stdout)

    verb("init")
    verb("config", "set", "installation.timezone", "Asia/Seoul")
    found = verb("import", str(database), "--recordings", str(old), "--system-disk")
    assert {one["camera"]: (one["taken"], one["broken"]) for one in found["adopted"]} == {
        "cam_01": (2, {}),
        "gone": (1, {}),
    }
    assert list((old / "evertape" / "cam_01").rglob("*.mp4"))
    again = verb("import", str(database), "--recordings", str(old), "--system-disk")
    assert [(one["taken"], one["known"]) for one in again["adopted"]] == [(0, 1), (0, 2)]
    assert {path: path.read_bytes() for path in before} == before
    with Index.open_readonly(tmp_path / "data" / "index.sqlite3") as index:
        began = sorted(row.start_utc for row in index.every_segment() if row.camera == "cam_01")
    assert began[0] == int(datetime(2025, 11, 10, 13, 47, 24, tzinfo=ZoneInfo("Asia/Seoul")).timestamp()) * NS
    verb("audit")
