"""Session descriptions (RFC 4566) as cameras write them, and the URLs they name. No input, no output."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

# RFC 3551 table 4: payload types that need no rtpmap.
_STATIC = {0: ("PCMU", 8000, 1), 8: ("PCMA", 8000, 1), 26: ("JPEG", 90000, 1), 33: ("MP2T", 90000, 1)}
_RTPMAP = re.compile(r"(\d+)\s+([^/\s]+)/(\d+)(?:/(\d+))?")
_SIZE = re.compile(r"(\d+)[-, ]+(\d+)")


@dataclass(slots=True)
class Format:
    """One payload type of a media.

    Args:
        payload_type: 0 to 127.
        encoding: upper case, as in rtpmap (``H264``, ``MPEG4-GENERIC``, ``PCMU``).
        clock_rate: RTP ticks per second; 0 if unknown.
        channels: of audio.
        fmtp: format parameters, names in lower case.
    """

    payload_type: int
    encoding: str = ""
    clock_rate: int = 0
    channels: int = 1
    fmtp: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Media:
    """One ``m=`` section.

    Args:
        kind: ``video``, ``audio``, ``application``, …
        formats: in the order offered.
        control: as written; "" if missing.
        direction: ``sendonly`` marks ONVIF's back channel.
        size: pixels, where the camera says them outside the parameter sets.
    """

    kind: str
    formats: list[Format]
    control: str = ""
    direction: str = ""
    size: tuple[int, int] | None = None


@dataclass(slots=True)
class Description:
    """A whole session description."""

    control: str = ""
    media: list[Media] = field(default_factory=list)


def parse_sdp(text: str) -> Description:
    """Read a description; lines that make no sense are skipped."""
    description = Description()
    media: Media | None = None
    for raw in text.splitlines():
        key, equals, value = raw.strip().partition("=")
        if not equals:
            continue
        if key == "m":
            media = _media(value)
            description.media.append(media)
        elif key == "a" and media is not None:
            _media_attribute(media, value)
        elif key == "a" and value.startswith("control:"):
            description.control = value[8:].strip()
    return description


def _media(value: str) -> Media:
    words = value.split()
    formats = []
    for word in words[3:]:
        if word.isascii() and word.isdigit() and int(word) < 128:
            number = int(word)
            encoding, rate, channels = _STATIC.get(number, ("", 0, 1))
            formats.append(Format(number, encoding, rate, channels))
    return Media(words[0].lower() if words else "", formats)


def _media_attribute(media: Media, value: str) -> None:
    name, _, rest = value.partition(":")
    rest = rest.strip()
    if name == "control":
        media.control = rest
    elif name in ("sendonly", "recvonly", "sendrecv", "inactive"):
        media.direction = name
    elif name == "rtpmap":
        _rtpmap(media, rest)
    elif name == "fmtp":
        _fmtp(media, rest)
    elif name in ("framesize", "x-dimensions"):
        # "framesize:96 1920-1080", "x-dimensions:1920,1080"
        match = _SIZE.search(rest.split(" ", 1)[-1])
        if match is not None:
            media.size = (int(match[1][:6]), int(match[2][:6]))


def _rtpmap(media: Media, rest: str) -> None:
    match = _RTPMAP.match(rest)
    for form in media.formats:
        if match is not None and form.payload_type == int(match[1][:4]):
            form.encoding, form.clock_rate = match[2].upper(), int(match[3][:9])
            form.channels = int(match[4][:3]) if match[4] else 1


def _fmtp(media: Media, rest: str) -> None:
    number, _, params = rest.partition(" ")
    for form in media.formats:
        if number == str(form.payload_type):
            for param in params.split(";"):
                name, equals, value = param.strip().partition("=")
                if equals:
                    form.fmtp[name.strip().lower()] = value.strip().strip('"')


def resolve_control(base: str, control: str) -> str:
    """The URL that ``SETUP`` or ``PLAY`` names.

    Cameras do not mean RFC 3986 here: a relative control is put behind the base, with one slash between,
    even if the base does not end in one or has a query (as every common client does).
    """
    if control in ("", "*"):
        return base
    if "://" in control[:12]:
        return control
    if control.startswith("?"):
        return urljoin(base, control)
    if base.endswith("/") or control.startswith("/"):
        return base.rstrip("/") + "/" + control.lstrip("/")
    return f"{base}/{control}"


def base_url(request_url: str, content_base: str, content_location: str) -> str:
    """What controls are relative to (RFC 2326 C.1.1): Content-Base, Content-Location, the request's URL."""
    for value in (content_base, content_location):
        if not value:
            continue
        absolute = value if "://" in value[:12] else urljoin(request_url.replace("rtsp", "http", 1), value)
        absolute = absolute if "://" in value[:12] else absolute.replace("http", "rtsp", 1)
        if urlsplit(absolute).netloc:
            return absolute
    return request_url


def sprop_sets(fmtp: dict[str, str]) -> list[bytes]:
    """The parameter sets in a description (RFC 6184 8.1, RFC 7798 7.1), in the order VPS, SPS, PPS."""
    found: list[bytes] = []
    for name in ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets"):
        for word in fmtp.get(name, "").split(","):
            nal = decode_base64(word)
            if nal:
                found.append(nal)
    return found


def decode_base64(word: str) -> bytes:
    """Base64 with or without its padding; empty if it is none."""
    word = word.strip().rstrip("=")
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4))
    except (binascii.Error, ValueError):
        return b""
