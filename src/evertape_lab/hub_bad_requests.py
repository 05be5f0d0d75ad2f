"""Requests that no good client sends, of two dozen kinds. Pure: a function of the seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST = 1 << 20
"""The largest body that the hub takes."""
_CRLF = b"\r\n"

_METHODS = (
    b"GET",
    b"POST",
    b"PUT",
    b"PATCH",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"BREW",
    b"get",
    b"G\x00T",
    b"",
)
_PATHS = b"""
    /api/v1/status /api/v1/cameras /api/v1/cameras/cam_01 /api/v1/config /api/v1/users /api/v1/tokens
    /api/v1/segments/%s/file /api/v1/cameras/%s/live /api/v1/cameras/%s/snapshot.jpg
    /api/v1/exports/%s/file /api/v1/users/%s /api/v1/volumes/%s /api/v1/session /api/v1/setup
    /api/v1/ledger /metrics /healthz /%s / /index.html /api/v1/events/live /api/v1/cameras/%s/at
""".split()
_CLIMBS = rb"""
    ../ ..%2f %2e%2e/ %2e%2e%2f %252e%252e%252f ..\ ..%5c %c0%ae%c0%ae%c0%af ..%c1%9c ....//
    %uff0e%uff0e/ ..;/ ./../ %00../ ..%00/ \\..\ %ef%bc%8e%ef%bc%8e/
""".split()
_AIMS = b"""
    etc/passwd accounts.sqlite3 evertape.toml setup.token tls/key.pem journal/ proc/self/environ
    state/signing-key.pem index.sqlite3 run/control.sock windows/win.ini
""".split()


@dataclass(frozen=True)
class Target:
    """Who is attacked, and what the attacker has got hold of.

    Args:
        host: an address.
        port: of TCP.
        expired_cookie: of a session that was logged out.
        dead_token: that was ended.
    """

    host: str
    port: int
    expired_cookie: str
    dead_token: str

    @property
    def authority(self) -> bytes:
        """For ``Host``."""
        return f"{self.host}:{self.port}".encode()


class BadRequests:
    """See the module.

    Args:
        target: who is to get them.
        seed: of what they are.
    """

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._kinds: tuple[Callable[[], bytes], ...] = (
            self._method,
            self._version,
            self._header,
            self._many_headers,
            self._huge_header,
            self._lengths,
            self._chunks,
            self._truncated,
            self._climb,
            self._climb_absolute,
            self._token,
            self._cookie,
            self._oversized,
            self._no_json,
            self._deep,
            self._handshake,
            self._frames,
            self._host,
            self._origin,
            self._rubbish,
            self._pipeline,
            self._query,
            self._range,
            self._login,
        )

    def make(self, number: int) -> tuple[bytes, bool]:
        """The next one, and whether more of it may be waited for; kinds follow each other by ``number``."""
        kind = self._kinds[number % len(self._kinds)]
        unfinished = (self._lengths, self._chunks, self._truncated, self._oversized, self._rubbish, self._pipeline,
                      self._version, self._method, self._climb_absolute, self._frames)  # fmt: skip
        return kind(), kind in unfinished

    # -- parts of requests ----------------------------------------------------------------------------------

    def _path(self) -> bytes:
        path = self._random.choice(_PATHS)
        return path % self._random.choice((b"cam_01", b"nobody", b"%00", b"x" * 300)) if b"%s" in path else path

    def _request(
        self, method: bytes = b"", path: bytes = b"", headers: Sequence[bytes] = (), body: bytes | None = None
    ) -> bytes:
        """A whole one; ``headers`` instead of, or beside, the usual ones."""
        lines = [b" ".join((method or b"GET", path or self._path(), b"HTTP/1.1")), *headers]
        if not any(header.lower().startswith(b"host:") for header in headers):
            lines.append(b"Host: " + self._target.authority)
        if not any(header.lower().startswith(b"connection:") for header in headers):
            lines.append(b"Connection: close")
        if body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        return _CRLF.join([*lines, b"", body or b""])

    def _bytes(self, most: int) -> bytes:
        return self._random.randbytes(self._random.randrange(1, most))

    # -- kinds ----------------------------------------------------------------------------------------------

    def _method(self) -> bytes:
        return self._request(self._random.choice((*_METHODS, b"X" * 5000, self._bytes(20))))

    def _version(self) -> bytes:
        version = self._random.choice(
            (b"HTTP/0.9", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/1.1 x", b"FTP/1", b"")
        )
        return self._request().replace(b"HTTP/1.1", version, 1)

    def _header(self) -> bytes:
        bad = (
            b"X Y: z",
            b": empty",
            b"X:\x00",
            b"X: a\rb",
            b" folded",
            b"X\xff: y",
            b"no colon",
            b"X: " + self._bytes(60),
        )
        return self._request(headers=[self._random.choice(bad)])

    def _many_headers(self) -> bytes:
        return self._request(headers=[b"X-%d: y" % n for n in range(self._random.randrange(100, 3000))])

    def _huge_header(self) -> bytes:
        name = self._random.choice((b"X", b"Cookie", b"Authorization", b"Origin", b"Referer"))
        return self._request(headers=[name + b": " + b"a" * self._random.choice((20_000, 70_000, 300_000))])

    def _lengths(self) -> bytes:
        bad = (b"-1", b"1, 2", b"0x10", b"99999999999999999999", b"1e3", b"", b"+5", b"1073741824")
        both = [b"Content-Length: 5", b"Transfer-Encoding: chunked"]
        one = [b"Content-Length: " + self._random.choice(bad)]
        return (
            self._request(b"POST", headers=self._random.choice((both, one, one, [one[0], b"Content-Length: 3"])))
            + b"hello"
        )

    def _chunks(self) -> bytes:
        bad = (
            b"zz\r\n",
            b"-5\r\nhello\r\n",
            b"fffffffffffffffff\r\n",
            b"5\r\nhel",
            b"5\r\nhelloX\r\n0\r\n\r\n",
            b"5;a=\x00\r\n",
            b"2\r\n{}\r\n0\r\nX: y\r\n\r\n",
            b"1\r\n{\r\n" * 2000,
        )
        return self._request(b"POST", headers=[b"Transfer-Encoding: chunked"]) + self._random.choice(bad)

    def _truncated(self) -> bytes:
        whole = self._request(b"POST", b"/api/v1/session", [b"Content-Type: application/json"], b'{"name": "admin"}')
        return whole[: self._random.randrange(1, len(whole))]

    def _climb(self) -> bytes:
        climb = self._random.choice(_CLIMBS) * self._random.randrange(1, 9) + self._random.choice(_AIMS)
        before = self._random.choice(
            (b"/", b"//", b"/api/v1/", b"/api/v1/segments/", b"/css/", b"/api/v1/exports/", b"/web/")
        )
        after = self._random.choice((b"", b"/file", b"%00.html", b"?x=1", b"#"))
        return self._request(path=before + climb + after)

    def _climb_absolute(self) -> bytes:
        aim = self._random.choice(_AIMS)
        path = self._random.choice(
            (b"file:///" + aim, b"http://evil.example/" + aim, b"*", b"//" + aim, b"/%2f" + aim, b"C:\\" + aim)
        )
        return self._request(path=path)

    def _token(self) -> bytes:
        tokens = (
            b"Bearer et_" + b"a" * 43,
            b"Bearer " + self._target.dead_token.encode(),
            b"Bearer",
            b"Basic " + b"YTpi" * 9,
            b"Bearer et_" + self._bytes(40).hex().encode(),
            b"Digest x",
            b"Bearer et_\xff\xfe",
            b"Bearer ' OR 1=1 --",
        )
        method = self._random.choice((b"GET", b"POST", b"DELETE"))
        return self._request(method, headers=[b"Authorization: " + self._random.choice(tokens)])

    def _cookie(self) -> bytes:
        old = self._target.expired_cookie.encode()
        cookies = (
            old,
            old[:-1],
            b"",
            b"x" * 43,
            b"\xff\x00\x01",
            b'"quoted"',
            b"a=b; evertape_session=c",
            b"' OR 1=1 --",
        )
        cookie = b"Cookie: evertape_session=" + self._random.choice(cookies)
        return self._request(self._random.choice((b"GET", b"POST", b"PATCH")), headers=[cookie, b"X-Evertape-CSRF: 0"])

    def _oversized(self) -> bytes:
        if self._random.random() < 0.1:
            return self._request(b"POST", b"/api/v1/session", body=b"x" * (MOST + 1000))
        return self._request(b"POST", headers=[b"Content-Length: %d" % self._random.choice((MOST + 1, 1 << 40))]) + b"x"

    def _no_json(self) -> bytes:
        bodies = (
            b"{",
            b"[]",
            b"null",
            b'"x"',
            b"{}" * 100,
            b'{"name": 1}',
            b"\xff\xfe",
            b'{"name": "\\ud800", "password": "x"}',
            b'{"name": "a", "name": "b", "password": ["x"]}',
            b'{"name": NaN, "password": Infinity}',
            b"1e999",
            self._bytes(200),
        )
        kind = self._random.choice(
            (b"application/json", b"text/plain", b"multipart/form-data; boundary=x", b"\xff", b"a/b;;;")
        )
        path = self._random.choice((b"/api/v1/session", b"/api/v1/setup"))
        return self._request(b"POST", path, [b"Content-Type: " + kind], self._random.choice(bodies))

    def _deep(self) -> bytes:
        depth = self._random.choice((100, 10_000, 100_000))
        opened = self._random.choice((b"[", b'{"name":'))
        return self._request(b"POST", b"/api/v1/session", [b"Content-Type: application/json"], opened * depth)

    def _handshake(self) -> bytes:
        key = self._random.choice((b"dGhlIHNhbXBsZSBub25jZQ==", b"short", b"", b"\xff", b"x" * 5000))
        version = self._random.choice((b"13", b"8", b"-1", b""))
        return self._upgrade(
            key,
            version,
            self._random.choice((b"http://evil.example", b"null", b"", b"http://" + self._target.authority)),
        )

    def _frames(self) -> bytes:
        """Frames right behind the handshake, before anybody has been let in."""
        frames = (
            b"\x81\xff" + b"\xff" * 8,
            b"\x83\x80abcd",
            b"\x88\x80\x00\x00\x00\x00",
            b"\xff" * 20,
            b"\x81\x05hello",
            self._bytes(300),
        )
        origin = b"http://" + self._target.authority
        return self._upgrade(b"dGhlIHNhbXBsZSBub25jZQ==", b"13", origin) + self._random.choice(frames)

    def _upgrade(self, key: bytes, version: bytes, origin: bytes) -> bytes:
        path = self._random.choice(
            (b"/api/v1/events/live", b"/api/v1/cameras/cam_01/live", b"/api/v1/status", b"/", b"/nothing")
        )
        protocol = self._random.choice(
            ([], [b"Sec-WebSocket-Protocol: a, \xff"], [b"Sec-WebSocket-Extensions: permessage-deflate; x=;;"])
        )
        headers = [
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Key: " + key,
            b"Sec-WebSocket-Version: " + version,
            b"Origin: " + origin,
        ]
        return self._request(path=path, headers=[*headers, *protocol])

    def _host(self) -> bytes:
        hosts = (
            [b"Host: evil.example"],
            [b"Host: "],
            [b"Host: \x00"],
            [b"Host: a", b"Host: b"],
            [b"Host: 127.0.0.1:99999999"],
            [b"Host: [::1"],
            [b"Host: " + b"a" * 3000],
            [b"Host: evil.example", b"X-Forwarded-Host: localhost"],
        )
        return self._request(headers=self._random.choice(hosts))

    def _origin(self) -> bytes:
        origin = self._random.choice(
            (b"http://evil.example", b"null", b"http://[::1", b"\xff", b"javascript:1", b"http://" + b"a" * 3000)
        )
        return self._request(b"POST", headers=[b"Origin: " + origin], body=b"{}")

    def _rubbish(self) -> bytes:
        known = (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"EHLO x\r\n",
            b"\x05\x01\x00",
            b"OPTIONS rtsp://x RTSP/1.0\r\n\r\n",
            b"\x00" * 500,
            b"\r\n" * 50 + b"x\r\n\r\n",
        )
        return self._random.choice((*known, self._bytes(3000))) + b"\r\n\r\n"

    def _pipeline(self) -> bytes:
        good = self._request().replace(b"Connection: close\r\n", b"")
        return good * self._random.randrange(2, 20) + self._rubbish()

    def _query(self) -> bytes:
        queries = (
            b"camera=cam_01&start=x&end=y",
            b"start=9999999999999999999999",
            b"limit=-1",
            b"cursor=%00%ff",
            b"at=" + b"9" * 4000,
            b"a" * 9000,
            b"camera=../../etc/passwd",
            b"%",
            b"&&&===",
            b"resolution=nan",
            b"token=et_x",
        )
        path = self._random.choice((b"/api/v1/timeline", b"/api/v1/ledger", b"/api/v1/events", b"/api/v1/status", b"/"))
        return self._request(path=path + b"?" + self._random.choice(queries))

    def _range(self) -> bytes:
        ranges = (
            b"bytes=0-",
            b"bytes=-1",
            b"bytes=5-1",
            b"bytes=" + b"0-0," * 2000,
            b"lines=1",
            b"bytes=99999999999999999999-",
        )
        return self._request(headers=[b"Range: " + self._random.choice(ranges), b"If-Range: \xff"])

    def _login(self) -> bytes:
        name = self._random.choice((b"admin", b"root", b"' OR 1=1 --", b"a" * 199, b"\\u0000", b"../x"))
        body = b'{"name": "%s", "password": "%s"}' % (name, self._bytes(20).hex().encode())
        return self._request(b"POST", b"/api/v1/session", [b"Content-Type: application/json"], body)
