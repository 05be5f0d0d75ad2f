"""mp4mux between appsrc and appsink against our own writer, on the same access units in real time.

    .venv/bin/python bench/muxer_spike.py --cameras 16 --seconds 20

Prints CPU per camera (what the same loop costs without a muxer taken off), threads, memory, how long a
fragment waits before it leaves, and what silent audio does. docs/design/muxer.md quotes the result.
Footage: noise at 25 frames/s and about 4 Mbit/s, encoded once, GOP as asked, with AAC at 48 kHz.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401 - appsink's methods come with GstApp

from evertape.mp4.boxes import child  # noqa: E402
from evertape.mp4.cutter import Cut, FragmentCutter  # noqa: E402
from evertape.mp4.model import SegmentHeader  # noqa: E402
from evertape.mp4.writer import FragmentWriter  # noqa: E402
from evertape.types import (  # noqa: E402
    AccessUnit,
    AudioCaps,
    CameraId,
    Codec,
    Epoch,
    SegmentId,
    StreamCaps,
    Track,
    UtcSource,
    VideoCaps,
)

S = 1_000_000_000
EPOCH = Epoch("e" * 32)
FRAGMENT_MS = 500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--gop", type=int, default=25)
    parser.add_argument("--batch-ms", type=int, default=40)
    parser.add_argument("--child", choices=["none", "own", "mp4mux"], help=argparse.SUPPRESS)
    parser.add_argument("--units", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--silent-after", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    Gst.init(None)
    if options.child:
        print(json.dumps(run(options)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "units"
        caps, units = encode(options.gop)
        path.write_bytes(pickle.dumps((caps, units)))
        size = sum(u.size for u in units if u.track is Track.VIDEO)
        print(f"{options.cameras} cameras, {size * 8 / 10 / 1e6:.2f} Mbit/s, GOP {options.gop}, {options.batch_ms} ms")
        results = {mode: start(options, path, mode) for mode in ("none", "own", "mp4mux")}
        for mode, r in results.items():
            report(mode, r, results["none"], options)
        for mode in ("own", "mp4mux"):
            r = start(options, path, mode, "--silent-after", "2", "--cameras", "1", "--seconds", "8")
            print(f"{mode:7} audio silent after 2 s of 8: video out up to {r['video_out_s']:.2f} s, "
                  f"longest wait {r['longest_wait_ms']:.0f} ms")  # fmt: skip
    return 0


def start(options: argparse.Namespace, units: Path, mode: str, *more: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", mode, "--units", str(units), "--cameras", str(options.cameras)]
    command += ["--seconds", str(options.seconds), "--batch-ms", str(options.batch_ms), *more]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def report(mode: str, r: dict[str, Any], none: dict[str, Any], options: argparse.Namespace) -> None:
    camera_seconds = options.cameras * options.seconds
    cpu = (r["cpu_s"] - none["cpu_s"]) / camera_seconds * 100
    threads = (r["threads"] - none["threads"]) / options.cameras
    memory = (r["rss_kb"] - none["rss_kb"]) / options.cameras
    line = f"{mode:7} CPU {cpu:6.3f} % of a core a camera (loop alone {none['cpu_s'] / camera_seconds * 100:.3f}), "
    line += f"{threads:.1f} threads, {memory:.0f} kB a camera"
    if r["waits_ms"]:
        line += f", fragments leave {statistics.median(r['waits_ms']):.1f} ms after their last picture"
        line += f" (95 %: {statistics.quantiles(r['waits_ms'], n=20)[-1]:.1f})"
    print(line)


# --- footage


def encode(gop: int) -> tuple[StreamCaps, list[AccessUnit]]:
    """Ten seconds of noise and tone, as access units."""
    pipeline = Gst.parse_launch(
        "videotestsrc num-buffers=250 pattern=snow ! video/x-raw,format=I420,width=640,height=360,framerate=25/1 ! "
        f"x264enc bitrate=4000 key-int-max={gop} bframes=0 speed-preset=superfast tune=zerolatency "
        "option-string=scenecut=0 ! "
        "video/x-h264,stream-format=avc,alignment=au ! appsink name=v sync=false "
        "audiotestsrc num-buffers=468 samplesperbuffer=1024 ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! "
        "audio/mpeg,stream-format=raw ! appsink name=a sync=false"
    )
    pipeline.set_state(Gst.State.PLAYING)
    units: list[AccessUnit] = []
    configs: list[bytes] = []
    for track, name in ((Track.VIDEO, "v"), (Track.AUDIO, "a")):
        sink, base = pipeline.get_by_name(name), None
        while (sample := sink.try_pull_sample(5 * Gst.SECOND)) is not None:
            buffer = sample.get_buffer()
            if base is None:
                base = buffer.pts
                codec_data = sample.get_caps().get_structure(0).get_value("codec_data")
                configs.append(codec_data.extract_dup(0, codec_data.get_size()))
            t = buffer.pts - base
            key = not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
            data = buffer.extract_dup(0, buffer.get_size())
            seq = sum(1 for u in units if u.track is track)
            units.append(AccessUnit(EPOCH, track, seq, t, t, 0, t, UtcSource.ARRIVAL, 0, key, 0, data))
    pipeline.set_state(Gst.State.NULL)
    video = VideoCaps(Codec.H264, configs[0], 640, 360)
    caps = StreamCaps(0, video, AudioCaps(Codec.AAC, configs[1], 48_000, 2))
    return caps, sorted(units, key=lambda u: u.dts_ns)


# --- the two muxers, behind the same three methods


class Own:
    """Our cutter and writer."""

    def __init__(self, caps: StreamCaps) -> None:
        header = SegmentHeader(SegmentId("a" * 32), CameraId("c"), "c", EPOCH, 0, 0, 0, 0, UtcSource.ARRIVAL, 0, 0)
        self._writer, self._cutter = FragmentWriter(header, caps), FragmentCutter(FRAGMENT_MS * 1_000_000)

    def push(self, units: list[AccessUnit]) -> list[tuple[int, Sequence[bytes]]]:
        """Fragments that leave: how many pictures, and their buffers."""
        return [self._make(cut) for cut in self._cutter.push(units)]

    def _make(self, cut: Cut) -> tuple[int, Sequence[bytes]]:
        info, buffers = self._writer.fragment(cut.units, cut.next_dts_ns)
        return info.video.units if info.video else 0, buffers

    def stop(self) -> None:
        """Nothing to stop."""


class Mp4Mux:
    """appsrc ! mp4mux ! appsink, drained."""

    def __init__(self, caps: StreamCaps, parse: bool) -> None:
        self._parse = parse
        self._pipeline = Gst.Pipeline()
        mux = Gst.ElementFactory.make("mp4mux")
        mux.set_property("fragment-duration", FRAGMENT_MS)
        self._sink = Gst.ElementFactory.make("appsink")
        self._sink.set_property("sync", False)
        self._sources = []
        assert caps.audio is not None
        configs = (
            ("video/x-h264,stream-format=avc,alignment=au,width=640,height=360,framerate=25/1", caps.video.config),
            ("audio/mpeg,mpegversion=4,stream-format=raw,rate=48000,channels=2", caps.audio.config),
        )
        self._pipeline.add(mux)
        self._pipeline.add(self._sink)
        mux.link(self._sink)
        for (text, config), pad in zip(configs, ("video_0", "audio_0"), strict=True):
            source = Gst.ElementFactory.make("appsrc")
            source.set_property("format", Gst.Format.TIME)
            source.set_property("caps", Gst.Caps.from_string(f"{text},codec_data=(buffer){config.hex()}"))
            self._pipeline.add(source)
            source.link_pads("src", mux, pad)
            self._sources.append(source)
        self._pipeline.set_state(Gst.State.PLAYING)

    def push(self, units: list[AccessUnit]) -> list[tuple[int, Sequence[bytes]]]:
        """As ``Own.push``; a buffer here is one that already exists, as a ring of buffers would hold it."""
        for unit in units:
            buffer = Gst.Buffer.new_wrapped(unit.data)
            buffer.pts, buffer.dts = unit.pts_ns, unit.dts_ns
            if not unit.key:
                buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
            self._sources[unit.track].push_buffer(buffer)
        left = []
        while (sample := self._sink.try_pull_sample(0)) is not None:
            buffer = sample.get_buffer()
            data = buffer.extract_dup(0, buffer.get_size())
            left.append((pictures_in(data) if self._parse else 0, [data]))
        return left

    def stop(self) -> None:
        """To NULL, which joins its threads."""
        self._pipeline.set_state(Gst.State.NULL)


def pictures_in(data: bytes) -> int:
    """Pictures that a ``moof`` of mp4mux announces; its video is the first track."""
    if data[4:8] != b"moof":
        return 0
    trun = child(data, 0, len(data), b"moof", b"traf", b"trun")
    tfhd = child(data, 0, len(data), b"moof", b"traf", b"tfhd")
    if trun is None or tfhd is None or int.from_bytes(data[tfhd.body + 4 : tfhd.body + 8], "big") != 1:
        return 0
    return int.from_bytes(data[trun.body + 4 : trun.body + 8], "big")


# --- one run


def run(options: argparse.Namespace) -> dict[str, Any]:
    caps, units = pickle.loads(options.units.read_bytes())
    muxers: list[Own | Mp4Mux | None] = [
        None if options.child == "none" else Own(caps) if options.child == "own" else Mp4Mux(caps, i == 0)
        for i in range(options.cameras)
    ]
    sink = os.open(os.devnull, os.O_WRONLY)
    feeds = [Feed(units, i * 0.037, options.silent_after) for i in range(options.cameras)]
    started, begin = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    waits: list[float] = []
    out, longest, last_out = 0, 0.0, started
    threads = 0
    while (now := time.monotonic()) - started < options.seconds:
        for i, (muxer, feed) in enumerate(zip(muxers, feeds, strict=True)):
            batch = feed.due(now - started)
            if muxer is None:
                continue
            for pictures, buffers in muxer.push(batch):
                os.writev(sink, buffers)
                if i == 0 and pictures:
                    out += pictures
                    at = time.monotonic()
                    longest, last_out = max(longest, at - last_out), at
                    waits.append((at - started - feed.arrived(out - 1)) * 1000)
        threads = max(threads, len(os.listdir("/proc/self/task")))
        time.sleep(max(0.0, options.batch_ms / 1000 - (time.monotonic() - now)))
    end = resource.getrusage(resource.RUSAGE_SELF)
    longest = max(longest, time.monotonic() - last_out)
    status = Path("/proc/self/status").read_text()
    rss = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    for muxer in muxers:
        if muxer is not None:
            muxer.stop()
    return {
        "cpu_s": end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime,
        "threads": threads,
        "rss_kb": rss,
        "waits_ms": waits[1:],
        "video_out_s": out / 25,
        "longest_wait_ms": longest * 1000,
    }


class Feed:
    """Ten seconds of units again and again, with times that go on, due in real time."""

    def __init__(self, units: list[AccessUnit], offset_s: float, silent_after_s: float) -> None:
        self._units = units
        self._offset = offset_s
        self._silent = silent_after_s * S
        self._at = self._round = 0
        self._counts = [sum(u.track is t for u in units) for t in Track]

    def due(self, now_s: float) -> list[AccessUnit]:
        """What has come by ``now_s``."""
        batch = []
        limit = (now_s - self._offset) * S
        while self._units[self._at].dts_ns + self._round * 10 * S <= limit:
            unit = self._units[self._at]
            t = unit.dts_ns + self._round * 10 * S
            if unit.track is Track.VIDEO or not self._silent or t < self._silent:
                seq = unit.seq + self._round * self._counts[unit.track]
                batch.append(AccessUnit(EPOCH, unit.track, seq, t, t, 0, t, unit.utc_source, 0, unit.key, 0, unit.data))
            self._at += 1
            if self._at == len(self._units):
                self._at, self._round = 0, self._round + 1
        return batch

    def arrived(self, picture: int) -> float:
        """When a picture was due, in seconds of the run."""
        return picture * 0.04 + self._offset


if __name__ == "__main__":
    sys.exit(main())
