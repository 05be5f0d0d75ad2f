"""The configuration changes under a running service: only what it names is touched, and no frame is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from evertape.ipc.events import CameraStateChanged, ProcessDied
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig


async def edit(rig: Rig, *changes: tuple[str, str]) -> None:
    text = rig.data.config_file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    rig.data.config_file.write_text(text)
    assert await rig.supervisor.reload()


def test_volumes_come_go_return_and_move_while_recording(tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("first", "second", "third")}
    for place in places.values():
        place.mkdir()

    def volume(name: str, place: Path, role: str) -> str:
        return f'\n[volumes.{name}]\npath = "{place}"\nrole = "{role}"\nmount = false\n'

    async def scenario(url: str) -> None:
        def on(name: str) -> bool:
            camera = rig.camera("cam_01")
            return camera is not None and camera.recording.volume == name

        async with Rig(tmp_path, {"cam_01": url}, {"a": (places["first"], "primary")}) as rig:
            await rig.recorded(["cam_01"], 2)
            first = volume("a", places["first"], "primary")
            # Another one before it takes over at the next rotation; the connection to this one is kept.
            await edit(rig, (first, volume("b", places["second"], "spill") + first))
            await rig.recorded(["cam_01"], 1)
            assert on("a")
            # Gone, and back before its old process has ended.
            await edit(rig, (first, ""))
            await edit(rig, ("[volumes.b]", f"{first.strip()}\n[volumes.b]"))
            await rig.until(lambda: on("a"), 10, "recording is back on the primary")
            await rig.recorded(["cam_01"], 2)
            # The same name at another place is another volume.
            await edit(rig, (str(places["first"]), str(places["third"])))
            await rig.until(lambda: any(places["third"].glob("cam_01/*/*.mp4")), 10, "it records at the other place")
            await rig.recorded(["cam_01"], 2)
            assert rig.camera("cam_01").streams[0].state == "connected"  # type: ignore[union-attr]
            rig.volumes |= {name: (place, "primary") for name, place in places.items()}
            del rig.volumes["a"]
        assert rig.clean
        assert rig.events(ProcessDied) == []
        assert_every_frame_once(rig.ranges(), cameras=["cam_01"], at_least=175)

    with LabCameras(count=1) as lab:
        asyncio.run(scenario(lab.urls[0]))


def test_an_edited_camera_disturbs_no_other(tmp_path: Path) -> None:
    async def scenario(urls: list[str]) -> None:
        async with Rig(tmp_path, {"one": urls[0], "two": urls[1]}) as rig:
            await rig.recorded(["one", "two"], 2)
            await edit(rig, ("[cameras.one]\n", '[cameras.one]\nname = "Yard"\n'))
            await rig.until(lambda: rig.camera("one").name == "Yard", 5, "renamed")  # type: ignore[union-attr]
            await edit(rig, (f'"{urls[0]}"', f'"{urls[2]}"'))
            await rig.recorded(["one", "two"], 2)
            await edit(rig, (f'\n[cameras.one]\nname = "Yard"\nurl = "{urls[2]}"\n', ""))
            await rig.until(lambda: rig.camera("one") is None, 5, "removed")
            await rig.recorded(["two"], 1)
        assert rig.clean
        changes = [e for e in rig.events(CameraStateChanged) if isinstance(e, CameraStateChanged)]
        assert [e.state for e in changes if e.camera == "two"] == ["connecting", "receiving", "connected", "stopped"]
        # A new name restarts nothing, a new URL restarts it once.
        assert [e.state for e in changes if e.camera == "one"].count("connecting") == 2
        assert_every_frame_once(rig.ranges(), cameras=["cam_01", "cam_02", "cam_03"], at_least=25)

    with LabCameras(count=3) as lab:
        asyncio.run(scenario(lab.urls))
