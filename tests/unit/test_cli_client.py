"""The client against a real socket, with a service that says what each test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evertape.errors import NotRunningError, ProtocolError, UsageError
from evertape.ipc import client
from evertape.ipc.client import ServiceClient
from evertape.ipc.events import Notice
from evertape.ipc.messages import EventNews, Hello, Message, Refused, Reply, Request, Welcome
from evertape.ipc.places import run_dir, socket_path
from evertape.ipc.wire import FrameReader, encode

WELCOME = Welcome(role="supervisor", name="supervisor", pid=1)
Answer = Callable[[Message], list[Message]]


def notice(text: str) -> Notice:
    return Notice(id=text, at=1, boot=1, source="test", text=text)


@contextmanager
def service(data: Path, answer: Answer) -> Iterator[None]:
    """A service that answers one client as ``answer`` says; an empty list of answers ends the connection."""
    run_dir(data, create=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(socket_path(data, "control"))
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
        thread.start()
        yield
    thread.join(10)


def _serve(listener: socket.socket, answer: Answer) -> None:
    connection, _ = listener.accept()
    reader = FrameReader()
    with connection:
        while data := connection.recv(65536):
            for message, _payload in reader.feed(data):
                answers = answer(message)
                if not answers:
                    return
                connection.sendall(b"".join(part for one in answers for part in map(bytes, encode(one))))


def polite(answer: Callable[[Request], list[Message]]) -> Answer:
    return lambda message: [WELCOME] if isinstance(message, Hello) else answer(message)  # type: ignore[arg-type]


def test_an_answer_is_returned(tmp_path: Path) -> None:
    def answer(request: Request) -> list[Message]:
        other = Reply(request=999, ok=True, data="for somebody else")
        return [other, Reply(request=request.request, ok=True, data=[request.verb, request.args])]

    with service(tmp_path, polite(answer)), ServiceClient(tmp_path) as asked:
        assert asked.request("record", cameras=["a"], wanted=True) == ["record", {"cameras": ["a"], "wanted": True}]
        assert asked.request("status") == ["status", {}]


def test_a_refusal_is_an_error_with_its_hint(tmp_path: Path) -> None:
    def answer(request: Request) -> list[Message]:
        return [Reply(request=request.request, ok=False, error="no camera 'x'", hint="there is a")]

    with (
        service(tmp_path, polite(answer)),
        ServiceClient(tmp_path) as asked,
        pytest.raises(UsageError, match="no camera 'x'; there is a"),
    ):
        asked.request("record")


def test_nobody_there_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="evertape serve") as caught:
        ServiceClient(tmp_path)
    assert caught.value.exit_code == 3


def test_a_socket_that_nobody_serves_any_more_counts_as_not_running(tmp_path: Path) -> None:
    run_dir(tmp_path, create=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(socket_path(tmp_path, "control"))
    with pytest.raises(NotRunningError):
        ServiceClient(tmp_path)


def test_a_service_that_ends_in_between_is_told(tmp_path: Path) -> None:
    with service(tmp_path, polite(lambda _: [])), ServiceClient(tmp_path) as asked, pytest.raises(NotRunningError):
        asked.request("status")


def test_a_service_that_says_nothing_is_not_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_TIMEOUT_S", 0.05)
    unrelated = EventNews(events=(notice("x"),))
    with (
        service(tmp_path, polite(lambda _: [unrelated])),
        ServiceClient(tmp_path) as asked,
        pytest.raises(NotRunningError, match="in time"),
    ):
        asked.request("status", timeout_s=0.05)


@pytest.mark.parametrize("greeting", [Welcome(role="x", name="x", pid=1, version=99), Refused(reason="not you")])
def test_a_service_of_another_kind_is_refused(tmp_path: Path, greeting: Message) -> None:
    with service(tmp_path, lambda _: [greeting]), pytest.raises(ProtocolError, match=r"version 99|not you"):
        ServiceClient(tmp_path)


def test_events_come_in_order_until_the_service_ends(tmp_path: Path) -> None:
    def answer(request: Request) -> list[Message]:
        early = EventNews(events=(notice("a"), notice("b")))
        return [early, Reply(request=request.request, ok=True), EventNews(events=(notice("c"),))]

    heard = []
    with service(tmp_path, polite(answer)), ServiceClient(tmp_path) as asked:
        for event in asked.events():
            assert isinstance(event, Notice)
            heard.append(event.text)
            if event.text == "c":
                break
    assert heard == ["a", "b", "c"]
