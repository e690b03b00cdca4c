"""The egress guard: what is connected is judged, however it is written and whatever a name says the second time."""

import socket
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from hypothesis import given
from hypothesis import strategies as st

from eventflow.errors import SettingsError
from eventflow.web.egress import EgressDenied, Policy, guarded_connector

REFUSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8",
    "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
    "172.15.255.255", "172.32.0.0", "192.167.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1",
    "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_is_refused(address):
    assert not Policy().reaches(address, 80)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_may_be_reached(address):
    assert Policy().reaches(address, 443)


def test_entries_allow_exactly_what_they_say():
    policy = Policy(["10.1.0.0/16", "127.0.0.1:8080", "[::1]:80", "fd00::5", "api.internal", "Db.internal:5432"])
    assert policy.reaches("10.1.2.3", 1)
    assert not policy.reaches("10.2.0.1", 1)
    assert policy.reaches("127.0.0.1", 8080)
    assert not policy.reaches("127.0.0.1", 8081)
    assert policy.reaches("::ffff:127.0.0.1", 8080)
    assert policy.reaches("::1", 80)
    assert not policy.reaches("::1", 81)
    assert policy.reaches("fd00::5", 9)
    assert policy.names("API.internal.", 1)
    assert policy.names("db.internal", 5432)
    assert not policy.names("db.internal", 5433)


@pytest.mark.parametrize("entry", ["", "http://x", "a b", "*.example.com", "10.0.0.0/99", "host:0", "host:x", "u@h"])
def test_a_wrong_entry_is_refused_at_once(entry):
    with pytest.raises(SettingsError, match=r"egress\.allow"):
        Policy([entry])


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_wrapping_an_address_changes_no_judgement(address, port):
    plain = Policy().reaches(str(address), port)
    assert Policy().reaches(f"::ffff:{address}", port) == plain
    assert Policy().reaches(f"64:ff9b::{int(address) >> 16:x}:{int(address) & 0xFFFF:x}", port) == plain


class Names(AbstractResolver):
    """A resolver that gives each name's answers in turn, the last for ever."""

    def __init__(self, **answers):
        self.answers = answers

    async def resolve(self, host, port=0, family=socket.AF_INET):
        left = self.answers[host.partition(".")[0]]
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET6 if ":" in address else
             socket.AF_INET, "proto": 0, "flags": socket.AI_NUMERICHOST}
            for address in addresses
        ]  # fmt: skip

    async def close(self):
        pass


@pytest.fixture
async def inside():
    """A server on loopback that counts who got through."""
    seen = []

    async def take(request):
        seen.append(request.path)
        if request.path == "/away":
            raise web.HTTPFound(f"http://127.0.0.1:{runner.addresses[0][1]}/landed")
        return web.Response(text="inside", headers={"Connection": "close"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield SimpleNamespace(seen=seen, port=runner.addresses[0][1])
    await runner.cleanup()


async def ask(url, allow=(), resolver=None):
    async with (
        aiohttp.ClientSession(connector=guarded_connector(allow, resolver=resolver)) as session,
        session.get(url, allow_redirects=False) as answer,
    ):
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "0", "0.0.0.0",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1.", "①②⑦.0.0.1", "LOCALHOST",
    ],
)  # fmt: skip
async def test_no_spelling_of_loopback_gets_through(inside, host):
    with pytest.raises((EgressDenied, aiohttp.ClientError, ValueError)):
        await ask(f"http://{host}:{inside.port}/")
    assert inside.seen == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_the_refusal_is_ours_and_says_what_to_do(inside, host):
    with pytest.raises(EgressDenied, match=r"egress\.allow"):
        await ask(f"http://{host}:{inside.port}/")


async def test_allowed_by_address_by_name_and_by_port(inside):
    port = inside.port
    for allow in ("127.0.0.1", f"127.0.0.1:{port}", "127.0.0.0/8"):
        assert await ask(f"http://127.0.0.1:{port}/", [allow]) == (200, "inside")
    names = Names(api=[["127.0.0.1"]])
    assert await ask(f"http://api.internal:{port}/", ["api.internal"], names) == (200, "inside")
    assert await ask(f"http://api.internal:{port}/", [f"api.internal:{port}"], names) == (200, "inside")
    with pytest.raises(EgressDenied):
        await ask(f"http://api.internal:{port}/", [f"api.internal:{port + 1}"], names)


async def test_a_name_that_changes_its_answer_is_judged_each_time(inside):
    names = Names(turn=[["1.1.1.1"], ["127.0.0.1"]])
    connector = guarded_connector([], resolver=names)
    async with aiohttp.ClientSession(connector=connector) as session:
        first = await connector._resolve_host("turn.example", inside.port)
        assert [found["host"] for found in first] == ["1.1.1.1"]
        with pytest.raises(EgressDenied):
            await session.get(f"http://turn.example:{inside.port}/")
    assert inside.seen == []


async def test_of_several_answers_only_the_public_ones_are_left():
    connector = guarded_connector([], resolver=Names(both=[["10.0.0.1", "1.1.1.1", "::1"]]))
    found = await connector._resolve_host("both.example", 80)
    assert [result["host"] for result in found] == ["1.1.1.1"]
    await connector.close()


async def test_the_socket_is_refused_even_if_everything_before_it_failed(inside):
    connector = guarded_connector([])
    with pytest.raises(EgressDenied):
        connector._socket_factory((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", inside.port)))
    await connector.close()


async def test_a_redirect_is_an_answer_not_an_order(inside):
    status, _ = await ask(f"http://api.internal:{inside.port}/away", ["api.internal"], Names(api=[["127.0.0.1"]]))
    assert status == 302
    assert inside.seen == ["/away"]
