"""The parameter sets in force, from the description and from the stream. No input, no output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evertape.media.rtsp import nal
from evertape.media.rtsp.config_boxes import build_avcc, build_hvcc
from evertape.media.rtsp.nal import ParameterSetError, Sps
from evertape.types import Codec

# More distinct sets than this come only from a broken stream (the ids allow 256 PPS).
_MAX_SETS = 64


class ParameterSets:
    """Keeps the newest set of each kind and id, and says what MP4 wants of them.

    A set that cannot be read is counted and left alone, so that one corrupted packet does not change
    what is recorded.

    Args:
        codec: ``h264`` or ``h265``.
        described: the sets in the session description, if any; those in the stream win.
    """

    def __init__(self, codec: Codec, described: Iterable[bytes] = ()) -> None:
        self.codec = codec
        self.invalid = 0
        self._nals: dict[tuple[int, int], bytes] = {}
        self._known: frozenset[bytes] = frozenset()
        self._built: tuple[Sps, bytes] | None = None
        self._changed = True
        self._parsed: dict[bytes, Sps] = {}
        self.offer(tuple(described))

    def current(self, nals: Sequence[bytes]) -> bool:
        """Whether all of ``nals`` are in the configuration that ``build`` gave last."""
        return all(item in self._known for item in nals)

    def offer(self, nals: Sequence[bytes]) -> None:
        """Take sets in the order they came; cheap if they are the ones we know."""
        if not self._changed and self.current(nals):
            return
        for item in nals:
            try:
                key = self._key(item)
            except ParameterSetError:
                self.invalid += 1
                continue
            if self._nals.get(key) != item and (key in self._nals or len(self._nals) < _MAX_SETS):
                self._nals[key] = item
                self._changed = True

    def build(self) -> tuple[Sps, bytes] | None:
        """The SPS in use and the body of ``avcC`` or ``hvcC``; ``None`` until every kind of set is there."""
        if self._changed:
            self._changed = False
            self._known = frozenset(self._nals.values())
            self._built = self._build()
        return self._built

    def _key(self, item: bytes) -> tuple[int, int]:
        if self.codec is Codec.H264:
            return self._h264_key(item)
        kind = (item[0] >> 1) & 63 if len(item) > 2 else 0
        if kind == nal.H265_VPS:
            return kind, item[2] >> 4
        if kind == nal.H265_SPS:
            return kind, self._sps(item).id
        if kind == nal.H265_PPS:
            return kind, nal.h265_pps_ids(item)[0]
        raise ParameterSetError("not a parameter set")

    def _h264_key(self, item: bytes) -> tuple[int, int]:
        kind = item[0] & 31 if item else 0
        if kind == nal.H264_SPS:
            return kind, self._sps(item).id
        if kind == nal.H264_PPS:
            return kind, nal.h264_pps_ids(item)[0]
        raise ParameterSetError("not a parameter set")

    def _sps(self, item: bytes) -> Sps:
        known = self._parsed.get(item)
        if known is None:
            known = nal.parse_h264_sps(item) if self.codec is Codec.H264 else nal.parse_h265_sps(item)
            if len(self._parsed) >= _MAX_SETS:
                self._parsed.clear()
            self._parsed[item] = known
        return known

    def _of(self, kind: int) -> list[bytes]:
        return [item for key, item in sorted(self._nals.items()) if key[0] == kind]

    def _build(self) -> tuple[Sps, bytes] | None:
        if self.codec is Codec.H264:
            sps, pps = self._of(nal.H264_SPS), self._of(nal.H264_PPS)
            if not sps or not pps:
                return None
            # Cameras use one; with several, the one the first PPS refers to describes the track.
            active = self._active(sps, nal.h264_pps_ids(pps[0])[1])
            return self._sps(active), build_avcc(sps, pps, self._sps(active))
        vps, sps, pps = self._of(nal.H265_VPS), self._of(nal.H265_SPS), self._of(nal.H265_PPS)
        if not vps or not sps or not pps:
            return None
        active = self._active(sps, nal.h265_pps_ids(pps[0])[1])
        return self._sps(active), build_hvcc(vps, sps, pps, self._sps(active))

    def _active(self, sps: list[bytes], wanted: int) -> bytes:
        return next((item for item in sps if self._sps(item).id == wanted), sps[0])
