"""The network extension: addresses and networks as values."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Any, Final

from eventflow.match.functions.table import function
from eventflow.match.problems import EvaluationError
from eventflow.match.values import register_kind

_GROUP: Final = "Network"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Cidr:
    """An address with a prefix length, host bits kept."""

    __slots__ = ("address", "bits")

    def __init__(self, address: Address, bits: int) -> None:
        self.address = address
        self.bits = bits

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cidr) and (self.address, self.bits) == (other.address, other.bits)

    def __hash__(self) -> int:
        return hash((self.address, self.bits))

    def __str__(self) -> str:
        return f"{self.address}/{self.bits}"

    __repr__ = __str__

    def holds(self, address: Address) -> bool:
        """Whether the address lies in this network."""
        if address.version != self.address.version:
            return False
        shift = address.max_prefixlen - self.bits
        return int(address) >> shift == int(self.address) >> shift


register_kind(ipaddress.IPv4Address, "ip")
register_kind(ipaddress.IPv6Address, "ip")
register_kind(Cidr, "cidr")


def _parsed(text: str) -> Address:
    try:
        if len(text) > 60 or "%" in text:
            raise ValueError(text)
        return ipaddress.ip_address(text)
    except ValueError:
        raise EvaluationError("convert", f"{text[:60]!r} is no IP address") from None


@lru_cache(maxsize=4096)
def address(text: str) -> Address:
    """An address of text; an IPv4-mapped one is its IPv4 address. Raises EvaluationError."""
    found = _parsed(text)
    if found.version == 6 and "." in text:
        raise EvaluationError("convert", f"{text!r}: write an IPv4-mapped address without dots, or as IPv4")
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped if mapped is not None else found


@lru_cache(maxsize=4096)
def network(text: str) -> Cidr:
    """A network of text such as 10.0.0.0/8. Raises EvaluationError."""
    left, _, right = text.partition("/")
    if not right.isascii() or not right.isdigit() or len(right) > 3 or (len(right) > 1 and right[0] == "0"):
        raise EvaluationError("convert", f"{text[:60]!r} is no network; networks look like 10.0.0.0/8")
    found = _parsed(left)
    if getattr(found, "ipv4_mapped", None) is not None:
        raise EvaluationError("convert", f"{text!r}: write an IPv4-mapped network as IPv4")
    if int(right) > found.max_prefixlen:
        raise EvaluationError("convert", f"{text!r} is no network: at most {found.max_prefixlen} bits")
    return Cidr(found, int(right))


def _try(read: Any, text: str) -> bool:
    try:
        read(text)
    except EvaluationError:
        return False
    return True


def _as_address(value: Any) -> Address:
    return address(value) if value.__class__ is str else value


def _as_network(value: Any) -> Cidr:
    return network(value) if value.__class__ is str else value


function("ip", "(string) -> ip", group=_GROUP, doc="An IP address.", example="ip('10.0.0.1').family() == 4")(address)
function("ip", "(ip) -> ip", group=_GROUP)(lambda a: a)
function(
    "cidr", "(string) -> cidr", group=_GROUP, doc="A network.", example="cidr('10.0.0.0/8').containsIP('10.1.2.3')"
)(network)
function("cidr", "(cidr) -> cidr", group=_GROUP)(lambda c: c)
function("isIP", "(string) -> bool", group=_GROUP, doc="Whether a text is an IP address.", example="isIP('10.0.0.1')")(
    lambda t: _try(address, t)
)
function(
    "isCIDR", "(string) -> bool", group=_GROUP, doc="Whether a text is a network.", example="isCIDR('10.0.0.0/8')"
)(lambda t: _try(network, t))
function(
    "ip.isCanonical",
    "(string) -> bool",
    group=_GROUP,
    doc="Whether an address is written in its normal form.",
    example="ip.isCanonical('10.0.0.1')",
)(lambda t: str(address(t)) == t)
function("family", "ip.() -> int", group=_GROUP, doc="4 or 6.", example="ip('::1').family() == 6")(lambda a: a.version)
function("isUnspecified", "ip.() -> bool", group=_GROUP, doc="0.0.0.0 or ::.", example="ip('0.0.0.0').isUnspecified()")(
    lambda a: a.is_unspecified
)
function(
    "isLoopback", "ip.() -> bool", group=_GROUP, doc="127.0.0.0/8 or ::1.", example="ip('127.0.0.1').isLoopback()"
)(lambda a: a.is_loopback)
function(
    "isLinkLocalUnicast",
    "ip.() -> bool",
    group=_GROUP,
    doc="169.254.0.0/16 or fe80::/10.",
    example="ip('169.254.1.1').isLinkLocalUnicast()",
)(lambda a: a.is_link_local)
_LOCAL_MULTICAST: Final = {4: network("224.0.0.0/24"), 6: network("ff02::/16")}
_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")


@function(
    "isLinkLocalMulticast",
    "ip.() -> bool",
    group=_GROUP,
    doc="224.0.0.0/24 or ff02::/16.",
    example="ip('224.0.0.1').isLinkLocalMulticast()",
)
def local_multicast(value: Address) -> bool:
    """Whether it is for the own link only."""
    return _LOCAL_MULTICAST[value.version].holds(value) or (value.version == 6 and int(value) >> 112 & 0xFF0F == 0xFF02)


@function(
    "isGlobalUnicast",
    "ip.() -> bool",
    group=_GROUP,
    doc="An address of one host, private ones included.",
    example="ip('10.0.0.1').isGlobalUnicast()",
)
def global_unicast(value: Address) -> bool:
    """Neither unspecified, loopback, link-local, multicast nor broadcast."""
    special = value.is_unspecified or value.is_loopback or value.is_multicast or value.is_link_local
    return not special and value != _BROADCAST


@function(
    "containsIP", "cidr.(ip) -> bool", "cidr.(string) -> bool",
    group=_GROUP, doc="Whether an address lies in a network.", example="cidr('10.0.0.0/8').containsIP(ip('10.1.2.3'))",
)  # fmt: skip
def contains_ip(net: Cidr, value: Any) -> bool:
    """Whether the address is inside."""
    return net.holds(_as_address(value))


@function(
    "containsCIDR", "cidr.(cidr) -> bool", "cidr.(string) -> bool",
    group=_GROUP, doc="Whether a network lies in another.", example="cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')",
)  # fmt: skip
def contains_cidr(net: Cidr, value: Any) -> bool:
    """Whether the network is inside."""
    other = _as_network(value)
    return other.bits >= net.bits and net.holds(other.address)


function(
    "ip",
    "cidr.() -> ip",
    group=_GROUP,
    doc="The address of a network.",
    example="cidr('10.0.0.0/8').ip() == ip('10.0.0.0')",
)(lambda c: c.address)
function(
    "prefixLength",
    "cidr.() -> int",
    group=_GROUP,
    doc="The bits of a network.",
    example="cidr('10.0.0.0/8').prefixLength() == 8",
)(lambda c: c.bits)


@function(
    "masked",
    "cidr.() -> cidr",
    group=_GROUP,
    doc="The network with its host bits cleared.",
    example="cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8')",
)
def masked(net: Cidr) -> Cidr:
    """Host bits cleared."""
    shift = net.address.max_prefixlen - net.bits
    return Cidr(type(net.address)(int(net.address) >> shift << shift), net.bits)
