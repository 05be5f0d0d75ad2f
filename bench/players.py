"""What VLC and Chromium make of given MP4 files.

    python3 bench/players.py segment.mp4 killed.mp4

Chromium loads each over HTTP from loopback, once as ``<video src>`` and once through Media Source Extensions
(H.264 only there), plays 4 s at double speed, seeks, and reports. VLC remuxes each to a transport stream, whose units
ffprobe counts (VLC leaves the last few out, of any file). Needs chromium, vlc-bin, vlc-plugin-base, ffmpeg; as root
VLC runs as nobody, who must be able to read the files.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGE = """<!doctype html><body><script>
const files = %s;
const on = (e, n, ms) => new Promise(r => {
  e.addEventListener(n, () => r(true), {once: true}); setTimeout(() => r(false), ms);
});
const state = v => ({duration: v.duration, at: v.currentTime, pictures: v.getVideoPlaybackQuality().totalVideoFrames,
                     error: v.error && v.error.message});
async function play(v) {
  v.muted = true; v.playbackRate = 2;
  await v.play().catch(() => 0); await on(v, "ended", 4000); const played = state(v);
  v.pause(); v.currentTime = v.duration / 2; const sought = await on(v, "seeked", 4000);
  return {...played, sought};
}
async function source(f) {
  const v = document.body.appendChild(document.createElement("video")), t = performance.now();
  v.src = f; await on(v, "loadeddata", 20000); const ready_ms = Math.round(performance.now() - t);
  const r = {ready_ms, ...await play(v)}; v.remove(); return r;
}
async function mse(f) {
  const v = document.body.appendChild(document.createElement("video")), m = new MediaSource();
  v.src = URL.createObjectURL(m); await on(m, "sourceopen", 3000);
  const b = m.addSourceBuffer('video/mp4; codecs="avc1.64001e,mp4a.40.2"');
  const data = await (await fetch(f, {headers: {Range: "bytes=0-20000000"}})).arrayBuffer();
  for (let i = 0; i < data.byteLength; i += 65536) {
    b.appendBuffer(data.slice(i, i + 65536)); if (!await on(b, "updateend", 3000) || v.error) return state(v);
  }
  m.endOfStream(); const r = await play(v); v.remove(); return r;
}
(async () => {
  const out = {hevc: MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L93.B0"')};
  for (const f of files) for (const how of [source, mse])
    out[f + " " + how.name] = await how(f).catch(e => String(e));
  await fetch("/result", {method: "POST", body: JSON.stringify(out)});
})();
</script>"""


class Handler(BaseHTTPRequestHandler):
    """Serves the page and the files, with ranges; takes the result."""

    protocol_version = "HTTP/1.1"
    files: dict[str, Path]
    result: dict[str, Any]
    done: threading.Event
    requests: Counter[str]

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        self.result.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.reply(204, 0)
        self.done.set()

    def do_GET(self) -> None:
        if self.path == "/":
            body = (PAGE % json.dumps(list(self.files))).encode()
            self.reply(200, len(body), ("Content-Type", "text/html"))
            self.wfile.write(body)
        elif (path := self.files.get(self.path[1:])) is not None:
            self.send_file(path)
        else:
            self.reply(404, 0)

    def send_file(self, path: Path) -> None:
        self.requests[self.path[1:]] += 1
        size = path.stat().st_size
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "bytes=0-"))
        start = int(asked[1]) if asked else 0
        end = min(int(asked[2]) if asked and asked[2] else size - 1, size - 1)
        place = ("Content-Range", f"bytes {start}-{end}/{size}")
        self.reply(206, end - start + 1, ("Content-Type", "video/mp4"), ("Accept-Ranges", "bytes"), place)
        try:
            with path.open("rb") as file:
                file.seek(start)
                while start <= end and (data := file.read(min(1 << 16, end - start + 1))):
                    self.wfile.write(data)
                    start += len(data)
        except OSError:  # Chromium hangs up when it has seen enough
            self.close_connection = True

    def reply(self, status: int, length: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(length))):
            self.send_header(name, value)
        self.end_headers()


class Server(ThreadingHTTPServer):
    """Quiet when a browser hangs up."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def chromium(files: dict[str, Path]) -> None:
    Handler.files, Handler.result, Handler.done, Handler.requests = files, {}, threading.Event(), Counter()
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
        flags += " --disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required"
        browser = subprocess.Popen(
            ["chromium", *flags.split(), f"--user-data-dir={profile}", f"http://127.0.0.1:{server.server_port}/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        finished = Handler.done.wait(60 * len(files))
        browser.terminate()
        browser.wait(20)
    for name, found in Handler.result.items():
        print("chromium", name, found)
    print("chromium", "requests", dict(Handler.requests), "" if finished else "TIMED OUT")


def vlc(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        out = Path(folder) / "out.ts"
        chain = f"#std{{access=file,mux=ts,dst={out}}}"
        command = ["cvlc", "-q", "--intf", "dummy", "--sout", chain, path.resolve().as_uri(), "vlc://quit"]
        user = "nobody" if os.geteuid() == 0 else None
        subprocess.run(command, user=user, env=os.environ | {"HOME": folder}, capture_output=True, timeout=120)
        probe = ["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets"]
        found = subprocess.run([*probe, "-of", "csv=p=0", str(out)], capture_output=True, text=True).stdout.split()
        print("vlc", path.name, sorted(set(found)))


def main() -> None:
    files = {f"{i}-{Path(a).name}": Path(a) for i, a in enumerate(sys.argv[1:])}
    if shutil.which("cvlc"):
        for path in files.values():
            vlc(path)
    if shutil.which("chromium"):
        chromium(files)


if __name__ == "__main__":
    main()
