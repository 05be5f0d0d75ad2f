"""The reference's texts for the keys that have no help of their own, where Qt Linguist finds them to be translated.

``python -m evertape_desktop.settings.meanings`` prints this file as the schema wants it; a test compares the two.
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path

from PySide6.QtCore import QT_TRANSLATE_NOOP

from evertape.config.describe import all_keys

_ROOM = 100


def wanted() -> list[str]:
    """The texts, in the order of the schema."""
    return list(dict.fromkeys(key.meaning for key in all_keys() if key.meaning))


def render() -> str:
    """This file, with the texts as they are now."""
    head, mark, _ = Path(__file__).read_text(encoding="utf-8").partition("\n# Made")
    line = mark.lstrip("\n") + " by this module itself.\n# fmt: off\nMEANINGS = (\n"
    return f"{head}\n{line}{''.join(_entry(text) for text in wanted())})\n"


def _entry(text: str) -> str:
    parts = textwrap.wrap(text, _ROOM, drop_whitespace=False, break_long_words=False, break_on_hyphens=False)
    literals = "\n        ".join(json.dumps(part, ensure_ascii=False) for part in parts)
    return f'    QT_TRANSLATE_NOOP("config",\n        {literals}),\n'


if __name__ == "__main__":
    sys.stdout.write(render())
    sys.exit()


# Made by this module itself.
# fmt: off
MEANINGS = (
    QT_TRANSLATE_NOOP("config",
        "The name of this recorder, in alerts, on pages and in the files it writes."),
    QT_TRANSLATE_NOOP("config",
        "The time zone of the place, like `Europe/Berlin`, for local file names and for showing times; when "
        "not set, the machine's own."),
    QT_TRANSLATE_NOOP("config",
        "When cameras are recorded: `always`, or weekly spans of local time, separated by semicolons. Days "
        "are `mon` to `sun`, `daily`, `weekdays`, `weekend`; a span that ends before it begins ends on the "
        "next day."),
    QT_TRANSLATE_NOOP("config",
        "How long one file gets before the next is begun, at a keyframe."),
    QT_TRANSLATE_NOOP("config",
        "How large one file gets before the next is begun; whichever of time and size comes first."),
    QT_TRANSLATE_NOOP("config",
        "Begin files at whole multiples of `rotation` on the wall clock (12:00, 12:10, …)."),
    QT_TRANSLATE_NOOP("config",
        "Shift each camera's file changes by its own share of `rotation`, so that they do not all happen at "
        "once."),
    QT_TRANSLATE_NOOP("config",
        "The unit of writing: after this long, what came in goes to the disk, whatever the keyframe interval."),
    QT_TRANSLATE_NOOP("config",
        "How often what was written is forced onto the disk. `fragment` and `sync` bound what a power cut "
        "takes."),
    QT_TRANSLATE_NOOP("config",
        "The time in file and folder names: `utc`, or `local` (see `installation.timezone`)."),
    QT_TRANSLATE_NOOP("config",
        "How long a connection, or an answer to a request, may take."),
    QT_TRANSLATE_NOOP("config",
        "How long frames must flow before the camera counts as well again and the backoff starts over."),
    QT_TRANSLATE_NOOP("config",
        "How long a camera may be silent before it counts as stalled and is connected anew."),
    QT_TRANSLATE_NOOP("config",
        "How often arrived frames are collected while nobody watches. Longer costs less processor time."),
    QT_TRANSLATE_NOOP("config",
        "How often arrived frames are collected while somebody watches; bounds the delay it adds to the "
        "picture."),
    QT_TRANSLATE_NOOP("config",
        "The wait after the first failure."),
    QT_TRANSLATE_NOOP("config",
        "The longest wait."),
    QT_TRANSLATE_NOOP("config",
        "By how much each wait is longer than the one before."),
    QT_TRANSLATE_NOOP("config",
        "Choose each wait at random between nothing and its full length, so that cameras do not come all at "
        "once."),
    QT_TRANSLATE_NOOP("config",
        "After so many failures in a row the camera is shown as disconnected. It is still retried."),
    QT_TRANSLATE_NOOP("config",
        "Stop trying after `max_retries`, until somebody restarts the camera."),
    QT_TRANSLATE_NOOP("config",
        "How much of each camera is kept: a disk may be away this long without a frame being lost."),
    QT_TRANSLATE_NOOP("config",
        "The most memory that all cameras together may take for it. `auto` is the smaller of 1 GiB and a "
        "quarter of the machine's memory."),
    QT_TRANSLATE_NOOP("config",
        "The most memory that one process may take; one that takes more is replaced, which costs its cameras "
        "a second. `auto` is, for a recorder, 256 MiB and one and a half times its share of the ring's "
        "budget, for the others 512 MiB, and never more than four fifths of what the machine, or the control "
        "group it runs in, has."),
    QT_TRANSLATE_NOOP("config",
        "How often a volume is probed."),
    QT_TRANSLATE_NOOP("config",
        "How long a probe may take before the volume counts as not answering."),
    QT_TRANSLATE_NOOP("config",
        "How long a write or sync may take before the volume counts as hung and recording moves elsewhere."),
    QT_TRANSLATE_NOOP("config",
        "With less free space than this, nothing more is recorded onto a volume."),
    QT_TRANSLATE_NOOP("config",
        "A volume that was too full is used again from this much free space on."),
    QT_TRANSLATE_NOOP("config",
        "How long to wait between attempts to use a volume that failed."),
    QT_TRANSLATE_NOOP("config",
        "How many such attempts are made in a row. After them the volume is used again as soon as it is "
        "noticed to be back, by the kernel's news or by a probe."),
    QT_TRANSLATE_NOOP("config",
        "How many bytes per second are read at most while footage comes home from another volume; each byte "
        "is read twice. It goes slower by itself while recording keeps a volume busy."),
    QT_TRANSLATE_NOOP("config",
        "Listen to the kernel's news of mounts and devices."),
    QT_TRANSLATE_NOOP("config",
        "Write to the volume now and then, with a deadline. One that is in trouble is looked at all the same."),
    QT_TRANSLATE_NOOP("config",
        "Check identity, mount, permission and space before each new file."),
    QT_TRANSLATE_NOOP("config",
        "Learn from the error codes of failed writes."),
    QT_TRANSLATE_NOOP("config",
        "Watch the free space."),
    QT_TRANSLATE_NOOP("config",
        "Footage older than this is deleted, however much room there is."),
    QT_TRANSLATE_NOOP("config",
        "Footage younger than this is not deleted for want of space or because of a quota; see "
        "`emergency_age`."),
    QT_TRANSLATE_NOOP("config",
        "How much one camera may have on all volumes together; its oldest goes when it has more."),
    QT_TRANSLATE_NOOP("config",
        "With less free space than this on a volume, its oldest footage is deleted. On a small volume less is"
        " enough: see `docs/design/retention.md`."),
    QT_TRANSLATE_NOOP("config",
        "The same as a share of the volume, in percent; the larger of the two counts."),
    QT_TRANSLATE_NOOP("config",
        "How much more than that is made free once it has begun."),
    QT_TRANSLATE_NOOP("config",
        "On a volume that is too full to be recorded to, footage older than this is not kept back by "
        "`min_age`."),
    QT_TRANSLATE_NOOP("config",
        "How often everything is looked through. A volume whose space runs out is seen to at once."),
    QT_TRANSLATE_NOOP("config",
        "Read everything again now and then, in the background, and compare it with its hash."),
    QT_TRANSLATE_NOOP("config",
        "How many bytes per second are read at most. It goes slower by itself while recording keeps a volume "
        "busy."),
    QT_TRANSLATE_NOOP("config",
        "When a file that was checked is checked again. A large archive takes longer at a low rate: 10 TB at "
        "4 MB/s are 29 days."),
    QT_TRANSLATE_NOOP("config",
        "Also decode a sample of what is checked, one group of pictures at a time, to see that pictures come "
        "out. In a process of its own that runs only while nobody else wants the processor; without a decoder"
        " it is left out."),
    QT_TRANSLATE_NOOP("config",
        "How often that is done at most. A group of 1080p takes about half a second of one core: every ten "
        "minutes that is 0.1 %."),
    QT_TRANSLATE_NOOP("config",
        "What happens to the picture while the camera is away: `input-selector` switches within one pipeline,"
        " `restart` makes another pipeline, `fallbacksrc` leaves it to the GStreamer element of that name, "
        "which Debian 12 lacks."),
    QT_TRANSLATE_NOOP("config",
        "What is shown meanwhile: `card` (no signal, since when, when the next attempt is), `snow`, the path "
        "of a picture, or a URI (`file://…`, `https://…`)."),
    QT_TRANSLATE_NOOP("config",
        "How long the picture may stand still before the fallback is shown. It is shown sooner when the "
        "camera is known to be away."),
    QT_TRANSLATE_NOOP("config",
        "How long a source may yield nothing before the view opens it anew."),
    QT_TRANSLATE_NOOP("config",
        "How long to wait before a source that failed is opened again; each further failure doubles it, up to"
        " 5 s. A camera that was away and answers again is not kept waiting."),
    QT_TRANSLATE_NOOP("config",
        "Which decoder to use: `auto` (the hardware's where there is one), `software`, or the name of a "
        "GStreamer element. One that keeps failing is replaced by the next best."),
    QT_TRANSLATE_NOOP("config",
        "How long a camera's sub stream stays open after its last viewer has left."),
    QT_TRANSLATE_NOOP("config",
        "How far a slow viewer may fall behind before it skips to the newest keyframe."),
    QT_TRANSLATE_NOOP("config",
        "Whether there is one."),
    QT_TRANSLATE_NOOP("config",
        "Where it listens: an address of this machine and a port; `127.0.0.1` is for this machine only, "
        "`0.0.0.0` for every network it is in. With port 0 it takes one that is free; `run/hub.json` in the "
        "data directory says which."),
    QT_TRANSLATE_NOOP("config",
        "`off`: plain HTTP. `auto`: HTTPS, with a certificate that it signs itself and that browsers warn of."
        " `files`: HTTPS with the certificate in `certificate` and `key`."),
    QT_TRANSLATE_NOOP("config",
        "For `tls = \"files\"`: the file with the certificate and those that vouch for it, PEM."),
    QT_TRANSLATE_NOOP("config",
        "For `tls = \"files\"`: the file with its private key, PEM, without a password."),
    QT_TRANSLATE_NOOP("config",
        "Further names, separated by commas, by which browsers reach this machine. They always may use its "
        "addresses, `localhost`, its own name and `NAME.local`; under another name nothing is answered, "
        "because that name may be somebody else's trick (DNS rebinding)."),
    QT_TRANSLATE_NOOP("config",
        "The addresses, separated by commas, of reverse proxies that pass requests on. Of them, and of nobody"
        " else, it is believed which address a request comes from and whether it came by HTTPS "
        "(`X-Forwarded-For`, `-Proto`)."),
    QT_TRANSLATE_NOOP("config",
        "Whether there is one. It needs GStreamer's RTSP server."),
    QT_TRANSLATE_NOOP("config",
        "Where it listens, like `hub.listen`; `rtsp://HOST:8554/CAMERA` is the main stream, `…/CAMERA/sub` "
        "the sub stream. Names and passwords are those of the page; in place of a password an API token will "
        "do. They travel in clear."),
    QT_TRANSLATE_NOOP("config",
        "What begins or ends within so long is told in one message. That a camera is not recorded is an alert"
        " after 3 s, and told within 5 s of noticing unless this is longer."),
    QT_TRANSLATE_NOOP("config",
        "When people sleep, like `22:00-06:30`, in the zone of the place: only what is critical is told then,"
        " the rest afterwards. When not set, never."),
    QT_TRANSLATE_NOOP("config",
        "In quiet hours not even what is critical is told."),
    QT_TRANSLATE_NOOP("config",
        "Warn when a volume can hold fewer days of footage than this, at the rate of the last hours; 0: "
        "never."),
    QT_TRANSLATE_NOOP("config",
        "A URL that is fetched regularly while every camera that should be is recorded: whoever misses it "
        "raises the alarm when this machine, its power or its network is gone. With trouble it is not "
        "fetched."),
    QT_TRANSLATE_NOOP("config",
        "How often it is fetched."),
    QT_TRANSLATE_NOOP("config",
        "Where to, as [Apprise](https://github.com/caronc/apprise/wiki) writes it: "
        "`mailto://USER:PASSWORD@HOST?to=ANN`, `tgram://TOKEN/CHAT`, `slack://…`, `ntfy://…`, "
        "`json://HOST/PATH` for a webhook, and a hundred more."),
    QT_TRANSLATE_NOOP("config",
        "`all`, or `critical`: only when footage is lost, or could be."),
    QT_TRANSLATE_NOOP("config",
        "Whether to tell also when it is over."),
    QT_TRANSLATE_NOOP("config",
        "The broker, `HOST:PORT`; 1883 is the usual port. When not set, nothing is published."),
    QT_TRANSLATE_NOOP("config",
        "The user to log in as."),
    QT_TRANSLATE_NOOP("config",
        "The password, in clear: only its owner should be able to read the configuration."),
    QT_TRANSLATE_NOOP("config",
        "Whether to speak TLS with the broker."),
    QT_TRANSLATE_NOOP("config",
        "The first level of all topics."),
    QT_TRANSLATE_NOOP("config",
        "Whether to announce everything as Home Assistant expects it."),
    QT_TRANSLATE_NOOP("config",
        "Under which topic Home Assistant listens for that."),
    QT_TRANSLATE_NOOP("config",
        "`human`, `json`, or `auto`: human on a terminal, lines with priorities for systemd's journal, JSON "
        "otherwise."),
    QT_TRANSLATE_NOOP("config",
        "The least important line that is still written: `debug`, `info`, `warning` or `error`."),
    QT_TRANSLATE_NOOP("config",
        "The stream to record, `rtsp://…` or `rtsps://…`. It may hold user and password, percent-encoded."),
    QT_TRANSLATE_NOOP("config",
        "A smaller stream of the same camera, for viewing; opened on demand, never recorded."),
    QT_TRANSLATE_NOOP("config",
        "The name for people, which may change at any time; when not set, the id."),
    QT_TRANSLATE_NOOP("config",
        "The user to log in as, instead of one in the URLs."),
    QT_TRANSLATE_NOOP("config",
        "The password, in clear. Better: `password_file` or `password_env`."),
    QT_TRANSLATE_NOOP("config",
        "The environment variable that holds the password."),
    QT_TRANSLATE_NOOP("config",
        "The file whose first line is the password; relative to the configuration's folder."),
    QT_TRANSLATE_NOOP("config",
        "Whether this camera is used at all."),
    QT_TRANSLATE_NOOP("config",
        "Whether to record it without being told to. Later on, `record start` and `record stop` say what is "
        "wished: for good, or, if there is a schedule, until its next change. `false`: by hand only, whatever"
        " the schedule."),
    QT_TRANSLATE_NOOP("config",
        "This camera's own `recording.schedule`; `always` takes it out of the general one."),
    QT_TRANSLATE_NOOP("config",
        "The time zone its schedule is meant in; when not set, that of the installation."),
    QT_TRANSLATE_NOOP("config",
        "Whether its sound is recorded too."),
    QT_TRANSLATE_NOOP("config",
        "How the stream travels: `tcp` (inside the RTSP connection), or `udp`."),
    QT_TRANSLATE_NOOP("config",
        "Which receiver to use: `direct` (Evertape's own, cheaper), `rtspsrc` (GStreamer's, knows more "
        "dialects), or `auto`: direct where it can."),
    QT_TRANSLATE_NOOP("config",
        "How long packets are held to put late ones back in order."),
    QT_TRANSLATE_NOOP("config",
        "Whether the certificate of an `rtsps` camera is checked. Most cameras sign their own, which no check"
        " accepts."),
    QT_TRANSLATE_NOOP("config",
        "How often the session is kept alive; cameras end one after 60 s of silence. Where one announces "
        "less, it is done as often as that needs (not by `rtspsrc` over TCP)."),
    QT_TRANSLATE_NOOP("config",
        "This camera's own `recording.rotation`."),
    QT_TRANSLATE_NOOP("config",
        "This camera's own `recording.rotation_size`."),
    QT_TRANSLATE_NOOP("config",
        "This camera's own `streaming.connect_timeout`."),
    QT_TRANSLATE_NOOP("config",
        "This camera's own `streaming.stall_timeout`."),
    QT_TRANSLATE_NOOP("config",
        "As `streaming.backoff.base`."),
    QT_TRANSLATE_NOOP("config",
        "As `streaming.backoff.cap`."),
    QT_TRANSLATE_NOOP("config",
        "As `streaming.backoff.factor`."),
    QT_TRANSLATE_NOOP("config",
        "As `streaming.backoff.jitter`."),
    QT_TRANSLATE_NOOP("config",
        "As `streaming.backoff.max_retries`."),
    QT_TRANSLATE_NOOP("config",
        "As `streaming.backoff.give_up`."),
    QT_TRANSLATE_NOOP("config",
        "As `retention.max_age`."),
    QT_TRANSLATE_NOOP("config",
        "As `retention.min_age`."),
    QT_TRANSLATE_NOOP("config",
        "As `retention.quota`."),
    QT_TRANSLATE_NOOP("config",
        "The folder to record into, absolute: a mounted disk, or a folder on one."),
    QT_TRANSLATE_NOOP("config",
        "`primary`: recorded to whenever it can be. `spill`: recorded to while no primary can be; emptied "
        "afterwards. `retired`: not recorded to any more; its footage stays readable."),
    QT_TRANSLATE_NOOP("config",
        "Whether `path` is a mount point, to be used only while something is mounted there. `false` allows an"
        " ordinary folder on the system's own disk. When not set: what was found at first use; a folder on "
        "the system's disk is refused."),
)
