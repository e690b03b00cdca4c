"""Requests that mean no good, each with the answer it must get; and nothing of them is stored, leaked or remembered."""

import asyncio
import gzip
import json
import zlib

import pytest

from eventflow.buses.memory import MemoryBus
from tests.integration.doors.open_house import LIMITS, SECRET, House, event, until

NDJSON = "application/x-ndjson"
BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"


def text(**changes):
    return json.dumps(event(**changes)).encode()


def raw_event(data: bytes, extra: bytes = b"") -> bytes:
    return b'{"specversion":"1.0","id":"1","source":"s","type":"t"%s,"data":%s}' % (extra, data)


BOMB = gzip.compress(b'{"a":"' + b"0" * (64 << 20) + b'"}', 9)
SECOND = gzip.compress(b"{}") + BOMB
LONG = b'"%s"' % (b"x" * LIMITS.body)
ESCAPED = text(type="@").replace(b"@", b"\\u0065ventflow.tick")
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}

BODIES = {
    # sizes
    "body over the limit": (b'"' + b"x" * LIMITS.body + b'"', STRUCTURED, {}, 413, "too-large"),
    "event of a batch over the limit": (text() + b"\n" + raw_event(LONG), NDJSON, {}, 413, "too-large"),
    "batch over the limit": (b"\n" * (LIMITS.unpacked + 1), NDJSON, {}, 413, "too-large"),
    "too many events": ((text() + b"\n") * (LIMITS.batch + 1), NDJSON, {}, 413, "too-large"),
    "gzip bomb": (BOMB, STRUCTURED, {"Content-Encoding": "gzip"}, 413, "too-large"),
    "deflate bomb": (zlib.compress(b" " * (64 << 20)), STRUCTURED, {"Content-Encoding": "deflate"}, 413, "too-large"),
    "bomb in the second member": (SECOND, STRUCTURED, {"Content-Encoding": "gzip"}, 413, "too-large"),
    # encodings
    "not gzip": (text(), STRUCTURED, {"Content-Encoding": "gzip"}, 400, "malformed"),
    "cut gzip": (gzip.compress(text())[:-9], STRUCTURED, {"Content-Encoding": "gzip"}, 400, "malformed"),
    "gzip with a tail": (gzip.compress(text()) + b"tail", STRUCTURED, {"Content-Encoding": "gzip"}, 400, "malformed"),
    "brotli": (text(), STRUCTURED, {"Content-Encoding": "br"}, 415, "media-type"),
    "two encodings": (text(), STRUCTURED, {"Content-Encoding": "gzip, gzip"}, 415, "media-type"),
    "not UTF-8": (raw_event(b'"\xff"'), STRUCTURED, {}, 400, "malformed"),
    "surrogates as UTF-8": (raw_event(b'"\xed\xa0\x80"'), NDJSON, {}, 400, "malformed"),
    "UTF-16": (text().decode().encode("utf-16"), STRUCTURED, {}, 400, "malformed"),
    "UTF-7 by name": (text(), STRUCTURED + "; charset=utf-7", {}, 415, "media-type"),
    "a byte order mark": (b"\xef\xbb\xbf" + text(), STRUCTURED, {}, 400, "malformed"),
    # content types
    "no content type": (text(), "", {}, 415, "media-type"),
    "plain JSON": (text(), "application/json", {}, 415, "media-type"),
    "multipart": (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", {}, 415, "media-type"),
    "a form": (b"a=1", "application/x-www-form-urlencoded", {}, 415, "media-type"),
    # JSON
    "nothing": (b"", STRUCTURED, {}, 400, "malformed"),
    "NaN": (raw_event(b"NaN"), STRUCTURED, {}, 400, "malformed"),
    "infinity": (raw_event(b"[-Infinity]"), NDJSON, {}, 400, "malformed"),
    "a lone surrogate": (raw_event(b'"\\ud800 x"'), STRUCTURED, {}, 400, "malformed"),
    "a lone surrogate in an id": (text(id="x").replace(b'"x"', b'"\\udc00"'), NDJSON, {}, 400, "malformed"),
    "a raw control character": (raw_event(b'"\x00"'), STRUCTURED, {}, 400, "malformed"),
    "NUL in an id": (text(id="a\0b"), STRUCTURED, {}, 422, "invalid"),
    "a line break in a subject": (text(subject="a\nb"), NDJSON, {}, 422, "invalid"),
    "65 levels": (raw_event(b"[" * 64 + b"]" * 64), STRUCTURED, {}, 422, "invalid"),
    "65 levels of objects": (raw_event(b'{"a":' * 64 + b"1" + b"}" * 64), NDJSON, {}, 422, "invalid"),
    "100,000 levels": (raw_event(b"[" * 100_000 + b"]" * 100_000), STRUCTURED, {}, 422, "invalid"),
    "100,000 brackets open": (b"[" * 100_000, BATCH, {}, 400, "malformed"),
    "a trailing comma": (b'{"specversion":"1.0",}', STRUCTURED, {}, 400, "malformed"),
    "two texts": (text() + text(), STRUCTURED, {}, 400, "malformed"),
    "a list": (b"[]", STRUCTURED, {}, 422, "invalid"),
    "no list": (text(), BATCH, {}, 422, "invalid"),
    "null": (b"null", NDJSON, {}, 422, "invalid"),
    # CloudEvents
    "specversion 0.3": (text(specversion="0.3"), STRUCTURED, {}, 422, "invalid"),
    "no id": (json.dumps({k: v for k, v in event().items() if k != "id"}).encode(), STRUCTURED, {}, 422, "invalid"),
    "an empty id": (text(id=""), STRUCTURED, {}, 422, "invalid"),
    "a number as id": (text(id=5), STRUCTURED, {}, 422, "invalid"),
    "a long id": (text(id="x" * 1025), STRUCTURED, {}, 422, "invalid"),
    "a time without a zone": (text(time="2026-01-01T00:00:00"), STRUCTURED, {}, 422, "invalid"),
    "a time that is none": (text(time="yesterday"), NDJSON, {}, 422, "invalid"),
    "data twice": (text(data_base64="AA=="), STRUCTURED, {}, 422, "invalid"),
    "bad base64": (text(data_base64="%%").replace(b', "data": {"total": 12}', b""), STRUCTURED, {}, 422, "invalid"),
    # names of the engine
    "the engine as source": (text(source="eventflow"), STRUCTURED, {}, 403, "reserved-name"),
    "below the engine": (text(source="eventflow.x"), NDJSON, {}, 403, "reserved-name"),
    "an engine type": (text(type="eventflow.tick"), STRUCTURED, {}, 403, "reserved-name"),
    "spelled with escapes": (ESCAPED, STRUCTURED, {}, 403, "reserved-name"),
    "a detector's kind": (text(kind="detector.raised"), STRUCTURED, {}, 403, "reserved-name"),
    "a chain": (text(eventflowchain="a,b"), STRUCTURED, {}, 403, "reserved-name"),
    "hops": (text(eventflowhops=0), NDJSON, {}, 403, "reserved-name"),
    "a source's name": (text(sourcename="github"), STRUCTURED, {}, 403, "reserved-name"),
    "a second type": (text()[:-1] + b',"type":"eventflow.tick"}', NDJSON, {}, 403, "reserved-name"),
    # binary mode
    "binary with an engine type": (
        b"1", "application/json", BINARY | {"ce-type": "eventflow.x"},
        403, "reserved-name",
    ),
    "binary with a chain": (
        b"1", "application/json",
        BINARY | {"ce-eventflowchain": "x"},
        403, "reserved-name",
    ),
    "binary with data in a header": (
        b"1", "application/json", BINARY | {"ce-data": "1"},
        422, "invalid",
    ),
    "binary that is no JSON": (
        b"{", "application/json", BINARY,
        400, "malformed",
    ),
    "binary with half a character": (
        b"1", "application/json", BINARY | {"ce-id": "%ff"},
        400, "malformed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "headers", "status", "code"), BODIES.values(), ids=BODIES)
async def test_a_hostile_body(house, body, kind, headers, status, code):
    answer = await house.post(body, kind, **headers)
    assert (answer.status, answer.body["code"]) == (status, code), answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["instance"].startswith("req_")
    assert len(answer.text) < 1000
    assert await house.records() == []
    assert house.errors == []
    assert (await house.post(event())).body == {"accepted": 1, "duplicates": 0}


@pytest.mark.parametrize(
    "data",
    [b"1180591620717411303424", b"1e308", b'"\\u0000"', b'"\\ud83d\\ude00"', b"[" * 63 + b"]" * 63, b'{"a":1,"a":2}'],
)  # fmt: skip
async def test_odd_but_right(house, data):
    for kind in (STRUCTURED, NDJSON):
        assert (await house.post(raw_event(data), kind)).status == 202
    [stored] = await house.records()
    assert stored["data"] == json.loads(data)


# --------------------------------------------------------------------------------------------------- below HTTP


def head(*lines, path="/events", method="POST", length=None, token=SECRET, kind=STRUCTURED):
    fields = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Type: {kind}", f"Authorization: Bearer {token}"]
    fields += [f"Content-Length: {length}"] if length is not None else []
    return ("\r\n".join([*fields, *lines]) + "\r\n\r\n").encode()


RAW = {
    "not HTTP": ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"], 400),
    "no version": ([b"GET /events\r\n\r\n"], 405),
    "a header without a colon": ([b"POST /events HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n"], 400),
    "a space in a header's name": ([b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length : 1\r\n\r\n1"], 400),
    "a folded header": ([head(length=1).replace(b"\r\n\r\n", b"\r\nX: a\r\n b\r\n\r\n") + b"1"], 400),
    "NUL in a header": ([head("X: a\0b", length=0)], 400),
    "two lengths": ([head("Content-Length: 5", length=1) + b"1"], 400),
    "a negative length": ([head(length="-1")], 400),
    "a length that is no number": ([head(length="0x10")], 400),
    "length and chunks": ([head("Transfer-Encoding: chunked", length=5) + b"0\r\n\r\n"], 400),
    "chunked twice": ([head("Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n"], 400),
    "an unknown transfer coding": ([head("Transfer-Encoding: xchunked") + b"0\r\n\r\n"], 400),
    "a chunk size that is none": ([head("Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n"], 400),
    "a negative chunk": ([head("Transfer-Encoding: chunked") + b"-1\r\n{}\r\n0\r\n\r\n"], 400),
    "a chunk without its line break": ([head("Transfer-Encoding: chunked") + b"2\r\n{}XX0\r\n\r\n"], 400),
    "a long request line": ([b"POST /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"], 431),
    "a long header": ([head("X: " + "a" * 9000, length=0)], 431),
    "101 headers": ([head(*[f"X-{n}: 1" for n in range(120)], length=0)], 431),
    "40 kB of headers": ([head(*[f"X-{n}: {'a' * 8000}" for n in range(5)], length=0)], 431),
    "100,000 headers": ([head(*[f"X-{n}: 1" for n in range(100_000)], length=0)], 431),
    "a declared body that is too long": ([head(length=1 << 40)], 413),
    "a body that never comes": ([head(length=100)], 408),
    "a body in drops": ([head(length=100), *[b"x"] * 30], 408),
    "chunks of one byte without end": ([head("Transfer-Encoding: chunked"), *[b"1\r\nx\r\n"] * 30], 408),
    "a header that never ends": ([b"POST /events HTTP/1.1\r\nHost: x\r\n"], 408),
    "a header in drops": ([b"POST /events HTTP/1.1\r\nHost: x\r\n", *[b"X: 1\r\n"] * 30], 408),
    "nothing at all": ([], 408),
    "another method": ([head(method="PUT", length=0)], 405),
    "a method override": ([head("X-HTTP-Method-Override: POST", method="GET")], 405),
    "no such path": ([head(path="/nothing", length=1 << 30)], 404),
    "the root": ([b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], 404),
    "a doubled slash": ([head(path="//events", length=0)], 404),
    "a percent-encoded path": ([head(path="/%65vents", length=0)], 404),
    "a dot in the path": ([head(path="/./events", length=0)], 404),
    "a trailing slash": ([head(path="/events/", length=0)], 404),
    "another case": ([head(path="/Events", length=0)], 404),
    "a suffix": ([head(path="/events;x=/livez", length=0)], 404),
    "the API of the other listener": ([b"GET /api/v1/runs HTTP/1.1\r\nHost: x\r\n\r\n"], 404),
    "metrics": ([b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"], 404),
    "no token, and a body that is never read": ([head(length=1 << 19, token="")], 401),
}


@pytest.mark.parametrize(("pieces", "status"), RAW.values(), ids=RAW)
async def test_hostile_bytes(house, pieces, status):
    got = await house.raw(*pieces, pause=0.05 if len(pieces) > 1 else 0)
    if got or len(pieces) == 1:  # who goes on sending into a closed connection may lose the answer to a reset
        assert got.startswith(b"HTTP/"), got[:100]
        assert int(got[9:12]) == status, got[:300]
    assert b"Traceback" not in got
    assert b"aiohttp" not in got
    assert await house.records() == []
    assert house.errors == []
    assert (await house.post(event())).status == 202


async def test_a_refused_request_smuggles_no_second_one(house):
    inner = head(length=len(text())) + text()
    got = await house.raw(head("Transfer-Encoding: chunked", length=len(inner)) + b"0\r\n\r\n" + inner)
    assert int(got[9:12]) == 400
    assert got.count(b"HTTP/1") == 1
    assert await house.records() == []


async def test_pipelined_requests_are_each_answered(house):
    first, second = text(id="1"), text(id="2")
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(head(length=len(first)) + first + head("Connection: close", length=len(second)) + second)
    got = await reader.read()
    writer.close()
    assert got.count(b"HTTP/1.1 202") == 2
    assert [one["id"] for one in await house.records()] == ["1", "2"]


async def test_a_chunked_body_of_single_bytes_is_read(house):
    chunks = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in text())
    got = await house.raw(head("Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 202")


async def test_one_address_holds_only_so_many_connections(house):
    crowd = [await asyncio.open_connection("127.0.0.1", house.port) for _ in range(LIMITS.connections_per_address)]
    assert b" 503 " in await house.raw(head(length=0))
    for _, writer in crowd:
        writer.close()
    await until(lambda: not house.listener.connections)
    assert (await house.post(event())).status == 202


async def test_slow_clients_do_not_hold_up_the_others():
    limits = LIMITS.__class__(header_seconds=1, body_seconds=1, connections_per_address=1000)
    async with House(MemoryBus(), limits) as house:
        slow = [await asyncio.open_connection("127.0.0.1", house.port) for _ in range(400)]
        for number, (_, writer) in enumerate(slow):
            writer.write(head(length=100) if number % 2 else b"POST /events HTTP/1.1\r\nX:")
        for number in range(50):
            assert (await house.post(event(id=str(number)))).status == 202
        ends = await asyncio.gather(*(reader.read() for reader, _ in slow))
        for _, writer in slow:
            writer.close()
    assert all(b" 408 " in end for end in ends)
