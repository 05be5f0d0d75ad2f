"""The restream as a process of the service: accounts, tokens, cameras that come and go, and its death."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

pytest.importorskip("gi")

from evertape.clock import SystemClock
from evertape.domain.roles import Role
from evertape.hub.auth.local import LocalAccounts
from evertape_lab import LabCameras
from evertape_lab.fleet import free_port
from evertape_lab.rig import Rig

pytestmark = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")


FORMAT = "default=nk=1:nw=1"


async def answer(url: str) -> str:
    """What ffprobe finds there, or what it says instead."""
    done = await asyncio.to_thread(
        subprocess.run,
        ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name", "-of", FORMAT, url],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.stdout.strip() or done.stderr.strip()


def test_programs_watch_by_password_or_token_what_their_owner_may_and_nobody_notices_its_death(tmp_path: Path) -> None:
    port = free_port()

    def url(path: str, name: str, password: str) -> str:
        return f"rtsp://{name}:{password}@127.0.0.1:{port}{path}"

    async def scenario(cameras: LabCameras) -> None:
        names = {"yard": cameras.urls[0], "gate": cameras.urls[1]}
        settings = f'[hub]\nenabled = false\n[restream]\nenabled = true\nlisten = "127.0.0.1:{port}"\n'
        async with Rig(tmp_path, names, settings=settings) as rig:
            local = LocalAccounts(rig.data.root, SystemClock())
            local.add("ann", "correct horse battery", Role.ADMIN, frozenset(), first=True)
            local.add("bob", "staple of the horse", Role.VIEWER, frozenset({"gate"}))
            token = local.add_token("bob", "analytics", Role.VIEWER, None).secret
            local.close()
            await rig.recorded(list(names), 1)
            child = rig.supervisor.children["restream"]

            await until_it_says("h264", url("/yard", "ann", "correct%20horse%20battery"))
            assert "401" in await answer(url("/yard", "ann", "wrong"))
            assert await answer(url("/gate", "bob", "staple%20of%20the%20horse")) == "h264"
            assert await answer(url("/gate", "any", token)) == "h264"
            assert "404" in await answer(url("/yard", "any", token)), "his owner may not see it"
            assert "404" in await answer(url("/gate/sub", "ann", "correct%20horse%20battery")), "it has none"

            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            await rig.until(lambda: child.generation > 0 and child.pid is not None, 10, "it is replaced")
            await until_it_says("h264", url("/yard", "ann", "correct%20horse%20battery"))
            await rig.recorded(list(names), 1)
            assert all(rig.camera(name).recording.frames_lost == 0 for name in names)  # type: ignore[union-attr]
            assert len([seen for seen in cameras.asked if seen.method == "DESCRIBE"]) == 2
        assert rig.clean

    with LabCameras(count=2) as lab:
        asyncio.run(scenario(lab))


def test_a_port_that_is_taken_is_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = free_port()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            taken.listen()
            where = f"127.0.0.1:{port}"
            settings = f'[hub]\nenabled = false\n[restream]\nenabled = true\nlisten = "{where}"\n'
            async with Rig(tmp_path, {"yard": "rtsp://127.0.0.1:9/none"}, settings=settings) as rig:
                await rig.until(lambda: "restream" in rig.pids(), 10)
                child = rig.supervisor.children["restream"]
                taken.close()
                await until_it_says("401", f"rtsp://{where}/x")
                assert child.generation == 0

    asyncio.run(scenario())


async def until_it_says(what: str, url: str) -> None:
    deadline = time.monotonic() + 30
    while what not in (said := await answer(url)):
        assert time.monotonic() < deadline, said
        await asyncio.sleep(0.1)
