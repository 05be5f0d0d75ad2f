"""What a failed sync makes of a segment's file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evertape.disk.fault import VolumeFaultError
from evertape.disk.marker import open_volume
from evertape.disk.segment_file import SegmentFile
from evertape_lab.disk_peer import Footage


class Kernel:
    """``fdatasync`` that fails once, and then claims that all is well, as Linux does."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails = False

    def __call__(self, _fd: int) -> None:
        self.calls += 1
        if self.fails:
            self.fails = False
            raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr("evertape.disk.segment_file.os.fdatasync", kernel)
    return kernel


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[tuple[SegmentFile, Footage]]:
    handle = open_volume(str(tmp_path), is_mount=False, expected_id="", name="usb", may_create=True)
    footage = Footage()
    _, head = footage.open()
    file = SegmentFile.create(handle, 0, head, footage.start_utc, "utc")
    yield file, footage
    file.release()
    handle.close()


def test_a_failed_sync_is_never_asked_for_again(segment: tuple[SegmentFile, Footage], kernel: Kernel) -> None:
    file, footage = segment
    file.append(footage.append()[1])
    assert file.sync()[0] == 1
    file.append(footage.append()[1])
    kernel.fails = True
    with pytest.raises(VolumeFaultError) as first:
        file.sync()
    assert first.value.step == "S2"
    asked = kernel.calls
    for again in (file.sync, lambda: file.append(footage.append()[1]), file.finish):
        with pytest.raises(VolumeFaultError) as later:
            again()
        assert later.value is first.value
    assert kernel.calls == asked
    assert not file.salvageable
