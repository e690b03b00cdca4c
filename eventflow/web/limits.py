"""How much of a request is taken, and how long it may take: measured before anybody is trusted.

A body is read in pieces and given up at the limit, compressed or not; a compressed one is unpacked by ourselves, so
that 200 kB which become 200 MB end at the limit too.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import aiohttp
import msgspec
from aiohttp import http_exceptions, web

from eventflow import ports
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.errors import Refused

WINDOW_GZIP, WINDOW_ZLIB, WINDOW_RAW = 31, 15, -15


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds; the defaults are documented in the reference."""

    body: int = 1 << 20
    """One delivery as it is sent, and one event of a batch."""
    unpacked: int = 8 << 20
    """A delivery after unpacking, and a whole batch."""
    batch: int = 10_000
    """Events in one batch."""
    depth: int = 64
    """Nesting of JSON."""
    header: int = 32 << 10
    header_fields: int = 100
    header_seconds: float = 5
    body_seconds: float = 15
    idle_seconds: float = 75
    """How long a connection may do nothing between two requests."""
    connections: int = 1000
    connections_per_address: int = 100
    waiting_bytes: int = 64 << 20
    """Bodies that are read and not yet stored, all together; beyond, requests are shed."""
    waiting_seconds: float = 0.5
    """When the oldest event waits longer than this for the bus, requests are shed."""


def check_length(request: web.BaseRequest, most: int) -> int:
    """The declared length of the body, 0 where none is declared. Raises `Refused` (413) where it is too large."""
    length = request.content_length or 0
    if length > most:
        raise _too_large(most)
    return length


async def read_body(
    request: web.BaseRequest, limits: Limits, most: int, take: Callable[[int], None] = lambda _size: None
) -> bytes:
    """The body, unpacked: at most `most` bytes of it are read and `limits.unpacked` made. Raises `Refused` (400, 408,
    413, 415). `take` is told of every piece that is now in memory, and may refuse it.
    """
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise refused("media-type", f"content encoding {encoding[:40]!r} is not taken; gzip and deflate are")
    check_length(request, most)
    content = request.content
    raw = content.read_nowait(-1) if content.is_eof() and content.exception() is None else None
    if raw is None:
        raw = await _in_time(request, limits.body_seconds, most, take)
    else:
        take(len(raw))
    if len(raw) > most:
        raise _too_large(most)
    if encoding in {"", "identity"}:
        return raw
    body = _unpack(raw, encoding, limits.unpacked)
    take(len(body))
    return body


async def _in_time(request: web.BaseRequest, seconds: float, most: int, take: Callable[[int], None]) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        async with ports.deadline(seconds):
            while piece := await request.content.readany():
                pieces.append(piece)
                size += len(piece)
                take(len(piece))
                if size > most:
                    raise _too_large(most)
    except TimeoutError:
        raise refused("timeout", f"the body did not arrive within {seconds:g} s") from None
    except (http_exceptions.HttpProcessingError, web.RequestPayloadError, web.PayloadAccessError) as error:
        raise refused("malformed", "the body is not framed as its header says") from error
    except aiohttp.ClientError as error:
        raise refused("malformed", "the body broke off") from error
    return b"".join(pieces)


def _unpack(raw: bytes, encoding: str, most: int) -> bytes:
    """All members of a gzip body, or a zlib or raw deflate body; never more than `most` bytes are made."""
    unpacked, left = b"", raw
    window = WINDOW_GZIP if "gzip" in encoding else WINDOW_ZLIB
    if encoding == "deflate" and not _is_zlib(raw):
        window = WINDOW_RAW
    while left:
        unpacker = zlib.decompressobj(window)
        try:
            unpacked += unpacker.decompress(left, most - len(unpacked) + 1)
        except zlib.error:
            raise refused("malformed", f"the body is not {encoding}") from None
        if len(unpacked) > most:
            raise _too_large(most)
        if not unpacker.eof:
            raise refused("malformed", f"the {encoding} body breaks off")
        left = unpacker.unused_data if window == WINDOW_GZIP else b""
    return unpacked


def _is_zlib(raw: bytes) -> bool:
    return len(raw) >= 2 and raw[0] & 0x0F == 8 and (raw[0] << 8 | raw[1]) % 31 == 0


def too_deep(text: bytes, most: int) -> bool:
    """Whether valid JSON is nested deeper than `most`; quick where it has few brackets."""
    return is_bracketed(text, most) and depth(text, most) > most


def is_bracketed(text: bytes, most: int) -> bool:
    """Whether there are more than `most` opening brackets, inside strings or not: none is too deep without.

    What `replace` takes out is counted, since it looks for the next one a vector at a time and ends behind `most`;
    `count` looks at each byte and takes three times as long.
    """
    return len(text) - len(text.replace(b"{", b"", most + 1).replace(b"[", b"", most + 1)) > most


def depth(text: bytes, most: int) -> int:
    """How deep valid JSON is nested, or `most + 1` where it is deeper: a level is what can be taken off as innermost.

    Linear in the text for each level, all of it in C; brackets inside strings do not count.
    """
    outside = b"".join(text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    brackets = outside.translate(None, _NO_BRACKETS)
    levels = 0
    while brackets and levels <= most:
        brackets = brackets.replace(b"[]", b"\0").replace(b"{}", b"\0").translate(None, b"\0")
        levels += 1
    return levels


_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def header_size(request: web.BaseRequest) -> int:
    """Bytes of the header's names and values."""
    size = len(request.raw_path)
    for name, value in request.raw_headers:
        size += len(name) + len(value)
    return size


def _too_large(most: int) -> Refused:
    return refused("too-large", f"the body is larger than {most} bytes; send it in smaller parts")
