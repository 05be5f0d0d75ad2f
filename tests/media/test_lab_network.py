"""The lab's proxy, its bad servers and its namespaces, against plain sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from evertape_lab.netns import Namespace, why_no_namespaces
from evertape_lab.proxy import TcpProxy
from evertape_lab.servers import BadServer, Kind

CAMERA_SAYS = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"


class Echo:
    """A camera that answers each request in the same words, and counts its connections."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.clients: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.clients.append(client)
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while client.recv(4096):
                client.sendall(CAMERA_SAYS)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for client in self.clients:
            client.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TcpProxy]:
    with TcpProxy("127.0.0.1", echo.port) as made:
        yield made


def ask(proxy: TcpProxy) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    client.sendall(b"OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n")
    return client


def silent(client: socket.socket, seconds: float = 0.3) -> bool:
    client.settimeout(seconds)
    try:
        client.recv(4096)
    except TimeoutError:
        return True
    else:
        return False
    finally:
        client.settimeout(5)


def test_what_is_asked_and_answered_passes_and_is_counted(proxy: TcpProxy) -> None:
    with ask(proxy) as client:
        assert client.recv(4096) == CAMERA_SAYS
        client.sendall(b"DESCRIBE rtsp://x/ RTSP/1.0\r\nCSeq: 2\r\nAuthorization: Digest x\r\n\r\n")
        assert client.recv(4096) == CAMERA_SAYS
    assert [(r.method, r.login) for r in proxy.requests] == [("OPTIONS", False), ("DESCRIBE", True)]


def test_a_stalled_proxy_accepts_and_says_nothing_until_it_resumes(proxy: TcpProxy) -> None:
    proxy.stall()
    with ask(proxy) as client:
        assert silent(client)
        proxy.resume()
        assert client.recv(4096) == CAMERA_SAYS


def test_a_reset_is_a_reset_and_new_connections_are_welcome(proxy: TcpProxy) -> None:
    with ask(proxy) as client:
        client.recv(4096)
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(4096)
    with ask(proxy) as client:
        assert client.recv(4096) == CAMERA_SAYS


def test_a_refusing_proxy_has_a_closed_port(proxy: TcpProxy) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        ask(proxy)
    proxy.accept()
    with ask(proxy) as client:
        assert client.recv(4096) == CAMERA_SAYS


def test_a_half_open_connection_ends_at_the_camera_only(proxy: TcpProxy, echo: Echo) -> None:
    with ask(proxy) as client:
        client.recv(4096)
        proxy.half_open()
        client.sendall(b"GET_PARAMETER rtsp://x/ RTSP/1.0\r\nCSeq: 2\r\n\r\n")
        assert silent(client)
        with ask(proxy) as second:
            assert silent(second)
        proxy.resume()
    with ask(proxy) as third:
        assert third.recv(4096) == CAMERA_SAYS


def test_a_delay_holds_what_the_camera_says(proxy: TcpProxy) -> None:
    proxy.delay(0.3)
    began = time.monotonic()
    with ask(proxy) as client:
        assert client.recv(4096) == CAMERA_SAYS
    assert time.monotonic() - began >= 0.3


def test_a_throttle_spreads_what_the_camera_says(proxy: TcpProxy) -> None:
    proxy.throttle(len(CAMERA_SAYS) / 0.2)
    began = time.monotonic()
    with ask(proxy) as client:
        for _ in range(3):
            assert client.recv(len(CAMERA_SAYS)) == CAMERA_SAYS
            client.sendall(b"OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 3\r\n\r\n")
    assert time.monotonic() - began >= 0.4


def test_words_are_put_between_two_items(proxy: TcpProxy) -> None:
    with ask(proxy) as client:
        client.recv(4096)
        proxy.say(b"TEARDOWN rtsp://x/ RTSP/1.0\r\nCSeq: 9\r\n\r\n")
        client.sendall(b"OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 2\r\n\r\n")
        assert client.recv(4096) == CAMERA_SAYS + b"TEARDOWN rtsp://x/ RTSP/1.0\r\nCSeq: 9\r\n\r\n"


def test_a_full_queue_swallows_connections() -> None:
    with BadServer(Kind.SWALLOW) as server, socket.socket() as client:
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.connect(("127.0.0.1", server.port))


def test_a_script_of_statuses_is_followed() -> None:
    with BadServer(Kind.RTSP, (503, 404)) as server:
        statuses = []
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            for number in range(3):
                client.sendall(b"DESCRIBE %s RTSP/1.0\r\nCSeq: %d\r\n\r\n" % (server.url.encode(), number))
                statuses.append(int(client.recv(4096).split()[1]))
    assert statuses == [503, 404, 404]


@pytest.mark.faults
@pytest.mark.skipif(bool(why_no_namespaces()), reason=why_no_namespaces() or "works")
def test_a_namespace_falls_silent_comes_back_and_leaves_nothing_behind() -> None:
    serve = "import socket; s = socket.create_server(('', 8554)); c = [s.accept() for _ in range(9)]"
    with Namespace() as network, subprocess.Popen([*network.prefix, "python3", "-c", serve]) as server:
        try:
            assert reached(network.address, within=5)
            network.drop()
            assert not reached(network.address, within=0.5)
            network.restore()
            assert reached(network.address, within=5)
        finally:
            server.kill()
    assert network.name not in os.listdir("/run/netns")


def reached(address: str, within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((address, 8554), timeout=0.3):
            return True
        time.sleep(0.02)
    return False
