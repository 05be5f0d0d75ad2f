"""RTSP for other programs, from what is recorded: seen by ffmpeg, counted picture by picture."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("gi")

from evertape.errors import SetupError
from evertape.ipc.places import socket_path
from evertape.types import Stream
from evertape_lab import LabCameras
from evertape_lab.audit import audit_files
from evertape_lab.rig import Rig

try:
    from evertape.media.restream.server import RestreamServer
    from evertape.media.restream.terms import Grant, Served
except SetupError as error:
    pytest.skip(str(error), allow_module_level=True)

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")

GRANTS = {"ann": Grant("ann", None), "bob": Grant("bob", frozenset({"cam_02"}))}


def admit(name: str, password: str, address: str) -> Grant | None:
    assert address == "127.0.0.1"
    return GRANTS.get(name) if password == f"secret of {name}" else None


@pytest.fixture
def server() -> Iterator[RestreamServer]:
    found = RestreamServer(admit)
    yield found
    found.close()


def streams(rig: Rig) -> list[Served]:
    return [
        Served(f"/{camera}{suffix}", camera, stream, socket_path(rig.data.root, f"recorder-{number}"))
        for camera, number in rig.supervisor.placed.items()
        for stream, suffix in ((Stream.MAIN, ""), (Stream.SUB, "/sub"))
    ]


def url(port: int, path: str, name: str = "ann", password: str = "") -> str:
    return f"rtsp://{name}:{password or f'secret%20of%20{name}'}@127.0.0.1:{port}{path}"


async def ffmpeg(*arguments: str, seconds: float = 30) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        "ffmpeg", "-nostdin", "-v", "warning", "-y", *arguments, stderr=subprocess.PIPE
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        process.kill()
        raise
    return process.returncode or 0, said.decode()


async def fetched(where: str, target: Path, seconds: int, transport: str = "tcp") -> str:
    code, said = await ffmpeg(
        "-rtsp_transport", transport, "-i", where, "-t", str(seconds), "-map", "0", "-c", "copy", str(target)
    )
    assert code == 0, said
    return said


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_every_picture_arrives_once_from_a_keyframe_on_and_the_camera_has_one_session(
    tmp_path: Path, server: RestreamServer, transport: str
) -> None:
    async def scenario(cameras: LabCameras) -> None:
        names = {"cam_01": cameras.urls[0], "cam_02": cameras.urls[1]}
        async with Rig(tmp_path, names) as rig:
            await rig.recorded(list(names), 1)
            port = server.listen("127.0.0.1", 0)
            server.serve(streams(rig))
            files = [tmp_path / f"{n}.mkv" for n in range(3)]
            paths = ["/cam_01", "/cam_01", "/cam_02"]
            await asyncio.gather(
                *(fetched(url(port, path), file, 4, transport) for path, file in zip(paths, files, strict=True))
            )
            assert len([seen for seen in cameras.asked if seen.method == "DESCRIBE"]) == 2
            for camera in names:
                recording = rig.camera(camera).recording  # type: ignore[union-attr]
                assert recording.frames_lost == 0
        for file, path in zip(files, paths, strict=True):
            report = audit_files([file])
            (found,) = report.cameras.values()
            assert found.camera == path[1:]
            assert found.ok, found.describe()
            assert found.count >= 75, "of 25 a second"

    with LabCameras(count=2) as lab:
        asyncio.run(scenario(lab))


def test_who_is_not_known_or_may_not_see_it_gets_nothing(tmp_path: Path, server: RestreamServer) -> None:
    async def scenario(cameras: LabCameras) -> None:
        names = {"cam_01": cameras.urls[0], "cam_02": cameras.urls[1]}
        async with Rig(tmp_path, names) as rig:
            await rig.recorded(list(names), 1)
            port = server.listen("127.0.0.1", 0)
            server.serve(streams(rig))

            async def refused(where: str) -> str:
                code, said = await ffmpeg("-rtsp_transport", "tcp", "-i", where, "-t", "1", "-f", "null", "-")
                assert code != 0
                return said

            assert "401" in await refused(f"rtsp://127.0.0.1:{port}/cam_01")
            assert "401" in await refused(f"rtsp://127.0.0.1:{port}/cam_03"), "what there is, is nobody's business"
            assert "401" in await refused(url(port, "/cam_01", "ann", "wrong"))
            assert "401" in await refused(url(port, "/cam_01", "eve", "secret"))
            assert "404" in await refused(url(port, "/cam_03"))
            await fetched(url(port, "/cam_02", "bob"), tmp_path / "b.mkv", 1)
            assert "404" in await refused(url(port, "/cam_01", "bob"))
            # What bob was refused does not take anything from those who may.
            await fetched(url(port, "/cam_01", "ann"), tmp_path / "a.mkv", 1)
            server.serve([served for served in streams(rig) if served.camera != "cam_02"])
            assert "404" in await refused(url(port, "/cam_02"))

    with LabCameras(count=2) as lab:
        asyncio.run(scenario(lab))


def test_a_camera_that_comes_back_goes_on_in_the_same_session(tmp_path: Path, server: RestreamServer) -> None:
    async def scenario(cameras: LabCameras) -> None:
        file = tmp_path / "a.mkv"
        async with Rig(tmp_path, {"cam_01": cameras.urls[0]}) as rig:
            await rig.recorded(["cam_01"], 1)
            port = server.listen("127.0.0.1", 0)
            server.serve(streams(rig))
            task = asyncio.create_task(fetched(url(port, "/cam_01"), file, 9))
            await rig.until(lambda: server.clients == {"/cam_01": 1}, 10, "a client is sent pictures")
            await rig.recorded(["cam_01"], 1)
            cameras.kill()
            cameras.restart()
            await rig.recorded(["cam_01"], 2, 20)
            await task
            await rig.until(lambda: server.clients == {}, 10, "the client is gone")
        (found,) = audit_files([file]).cameras.values()
        assert len(found.missing) == 1, f"the outage, and nothing else: {found.describe()}"
        assert not found.doubled and not found.disordered
        asked = ["-select_streams", "v", "-show_entries", "packet=dts_time", "-of", "csv=p=0"]
        done = await asyncio.to_thread(
            subprocess.run,
            ["ffprobe", "-v", "error", *asked, str(file)],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        times = [float(found) for found in re.findall(r"[0-9.]+", done.stdout)]
        assert times == sorted(times)

    with LabCameras(count=1) as lab:
        asyncio.run(scenario(lab))


def test_a_client_that_does_not_read_costs_nobody_else_a_picture(tmp_path: Path, server: RestreamServer) -> None:
    async def scenario(cameras: LabCameras) -> None:
        file = tmp_path / "a.mkv"
        async with Rig(tmp_path, {"cam_01": cameras.urls[0]}) as rig:
            await rig.recorded(["cam_01"], 1)
            port = server.listen("127.0.0.1", 0)
            server.serve(streams(rig))
            slow = await asyncio.create_subprocess_exec(
                "ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url(port, "/cam_01"),
                "-c", "copy", "-f", "null", "-", stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                await rig.until(lambda: server.clients == {"/cam_01": 1}, 10, "a client is sent pictures")
                slow.send_signal(signal.SIGSTOP)
                await fetched(url(port, "/cam_01"), file, 6)
            finally:
                slow.kill()
                await slow.wait()
            assert rig.camera("cam_01").recording.frames_lost == 0  # type: ignore[union-attr]
        (found,) = audit_files([file]).cameras.values()
        assert found.ok, found.describe()
        assert found.count >= 125

    with LabCameras(count=1) as lab:
        asyncio.run(scenario(lab))


def test_sound_and_the_sub_stream_are_there_too(tmp_path: Path, server: RestreamServer) -> None:
    async def scenario(cameras: LabCameras) -> None:
        sub = f'sub_url = "{cameras.sub_urls[0]}"\n'
        async with Rig(tmp_path, {"cam_01": cameras.urls[0]}, own={"cam_01": sub}) as rig:
            await rig.recorded(["cam_01"], 1)
            port = server.listen("127.0.0.1", 0)
            server.serve(streams(rig))
            main, small = tmp_path / "main.mkv", tmp_path / "sub.mkv"
            await asyncio.gather(fetched(url(port, "/cam_01"), main, 3), fetched(url(port, "/cam_01/sub"), small, 3))
        assert await kinds(main) == ["video,h264", "audio,aac"]
        assert (await kinds(small))[0] == "video,h264"
        (found,) = audit_files([small]).cameras.values()
        assert (found.camera, found.ok) == ("cam_01/sub", True), found.describe()

    with LabCameras(count=1, audio="aac") as lab:
        asyncio.run(scenario(lab))


async def kinds(file: Path) -> list[str]:
    done = await asyncio.to_thread(
        subprocess.run,
        ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,codec_name", "-of", "csv=p=0", str(file)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return [",".join(reversed(line.split(","))) for line in done.stdout.split()]
