# ruff: noqa: E501  (a message a line, whole, is what reads best here)
from __future__ import annotations

from pathlib import Path

import pytest

from evertape.config.load import load_text
from evertape.config.problems import InvalidConfig

ORIGIN = Path("/etc/evertape/evertape.toml")

# Text, and the one problem it has, word for word.
ERRORS = [
    ("[recording]\nrotaton = '1s'", "unknown key 'rotaton' in [recording], line 2; did you mean 'rotation'?"),
    ("[recordin]\nrotation = '1min'", "unknown table 'recordin' in the top level, line 1; did you mean 'recording'?"),
    ("rotation = '1min'", "unknown key 'rotation' in the top level, line 1; did you mean 'recording.rotation'?"),
    ("[ring]\nstall_timeout = '4s'", "unknown key 'stall_timeout' in [ring], line 2; did you mean 'streaming.stall_timeout'?"),
    ("zebra = 1", "unknown key 'zebra' in the top level, line 1"),
    ("[cameras.a]\nurl='rtsp://h'\nID = 3", "unknown key 'ID' in [cameras.a], line 3"),
    (
        "[recording]\nrotation = 10",
        'recording.rotation, line 2: a bare number has no unit; write "10" with one (ms, s, min, h or d), in quotes',
    ),
    ("[recording]\nrotation = '10'", "recording.rotation, line 2: '10' has no unit; write ms, s, min, h or d"),
    ("[recording]\nrotation = true", "recording.rotation, line 2: must be a duration in quotes, with a unit (ms, s, min, h or d)"),
    ("[recording]\n\nrotation = '1s'", "recording.rotation, line 3: 1s is out of bounds; allowed is 2s to 24h"),
    ("[recording]\nrotation = '25h'", "recording.rotation, line 2: 25h is out of bounds; allowed is 2s to 24h"),
    ("[recording]\nrotation_size = '1kB'", "recording.rotation_size, line 2: 1kB is out of bounds; allowed is 1MB to 1TB, or 'none'"),
    ("[ring]\nbudget = 'automatic'", "ring.budget, line 2: 'automatic' is not a number with a unit (kB, MB, GB, TB, or KiB, MiB, GiB, TiB)"),
    ("[recording]\nalign = 'yes'", "recording.align, line 2: must be true or false"),
    ("[recording]\nalign = True", "recording.align, line 2: a flag is written true or false"),
    ("[recording]\nrotation = 10min", "recording.rotation, line 2: the value is not valid TOML; text, durations and sizes stand in quotes"),
    ("[recording]\nrotation = '10min", "recording.rotation, line 2: the closing quote is missing"),
    ("[recording]\nrotation = '10min' x # y", "recording.rotation, line 2: the text is not valid TOML (expected newline or end of document after a statement)"),
    ("[recording]\nrotation =", "recording.rotation, line 2: the value is missing"),
    ("[recording]\nrotation", "recording.rotation, line 2: a line is either [table] or key = value"),
    ("[recording\nrotation = '1min'", "table, line 1: the header is not valid TOML; write it like [cameras.front_door]"),
    ("[recording]\nsync = '1s'\nsync = '1s'", "recording.sync, line 3: is there already, in line 2; keep one"),
    (
        "[cameras.a]\nurl='rtsp://h'\n[ring]\n[cameras.a]\nurl='rtsp://i'",
        "[cameras.a], line 4: is there already, in line 1; merge the two, or choose another name",
    ),
    ("[logging]\nlevel = 'warn'", "logging.level, line 2: must be \"debug\", \"info\", \"warning\" or \"error\"; did you mean 'warning'?"),
    ("[streaming.backoff]\nmax_retries = '5'", "streaming.backoff.max_retries, line 2: must be a whole number, without quotes"),
    ("[streaming.backoff]\nmax_retries = 0", "streaming.backoff.max_retries, line 2: is out of bounds; allowed is 1 to 1000000"),
    ("[streaming.backoff]\nfactor = nan", "streaming.backoff.factor, line 2: is out of bounds; allowed is 1 to 10"),
    ("[ring]\nbudget = '{4uV'", "ring.budget, line 2: '{4uV' is not a number with a unit (kB, MB, GB, TB, or KiB, MiB, GiB, TiB)"),
    ("ring = 3", "ring, line 1: is a table; write it as [ring]"),
    ("cameras = 3", "cameras, line 1: is a table of tables; write them as [cameras.name]"),
    ("[cameras]\nfront = 'rtsp://h/'", "cameras.front, line 2: is a table; write it as [cameras.front]"),
    ("\n[cameras.a]\nname = 'x'", "cameras.a.url, line 2: is missing"),
    ("[cameras.a]\nurl = 'http://h/'", "cameras.a.url, line 2: the scheme 'http' is not supported; begin it with rtsp:// or rtsps://"),
    ("[cameras.a]\nurl = 3", 'cameras.a.url, line 2: must be a URL in quotes, like "rtsp://192.0.2.10/stream1"'),
    ("[cameras.a]\nurl = 'rtsp://h'\nname = ''", "cameras.a.name, line 3: must be one line of 1 to 200 characters"),
    (
        "[cameras.Front]\nurl = 'rtsp://h'",
        "cameras.Front, line 1: 'Front' cannot be an id; use lower-case letters, digits, '_' and '-', beginning with a letter"
        " or digit, at most 48",
    ),
    ("[volumes.a]\npath = 'media'", "volumes.a.path, line 2: 'media' is not absolute; start it at the root, like '/media/usb1'"),
    ("[volumes.a]\npath = '/m'\n[volumes.b]\npath = '/m/'", "volumes.b.path, line 4: '/m' is the path of volume 'a' already"),
    ("[installation]\ntimezone = 'Europe/Berlinn'", "installation.timezone, line 2: there is no time zone 'Europe/Berlinn'; write one like 'Europe/Berlin'"),
    ("[installation]\ntimezone = '../../etc/passwd'", "installation.timezone, line 2: there is no time zone '../../etc/passwd'; write one like 'Europe/Berlin'"),
    ("[streaming.backoff]\ncap = '1s'", "streaming.backoff.cap, line 2: 1s is less than streaming.backoff.base, 5s"),
    ("[streaming]\ndrain = '20ms'", "streaming.drain, line 2: 20ms is less than streaming.drain_viewed, 40ms"),
    (
        "[storage]\nmin_record_free = '3GB'",
        "storage.resume_free, line 2: 2GB is less than min_record_free, 3GB: a volume would be taken back before there is room on it",
    ),
    (
        "[cameras.a]\nurl = 'rtsp://h'\nlatency = '5s'",
        "cameras.a.latency, line 3: 5s must be less than the stall_timeout, 4s",
    ),
    (
        "[cameras.a]\nurl = 'rtsp://h'\nbackoff.base = '2min'",
        "cameras.a.backoff.base, line 3: the longest wait, 1min, is less than the first, 2min",
    ),
    ("[cameras.a]\nurl = 'rtsp://h'\npassword = 'x'", "cameras.a.password, line 3: there is a password but no user; add the key user"),
    (
        "[cameras.a]\nurl = 'rtsp://h'\nuser = 'u'\npassword = 'x'\npassword_env = 'E'",
        "cameras.a.password_env, line 5: the password is given twice, in password and password_env; keep one",
    ),
    (
        "[cameras.a]\nurl = 'rtsp://u:p@h'\nuser = 'u'",
        "cameras.a.url, line 2: holds a user, and the key user names one as well; keep one",
    ),
    (
        "[cameras.a]\nurl = 'rtsp://u:x@h/s'\n[cameras.b]\nurl = 'rtsp://H:554/s/'",
        "cameras.b.url, line 4: the same stream as cameras.a.url, and none is opened twice; keep one, or set cameras.b.enabled = false",
    ),
    (
        "[cameras.a]\nurl = 'rtsp://h/s'\nsub_url = 'rtsp://h/s'",
        "cameras.a.sub_url, line 3: the same stream as cameras.a.url, and none is opened twice; keep one",
    ),
]  # fmt: skip


@pytest.mark.parametrize("text,expected", ERRORS, ids=[expected[:60] for _, expected in ERRORS])
def test_a_mistake_is_named_with_its_line_and_what_to_do(text: str, expected: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load_text(text, ORIGIN, {})
    assert [str(problem) for problem in caught.value.problems] == [expected]


@pytest.mark.parametrize(
    "text,expected",
    [
        ("[volumes.a]\npath = '/no/such'", "volumes.a.path, line 2: there is no folder '/no/such' now"),
        ("[cameras.a]\nurl='rtsp://h/s'\nuser='u'\npassword_env='NOPE'", "cameras.a.password_env, line 4: the environment variable NOPE is not set"),
        ("[cameras.a]\nurl='rtsp://h/s'\nuser='u'\npassword_file='nope'", "cameras.a.password_file, line 4: /etc/evertape/nope cannot be read"),
        ("[cameras.a]\nurl='rtsp://u:a@b@h/s'", "cameras.a.url, line 2: its credentials seem to hold an unescaped character"),
        ("[recording]\nsync='2s'", "recording.fragment, line 2: with sync and streaming.drain, a power cut may take 2700ms"),
        ("[volumes.a]\npath = '/'\nrole = 'spill'", "volumes.a.role, line 3: no volume is a primary"),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_a_warning_and_the_rest_goes_on(text: str, expected: str) -> None:
    warnings = [str(warning) for warning in load_text(text, ORIGIN, {}, look=True).warnings]
    assert len(warnings) == 1
    assert warnings[0].startswith(expected)


def test_a_camera_that_is_not_enabled_may_name_a_stream_in_use() -> None:
    text = "[cameras.a]\nurl='rtsp://h/s'\n[cameras.b]\nurl='rtsp://h/s'\nenabled=false"
    assert load_text(text, ORIGIN, {}).warnings == ()
