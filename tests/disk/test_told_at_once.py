"""A change of a volume's state goes to the supervisor as it is written down: whoever looks at a window sees it then."""

from __future__ import annotations

import shutil
from pathlib import Path

from evertape.ipc.events import VolumeStateChanged
from evertape.ipc.messages import EventNews
from evertape_lab.disk_peer import DiskRig


def test_a_change_of_state_is_told_as_the_event_that_is_written_down(rig: DiskRig, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    disk = rig.disk(volume)
    disk.connect().state("online")
    # At one stroke: file by file it would be a volume without its marker for a moment.
    shutil.rmtree(volume.rename(tmp_path / "deleted"))

    def is_gone(news: EventNews) -> bool:
        (event,) = news.events
        return isinstance(event, VolumeStateChanged) and (event.old, event.state) == ("online", "missing")

    (told,) = disk.supervisor.wait(EventNews, is_gone).events
    written = rig.event(VolumeStateChanged, lambda event: event.id == told.id)
    assert written == told
    assert isinstance(told, VolumeStateChanged) and told.volume == "usb1"
