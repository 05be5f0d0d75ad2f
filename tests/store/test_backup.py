from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import sqlite3
import tarfile
from pathlib import Path

import pytest

from evertape.clock import SystemClock
from evertape.config.paths import DataDir
from evertape.engine.audit import Audit, volume_roots
from evertape.engine.backup import MANIFEST, restore_backup, write_backup
from evertape.errors import EvertapeError, ProtocolError, UsageError
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig


def installation(root: Path, text: str = "one") -> DataDir:
    data = DataDir(root)
    (root / "journal").mkdir(parents=True)
    (root / "state").mkdir()
    (root / "recordings").mkdir()
    (root / "evertape.toml").write_text(f"# {text}\n")
    (root / "journal/20260101-000000-001.jsonl").write_text(f'{{"text": "{text}"}}\n')
    (root / "journal/.reserve").write_bytes(b"\0" * 100)
    (root / "state/signing-key.pem").write_text(text)
    (root / "tls").mkdir()
    (root / "tls/key.pem").write_text(text)
    (root / "recordings/footage").write_text(text)
    with contextlib.closing(sqlite3.connect(data.index_file, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE rows (text)")
        database.execute("INSERT INTO rows VALUES (?)", (text,))
    return data


def rows(data: DataDir) -> list[str]:
    with contextlib.closing(sqlite3.connect(data.index_file)) as database:
        return [text for (text,) in database.execute("SELECT text FROM rows")]


@pytest.fixture
def backed_up(tmp_path: Path) -> tuple[DataDir, Path]:
    data, file = installation(tmp_path / "one"), tmp_path / "b.tar.gz"
    write_backup(data, data.config_file, file, "1.0")
    return data, file


def rewritten(file: Path, change: dict[str, bytes | None], *, kind: bytes = tarfile.REGTYPE) -> Path:
    """The backup with other contents of some members, or without them."""
    target = file.with_name("other.tar.gz")
    with tarfile.open(file) as old, tarfile.open(target, "w:gz") as new:
        for entry in old:
            source = old.extractfile(entry)
            assert source is not None
            text = change.pop(entry.name, source.read())
            if text is not None:
                entry.size = len(text)
                new.addfile(entry, io.BytesIO(text))
        for name, text in change.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.size = kind, len(text or b"")
            new.addfile(entry, io.BytesIO(text or b""))
    return target


def test_everything_but_footage_comes_back_into_an_empty_place(backed_up: tuple[DataDir, Path], tmp_path: Path) -> None:
    data, file = backed_up
    other = DataDir(tmp_path / "two")
    done = restore_backup(file, other, other.config_file)
    for name in ("evertape.toml", "journal/20260101-000000-001.jsonl", "state/signing-key.pem", "tls/key.pem"):
        assert (other.root / name).read_bytes() == (data.root / name).read_bytes()
    assert rows(other) == ["one"]
    assert not other.recordings.exists()
    assert done.aside is None
    assert sorted(path.name for path in other.root.iterdir()) == [
        "evertape.toml", "index.sqlite3", "journal", "state", "tls",
    ]  # fmt: skip


def test_only_the_owner_can_read_it(backed_up: tuple[DataDir, Path]) -> None:
    assert backed_up[1].stat().st_mode & 0o777 == 0o600
    assert [path.name for path in backed_up[1].parent.iterdir() if path.name.startswith(".")] == []


def test_an_installation_that_is_there_is_moved_aside_only_if_told_so(
    backed_up: tuple[DataDir, Path], tmp_path: Path
) -> None:
    other = installation(tmp_path / "two", "two")
    with pytest.raises(UsageError, match="already") as caught:
        restore_backup(backed_up[1], other, other.config_file)
    assert "--force" in caught.value.hint
    assert rows(other) == ["two"]
    done = restore_backup(backed_up[1], other, other.config_file, force=True)
    assert rows(other) == ["one"]
    assert done.aside is not None
    assert rows(DataDir(done.aside)) == ["two"]
    assert (done.aside / "evertape.toml").read_text() == "# two\n"
    assert (other.root / "recordings/footage").read_text() == "two", "footage is not touched"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"state/signing-key.pem": b"forged"}, "damaged"),
        ({"state/signing-key.pem": None}, "damaged"),
        ({"state/more": b"x"}, "damaged"),
        ({MANIFEST: None}, "its end is missing"),
        ({MANIFEST: b"[]"}, "cannot be read"),
        ({"../evil": b"x"}, "belongs into no backup"),
        ({"state/../../evil": b"x"}, "belongs into no backup"),
        ({"/etc/evil": b"x"}, "belongs into no backup"),
        ({"recordings/evil": b"x"}, "belongs into no backup"),
    ],
)
def test_what_is_not_what_was_written_is_refused_and_changes_nothing(
    backed_up: tuple[DataDir, Path], tmp_path: Path, change: dict[str, bytes | None], says: str
) -> None:
    other = installation(tmp_path / "two", "two")
    with pytest.raises(ProtocolError, match=says):
        restore_backup(rewritten(backed_up[1], change), other, other.config_file, force=True)
    assert rows(other) == ["two"]
    assert not list(other.root.glob("before*")) and not list(other.root.glob(".restore*"))
    assert not list(tmp_path.rglob("evil"))


def test_links_are_refused(backed_up: tuple[DataDir, Path], tmp_path: Path) -> None:
    other = DataDir(tmp_path / "two")
    with pytest.raises(ProtocolError, match="no plain file"):
        restore_backup(rewritten(backed_up[1], {"state/x": b""}, kind=tarfile.SYMTYPE), other, other.config_file)


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_cut_file_is_refused(backed_up: tuple[DataDir, Path], tmp_path: Path, share: float) -> None:
    whole = backed_up[1].read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(EvertapeError, match=r"no backup|end is missing"):
        restore_backup(cut, DataDir(tmp_path / "two"), tmp_path / "two/evertape.toml")


def test_no_file_of_another_kind_is_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(gzip.compress(b"hello" * 1000))
    with pytest.raises(ProtocolError, match="no backup"):
        restore_backup(tmp_path / "x", DataDir(tmp_path / "two"), tmp_path / "two/evertape.toml")


def test_one_of_a_newer_program_says_so(backed_up: tuple[DataDir, Path], tmp_path: Path) -> None:
    with tarfile.open(backed_up[1]) as archive:
        source = archive.extractfile(MANIFEST)
        assert source is not None
        manifest = json.loads(source.read())
    newer = rewritten(backed_up[1], {MANIFEST: json.dumps({**manifest, "format": 2, "version": "9.0"}).encode()})
    with pytest.raises(ProtocolError, match=r"newer Evertape \(9\.0\)"):
        restore_backup(newer, DataDir(tmp_path / "two"), tmp_path / "two/evertape.toml")


def test_nothing_is_overwritten_by_a_backup(backed_up: tuple[DataDir, Path]) -> None:
    data, file = backed_up
    before = file.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        write_backup(data, data.config_file, file, "1.0")
    assert file.read_bytes() == before


def test_the_index_can_be_left_out(tmp_path: Path) -> None:
    data, file = installation(tmp_path / "one"), tmp_path / "b"
    assert data.index_file.name not in write_backup(data, data.config_file, file, "1", with_index=False).files
    data.index_file.write_bytes(b"damaged" * 1000)
    with pytest.raises(UsageError, match="cannot be copied") as caught:
        write_backup(data, data.config_file, tmp_path / "c", "1")
    assert "--no-index" in caught.value.hint
    assert not (tmp_path / "c").exists()


def test_a_backup_of_a_recording_service_explains_all_footage_of_its_time(tmp_path: Path) -> None:
    volume, file = tmp_path / "usb", tmp_path / "b.tar.gz"
    volume.mkdir()

    async def scenario(url: str) -> DataDir:
        settings = '[recording]\nrotation = "2s"\n'
        async with Rig(tmp_path, {"yard": url}, {"usb": (volume, "primary")}, settings, with_keeper=True) as rig:
            await rig.recorded(["yard"], 5)
            await asyncio.to_thread(write_backup, rig.data, rig.data.config_file, file, "1")
            await rig.recorded(["yard"], 3)
        return rig.data

    with LabCameras(count=1) as lab:
        asyncio.run(scenario(lab.urls[0]))
    data = DataDir(tmp_path / "two")
    restore_backup(file, data, data.config_file)
    report = Audit(data, volume_roots({"usb": volume}), SystemClock(), running=False, ask=tuple, boot="").run()
    # Files of after the backup are not known, and the one that was open then is another by now, which is no damage;
    # whatever else is known must be as it says.
    assert report.cameras["yard"].recorded_s > 3
    assert {finding.kind for finding in report.findings if finding.serious} <= {"unknown_file", "unfinished"}
