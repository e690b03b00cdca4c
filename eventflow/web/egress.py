"""The guard of outgoing HTTP: which addresses of the outside may be reached at all.

An event's text may end up in a URL, so whoever can send an event could otherwise make eventflow ask the cloud's
metadata service, the router's admin page or our own private listener. The guard judges the *address that is connected*,
never the look of the URL: names are resolved here, `2130706433`, `0x7f.1` and `0177.0.0.1` become the address they
mean, and a name that answers differently the second time is judged the second time too. What is allowed beside public
addresses stands in the setting `egress.allow`. Redirects are the caller's: `allow_redirects=False`.

The networks are those of the IANA special-purpose registries (RFC 6890 and its successors) and the metadata addresses
that lie outside them.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from eventflow.errors import EventflowError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

REFUSED_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
"""Not public: this host, private, shared, loopback, Azure's metadata, link-local, examples, multicast, reserved."""

PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
REFUSED_V6 = tuple(ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20"))
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
GRANTED_LIMIT = 1024


class EgressDenied(EventflowError):
    """The address may not be reached; `egress.allow` in the settings can permit it."""


class _Unreachable(EgressDenied, PermissionError):
    """The same where only an `OSError` is passed on, on the way to the socket."""


class Policy:
    """What may be reached beside public addresses: hosts, host:port and networks, as they stand in the settings."""

    def __init__(self, allow: Iterable[str] = ()) -> None:
        """Sort the entries. Raises `SettingsError` for one that is none of the three."""
        self.hosts: set[tuple[str, int | None]] = set()
        self.networks: list[tuple[Network, int | None]] = []
        for entry in allow:
            self._take(entry.strip().lower())

    def _take(self, entry: str) -> None:
        host, port = _split_port(entry)
        try:
            self.networks.append((ipaddress.ip_network(host), port))
        except ValueError:
            if not host or any(c in host for c in "/ @*"):
                raise SettingsError(
                    f"egress.allow: {entry!r} is no host, host:port or network; write api.example.com, "
                    "api.example.com:8443 or 10.1.0.0/16"
                ) from None
            self.hosts.add((host.rstrip("."), port))

    def names(self, host: str, port: int) -> bool:
        """Whether the host is allowed by name, whatever address it has."""
        name = host.rstrip(".").lower()
        return (name, None) in self.hosts or (name, port) in self.hosts

    def reaches(self, address: str, port: int) -> bool:
        """Whether the address may be connected."""
        found = _meant(address)
        if is_public(found):
            return True
        return any(
            wanted in {None, port} and found.version == network.version and found in network
            for network, wanted in self.networks
        )


def is_public(address: Address) -> bool:
    """Whether an address (unwrapped by `_meant`) belongs to the public Internet."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in REFUSED_V4)
    if address.sixtofour is not None:
        return is_public(address.sixtofour)
    return address in PUBLIC_V6 and not any(address in network for network in REFUSED_V6)


def guarded_connector(
    allow: Iterable[str] = (), *, resolver: AbstractResolver | None = None, **options: Any
) -> aiohttp.TCPConnector:
    """A connector that connects to nothing the policy forbids; `EgressDenied` is what a request then ends with.

    Behind a happy-eyeballs race it may be the cause of aiohttp's connection error instead. `resolver` replaces the
    system's (tests); `options` go to `aiohttp.TCPConnector`. Make it inside a running loop.
    """
    return _GuardedConnector(Policy(allow), resolver or aiohttp.ThreadedResolver(), **options)


class _GuardedConnector(aiohttp.TCPConnector):
    """Judges three times: a literal host before it is used, a name's addresses, and the address at the socket."""

    def __init__(self, policy: Policy, resolver: AbstractResolver, **options: Any) -> None:
        guard = _GuardedResolver(policy, resolver)
        super().__init__(resolver=guard, use_dns_cache=False, socket_factory=guard.socket, **options)
        self._policy = policy

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        host, port = req.url.raw_host or "", req.url.port or 0
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return await super().connect(req, traces, timeout)
        if not self._policy.reaches(host, port):
            raise EgressDenied(_refusal(host, port, host))
        return await super().connect(req, traces, timeout)


class _GuardedResolver(AbstractResolver):
    def __init__(self, policy: Policy, resolver: AbstractResolver) -> None:
        self._policy, self._resolver = policy, resolver
        self._granted: dict[tuple[str, int], None] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if self._policy.names(host, port):
            for result in found:
                self._grant(result["host"], port)
            return found
        kept = [result for result in found if self._policy.reaches(result["host"], port)]
        if found and not kept:
            raise EgressDenied(_refusal(host, port, found[0]["host"]))
        return kept

    def _grant(self, address: str, port: int) -> None:
        self._granted.pop((address, port), None)
        self._granted[address, port] = None
        if len(self._granted) > GRANTED_LIMIT:
            del self._granted[next(iter(self._granted))]

    def socket(self, info: Any) -> socket.socket:
        """Make the socket for an address that may be connected, and for no other."""
        family, kind, protocol, _, target = info
        address, port = str(target[0]), int(target[1])
        if (address, port) not in self._granted and not self._policy.reaches(address, port):
            raise _Unreachable(_refusal(address, port, address))
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        await self._resolver.close()


def _meant(address: str) -> Address:
    """The address that a text stands for: without its zone, and the IPv4 address inside a mapped or translated one."""
    found: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return found.ipv4_mapped
        if found in NAT64:
            return ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    return found


def _split_port(entry: str) -> tuple[str, int | None]:
    """`host:80`, `10.0.0.1:80`, `[::1]:80` and the same without a port; a bare IPv6 address keeps its colons."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        entry_port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        host, _, entry_port = entry.partition(":")
    else:
        return entry, None
    if not entry_port:
        return host, None
    if not (entry_port.isascii() and entry_port.isdigit() and 0 < int(entry_port) < 65536):
        raise SettingsError(f"egress.allow: {entry!r} has no port between 1 and 65535 after the colon")
    return host, int(entry_port)


def _refusal(host: str, port: int, address: str) -> str:
    where = f"{host}:{port}" if host == address else f"{host}:{port} (it is {address})"
    return f"{where} is not a public address; if it is meant to be reached, add {host}:{port} to egress.allow"
