"""Real ones who are told: a mail server, a web server, an MQTT broker. Each remembers what came, and when."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from evertape_lab.fleet import free_port


class Mailbox:
    """An SMTP server."""

    def __init__(self) -> None:
        self.mails: list[tuple[float, str]] = []
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append((time.time(), envelope.content.decode(errors="replace")))
        await asyncio.sleep(0)
        return "250 taken"

    def __enter__(self) -> Mailbox:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


class Hooks:
    """A web server that takes everything."""

    def __init__(self) -> None:
        self.posts: list[tuple[float, dict[str, Any]]] = []
        self.gets: list[float] = []
        self.refuse = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.refuse:
                    self.send_error(503)
                    return
                outer.posts.append((time.time(), json.loads(text)))
                self.send_response(204)
                self.end_headers()

            def do_GET(self) -> None:
                outer.gets.append(time.time())
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Hooks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def mosquitto() -> str | None:
    """Debian puts the broker where only root's PATH finds it."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Broker:
    """Mosquitto, with a password; and a client that remembers what is published."""

    def __init__(self, folder: Path) -> None:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        self.port = free_port()
        program = mosquitto()
        assert program is not None
        passwords = folder / "passwords"
        passwords.touch(mode=0o600)
        tool = str(Path(program).with_name("mosquitto_passwd"))
        tool = shutil.which("mosquitto_passwd") or tool
        subprocess.run([tool, "-b", str(passwords), "tape", "secret"], check=True, capture_output=True)
        settings = folder / "mosquitto.conf"
        settings.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n"
        )
        self._command = [program, "-c", str(settings)]
        self._process: subprocess.Popen[bytes] | None = None
        self.topics: dict[str, tuple[float, str]] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set("tape", "secret")
        self._client.on_connect = lambda client, *_: client.subscribe("#")
        self._client.on_message = self._message
        self._client.reconnect_delay_set(1, 1)

    def _message(self, _client: Any, _data: Any, message: Any) -> None:
        self.topics[message.topic] = (time.time(), message.payload.decode())

    def text(self, topic: str) -> str:
        """What a topic holds."""
        return self.topics.get(topic, (0.0, ""))[1]

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert time.monotonic() < deadline, "the broker does not listen"
            time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Broker:
        self.start()
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self.kill()
