"""What lies on a volume, and a look at it when somebody asks; without a service."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from evertape.cli.volume_usage import Usage, label_with
from evertape.engine.volume_check import check_volumes
from evertape.ipc.messages import Message, ProbeVolume, VolumeInfo

GOOD = VolumeInfo(name="usb", volume_id="a", state="online", free=51_200_000_000)


def test_a_label_has_the_numbers_of_the_index() -> None:
    usage = {"a": Usage(812_400_000, 37)}
    assert label_with(GOOD, usage).text == "Disk Usage: 812.4 MB (37 files) | Free: 51.2 GB"
    fresh = VolumeInfo(name="new", volume_id="b", state="online", free=51_200_000_000)
    assert label_with(fresh, usage).text == "Disk Usage: 0.0 MB (0 files) | Free: 51.2 GB"


def test_without_an_index_the_label_says_what_is_free() -> None:
    assert label_with(GOOD, {}).text == "Free: 51.2 GB"


class Disk:
    """A child that answers a question with a report, or does not."""

    def __init__(self, status: Any, name: str, answers: bool) -> None:
        self._status, self._name, self._answers = status, name, answers
        self.asked = 0

    def send(self, message: Message) -> None:
        assert isinstance(message, ProbeVolume)
        self.asked += 1
        if self._answers:
            report = VolumeInfo(name=self._name, state="online")
            asyncio.get_running_loop().call_soon(self._status.volumes.__setitem__, self._name, report)


def supervisor(**answers: bool) -> Any:
    status = SimpleNamespace(volumes={name: VolumeInfo(name=name, state="hung") for name in answers})
    children = {f"disk-{name}": Disk(status, name, answer) for name, answer in answers.items()}
    return SimpleNamespace(status=status, volumes=dict.fromkeys(answers), children=children)


def test_everyone_is_asked_and_the_answers_are_waited_for() -> None:
    made = supervisor(usb=True, spill=True)
    found = asyncio.run(check_volumes(made))
    assert [(info.name, info.state) for info in found] == [("usb", "online"), ("spill", "online")]
    assert [disk.asked for disk in made.children.values()] == [1, 1]


def test_one_that_does_not_answer_keeps_its_last_word() -> None:
    found = asyncio.run(check_volumes(supervisor(usb=True, dead=False), deadline_s=0.05))
    assert [(info.name, info.state) for info in found] == [("usb", "online"), ("dead", "hung")]
