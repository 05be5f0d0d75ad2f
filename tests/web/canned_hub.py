"""The page with recorded answers behind it: what a hub says, changed by the test as it likes."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, WebSocket
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocketDisconnect

from evertape.domain.cause import Cause
from evertape.hub.app import WEB, Page, SecureHeaders
from web.canned_footage import SECONDS, File

API = "/api/v1"
PASSWORD = "correct horse battery"
GAP_S = 6.0


def iso(seconds: float) -> str:
    """An instant as the API writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text: str) -> float:
    """And reads it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class CannedHub:
    """Answers of a hub with two cameras and two volumes.

    Args:
        files: what was recorded: the first file, a gap of six seconds, then two more without a seam.
        web: the page.
    """

    def __init__(self, files: tuple[File, File], web: Path = WEB) -> None:
        self.began = time.time() - 120
        self.parts = [
            ("a" * 32, files[0], self.began),
            ("b" * 32, files[1], self.began + SECONDS + GAP_S),
            ("c" * 32, files[0], self.began + 2 * SECONDS + GAP_S),
        ]
        self.who: dict[str, Any] | None = None
        self.setup_token = ""
        self.asked: list[tuple[str, str, Any]] = []
        """What changed something: method, path, body."""
        self.cameras = [camera("door", "Front door"), camera("yard", "Yard")]
        self.volumes = [volume("usb1", "primary"), volume("internal", "spill")]
        self.alerts: list[dict[str, Any]] = []
        self.channels = [channel("mail"), channel("pager", "json://pager.example.org", problem="refused")]
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        """Others than the ones below, by method and path."""
        self.exports: list[dict[str, Any]] = []
        self._sockets: list[tuple[WebSocket, asyncio.AbstractEventLoop]] = []
        self._app = self._make(web)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    # -- the server -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Serve on a free port, or on the one that it had before."""
        config = uvicorn.Config(
            self._app, "127.0.0.1", self.port, log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline, "the canned hub does not start"
            time.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        """As if it were killed: nothing answers at its port any more."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(10)
        self._sockets.clear()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    def log_in(self, role: str = "admin") -> None:
        """Somebody is logged in."""
        self.who = {"name": "anna", "role": role, "cameras": [], "via": "session", "csrf": "c5rf", "warnings": []}

    def happens(self, kind: str, camera: str = "", **fields: Any) -> None:
        """Tell every page that something happened."""
        event = event_of(kind, camera, time.time(), **fields)
        for socket, loop in self._sockets:
            asyncio.run_coroutine_threadsafe(socket.send_json({"type": "event", **event}), loop).result(5)

    # -- the answers ----------------------------------------------------------------------------------------

    def _make(self, web: Path) -> FastAPI:
        app = FastAPI()
        app.add_api_route(f"{API}/{{path:path}}", self._answer, methods=["GET", "POST", "PATCH", "DELETE"])
        app.add_api_route("/healthz", lambda: {"ok": True})
        app.add_api_websocket_route(f"{API}/events/live", self._live)
        app.add_middleware(SecureHeaders)
        app.mount("/", Page(directory=web, html=True))
        return app

    async def _live(self, socket: WebSocket) -> None:
        await socket.accept()
        entry = (socket, asyncio.get_running_loop())
        self._sockets.append(entry)
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            if entry in self._sockets:
                self._sockets.remove(entry)

    async def _answer(self, path: str, request: Request) -> Response:
        body = await request.json() if request.method in ("POST", "PATCH") else None
        if request.method != "GET":
            self.asked.append((request.method, f"/{path}", body))
        key = (request.method, f"/{path}")
        if key in self.answers:
            status, data = self.answers[key]
            return JSONResponse(data, status)
        if path in ("session", "setup"):
            return self._session(request.method, path, body)
        if self.who is None:
            return refused(401, "not_logged_in", "nobody is logged in")
        if request.method != "GET" and request.headers.get("X-Evertape-CSRF") != "c5rf":
            return refused(403, "csrf", "the header is missing")
        return self._routed(request.method, path.split("/"), request, body)

    def _session(self, method: str, path: str, body: Any) -> Response:
        if method == "POST":
            fit = body.get("token") == self.setup_token if path == "setup" else body["password"] == PASSWORD
            if not fit:
                return refused(401, "wrong_password", "the name or the password is wrong")
            self.log_in()
        elif method == "DELETE":
            self.who = None
            return Response(status_code=204)
        return JSONResponse(self.who) if self.who else refused(401, "not_logged_in", "nobody is logged in")

    def _routed(self, method: str, path: list[str], request: Request, body: Any) -> Response:
        match path:
            case ["segments", segment, "file"]:
                return self._bytes(segment, request.headers["Range"])
            case ["cameras", _, "snapshot.jpg"]:
                return Response(status_code=404)
        data = self._data(method, path, request.query_params, body)
        return JSONResponse(data) if data is not None else Response(status_code=204)

    def _data(self, method: str, path: list[str], query: Any, body: Any) -> Any:  # noqa: C901 - a table
        now = time.time()
        match (method, *path):
            case ("GET", "status"):
                return self._status(now)
            case ("GET", "alerts"):
                return {"alerts": self.alerts, "channels": self.channels}
            case ("GET", "timeline"):
                cameras = query.getlist("camera")
                return {
                    "cameras": [self._timeline(name, parse(query["start"]), parse(query["end"])) for name in cameras]
                }
            case ("GET", "cameras", _, "segments"):
                return {"parts": [part(*one) for one in self.parts], "next": None}
            case ("GET", "cameras", _, "at"):
                return self._at(parse(query["t"]))
            case ("GET", "segments", segment, "fragments"):
                return self._fragments(segment)
            case ("GET", "ledger"):
                return {"gaps": [self._gap(query.get("camera") or "door")], "cursor": None}
            case ("GET", "events"):
                happened = [event_of("alert", "door", now - 60, state="raised", text="Front door is not recorded")]
                return {"events": happened, "next": None}
            case ("GET", "cameras"):
                return {"cameras": [{**one, "settings": settings(one)} for one in self.cameras]}
            case ("POST", "exports"):
                self.exports = [export(body)]
                return self.exports[0]
            case ("GET", "exports"):
                return {"exports": self.exports}
            case ("GET", "config"):
                return {"file": "evertape.toml", "config": CONFIG}
            case ("GET", "volumes"):
                return {"volumes": self.volumes}
            case ("GET", "retention", "plan"):
                return plan(query.get("max_age"))
            case ("GET", "users"):
                return {"users": [user("anna", "admin"), user("berta", "viewer", ["door"])]}
            case ("GET", "tokens"):
                return {"tokens": []}
            case ("GET", "protections"):
                return {"protections": []}
            case ("GET", "trail"):
                return {"entries": [trail(now - 30)]}
            case ("POST", "cameras", "probe"):
                return {"ok": True, "codec": "h264", "width": 1920, "height": 1080, "fps": 25.0, "gop_s": 1.0,
                        "bit_rate": 4e6, "audio": None, "notices": []}  # fmt: skip
            case ("POST", "alerts", *path, "test"):
                return {"channels": [one for one in self.channels if not path or one["name"] == path[1]]}
            case (_, "alerts", "channels", *path):
                self._change_channels(path, body)
            case ("DELETE", *_):
                return None
        return {"in_force": True, "changed": [], "warnings": [], "problem": ""}

    def _change_channels(self, path: list[str], body: Any) -> None:
        changed = next((one for one in self.channels if path and one["name"] == path[0]), None)
        if changed is None:
            self.channels.append(channel(body["name"], alerts=body["alerts"], ended=body["ended"]))
        elif body is None:
            self.channels.remove(changed)
        else:
            changed.update((key, value) for key, value in body.items() if key != "url")

    def _status(self, now: float) -> dict[str, Any]:
        for one in self.cameras:
            if one["recording"] is not None and one["recording"]["state"] == "recording":
                one["recording"]["durable_until"] = iso(now - 0.8)
        return {
            "name": "Home", "version": "0.5.0", "now": iso(now), "started": iso(now - 7200), "timezone": None,
            "data": "/var/lib/evertape", "cameras": self.cameras, "volumes": self.volumes, "homecoming": None,
            "ring": {"bytes": 61_000_000, "budget": 500_000_000}, "processes": [],
        }  # fmt: skip

    def _timeline(self, name: str, start: float, end: float) -> dict[str, Any]:
        first, second, third = (began for _, _, began in self.parts)
        spans = [
            span("recorded", first - 30000, first + SECONDS, volume="usb1"),
            span("gap", first + SECONDS, second, cause="camera_unreachable"),
            span("recorded", second, third, volume="usb1"),
            span("recorded", third, third + SECONDS, volume="internal", spilled=True),
            span("gap", third + SECONDS, time.time(), cause="storage_missing"),
        ]
        shown = [one for one in spans if parse(one["end"]) > start and parse(one["start"]) < end]
        return {"camera": name, "spans": shown, "recorded_s": 1, "explained_s": 1, "unexplained_s": 0}

    def _at(self, t: float) -> dict[str, Any]:
        for segment, file, began in self.parts:
            if began <= t < began + SECONDS:
                return {"kind": "recorded", "segment": part(segment, file, began)["segment"], "gap": None, "next": None}
        gap_start, gap_end = self.parts[0][2] + SECONDS, self.parts[1][2]
        if gap_start <= t < gap_end:
            gap = {"start": iso(gap_start), "end": iso(gap_end), "cause": "camera_unreachable", "on_purpose": False}
            return {"kind": "gap", "segment": None, "gap": gap, "next": iso(gap_end)}
        return {"kind": "nothing", "segment": None, "gap": None, "next": None}

    def _fragments(self, segment: str) -> dict[str, Any]:
        file, began = next((file, began) for name, file, began in self.parts if name == segment)
        fragments = [
            {"offset": one.offset, "size": one.size, "start": iso(began + one.media_s), "media_s": one.media_s,
             "seconds": one.seconds, "key": one.key, "pictures": one.pictures}
            for one in file.fragments
        ]  # fmt: skip
        return {"segment": segment, "mime": file.mime, "head": file.head, "closed": True, "fragments": fragments}

    def _bytes(self, segment: str, wanted: str) -> Response:
        file = next(file for name, file, _ in self.parts if name == segment)
        first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
        return Response(file.path.read_bytes()[first : last + 1], 206, media_type="video/mp4")

    def _gap(self, name: str) -> dict[str, Any]:
        start, end = self.parts[0][2] + SECONDS, self.parts[1][2]
        return {
            "camera": name, "cause": "camera_unreachable", "start": iso(start), "end": iso(end), "seconds": end - start,
            "lasts": False, "noticed": iso(start + 0.7), "ended": iso(end), "frames_lost": None, "on_purpose": False,
            "done": [], "derived": False, "evidence": None, "what": "", "deed": "", "remedy": "",
        }  # fmt: skip


def refused(status: int, code: str, what: str) -> Response:
    """An answer that says no."""
    return JSONResponse({"error": {"code": code, "what": what, "hint": ""}}, status)


def event_of(kind: str, camera: str, at: float, **fields: Any) -> dict[str, Any]:
    """An event as the API writes it."""
    return {
        "id": f"{kind}{at}",
        "at": iso(at),
        "kind": kind,
        "source": "supervisor",
        "camera": camera,
        "fields": fields,
    }


def camera(name: str, words: str) -> dict[str, Any]:
    """One that is well and recorded."""
    stream = {"stream": "main", "state": "connected", "reason": "", "since": iso(time.time() - 7000), "attempt": 0,
              "retry_in_s": None, "codec": "h264", "width": 1920, "height": 1080, "audio": "", "fps": 25.0,
              "bitrate": 4_000_000, "viewers": 0}  # fmt: skip
    recording = {"wanted": True, "state": "recording", "reason": "", "volume": "usb1", "durable_until": None,
                 "durable_age_s": 0.8, "attempt": 0, "retry_max": 20, "retry_in_s": None}  # fmt: skip
    day = {"wanted_s": 86400, "recorded_s": 86374, "unexplained_s": 0, "recorded": 0.9997, "accounted": 1.0, "gaps": 2,
           "missing_s": 26.0, "worst_s": 20.0, "worst": "camera_unreachable"}  # fmt: skip
    return {"id": name, "name": words, "enabled": True, "streams": [stream], "recording": recording,
            "wish": {"wanted": True}, "mistakes": 0, "day": day}  # fmt: skip


def volume(name: str, role: str) -> dict[str, Any]:
    """One that is well."""
    return {"name": name, "id": name, "role": role, "path": f"/media/{name}", "declared": "", "state": "online",
            "usable": True, "reason": "", "since": None, "label": "612 GB used", "label_reason": "",
            "trouble": None,
            "free": 1_388_000_000_000, "total": 2_000_000_000_000, "used": 612_000_000_000, "files": 9000,
            "bytes_per_hour": 3_600_000_000, "days_left": 12.4, "days_kept": 23.0, "reconciled": True}  # fmt: skip


def part(segment: str, file: File, began: float) -> dict[str, Any]:
    """A file to play, the whole of it."""
    return {"segment": {"id": segment, "state": "closed", "volume": "usb1", "start": iso(began)}, "start": iso(began),
            "end": iso(began + SECONDS), "whole": True}  # fmt: skip


def span(kind: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    """A stretch of the time line."""
    known = {"volume": "", "spilled": False, "cause": "", "gaps": 1, "segments": []}
    purpose = bool(more.get("cause")) and Cause(more["cause"]).on_purpose
    return {"kind": kind, "start": iso(start), "end": iso(end), "on_purpose": purpose, **known, **more}


def export(body: Any) -> dict[str, Any]:
    """One that is finished at once."""
    return {**body, "id": "e" * 32, "owner": "anna", "state": "done", "progress": 1.0, "bytes": 4_200_000,
            "file": "door.mp4", "error": "", "hint": "", "notes": []}  # fmt: skip


def settings(one: dict[str, Any]) -> dict[str, Any]:
    """How a camera is configured."""
    return {"url": f"rtsp://viewer:***@192.0.2.10/{one['id']}", "sub_url": None, "enabled": True,
            "record": True, "audio": True, "transport": "tcp", "schedule": None, "retention": {}}  # fmt: skip


def channel(name: str, to: str = "mailto://mail.example.org", *, problem: str = "", **more: Any) -> dict[str, Any]:
    """A way to tell people."""
    return {"name": name, "to": to, "alerts": "all", "ended": True, "ok": not problem, "problem": problem, "waiting": 0,
            **more}  # fmt: skip


def plan(max_age: str | None) -> dict[str, Any]:
    """Nothing by the rules; something with a shorter age."""
    oldest, newest = (iso(time.time() - days * 86400) for days in (30, 14))
    row = {"volume": "usb1", "camera": "door", "why": "person", "files": 144, "bytes": 38_000_000_000,
           "oldest": oldest, "newest": newest}  # fmt: skip
    rows = [row] if max_age else []
    return {"rows": rows, "files": 144 if rows else 0, "bytes": 38_000_000_000 if rows else 0, "protected": 3,
            "protected_bytes": 700_000_000, "young": 0, "volumes": []}  # fmt: skip


def user(name: str, role: str, cameras: list[str] | None = None) -> dict[str, Any]:
    """An account."""
    return {"name": name, "role": role, "cameras": cameras or [], "created": iso(0), "password_set": iso(0)}


def trail(at: float) -> dict[str, Any]:
    """Something that somebody did."""
    return {"at": iso(at), "who": "anna", "via": "session", "address": "192.0.2.7", "what": "PATCH /cameras/{camera}",
            "target": "door", "ok": True, "status": 200}  # fmt: skip


CONFIG: dict[str, Any] = {
    "installation": {"name": "Home", "timezone": None},
    "recording": {"schedule": "always", "rotation": "10min", "rotation_size": "none", "align": True,
                  "file_time": "utc"},
    "ring": {"time": "1min", "budget": "auto"},
    "streaming": {"stall_timeout": "4s", "connect_timeout": "3s", "backoff": {"max_retries": 10}},
    "retention": {"max_age": "30d", "min_age": "0s", "quota": "none", "start_free": "5GB", "start_percent": 5.0,
                  "more_free": "5GB"},
    "alerts": {"quiet": None, "quiet_all": False, "group": "1s", "min_days": 2.0, "heartbeat_url": "**********",
               "heartbeat_interval": "1min"},
    "mqtt": {"broker": None, "user": None, "password": None, "prefix": "evertape", "discovery": True,
             "discovery_prefix": "homeassistant", "tls": False},
    "hub": {"listen": "127.0.0.1:8480", "tls": "off", "certificate": None, "key": None, "hosts": None},
    "restream": {"enabled": False, "listen": "127.0.0.1:8554"},
    "storage": {"min_record_free": "1GB", "resume_free": "2GB", "homecoming_rate": "20MB"},
}  # fmt: skip
