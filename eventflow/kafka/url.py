"""`kafka://host:port,…/topic,…` taken apart: one grammar for the bus and for sources, and what is wrong with a URL.

Pure and without aiokafka, since settings are checked before anything is connected to. What stands before an `@` is
never repeated: it is a password that somebody put where none belongs.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

SCHEME: Final = "kafka://"
DEFAULT_PORT: Final = 9092
LONGEST: Final = 241
"""Characters of a topic's name: Kafka takes 249, and `.control` goes behind ours."""
_ADDRESS: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]\s/]+))(?::([0-9]{1,5}))?")
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]+")


class Parts(msgspec.Struct, frozen=True):
    """What a URL says. `servers` as they were written."""

    servers: tuple[str, ...]
    topics: tuple[str, ...]

    def meets(self, other: Parts) -> bool:
        """Whether both name one server, so that their topics are topics of one Kafka."""
        return not {address(one) for one in self.servers}.isdisjoint(address(one) for one in other.servers)


def parts(url: str) -> Parts:
    """The servers and topics of a URL. Raises `ValueError` with a sentence that can be shown to anybody."""
    if "@" in url:
        raise ValueError("who logs in does not stand in the URL: leave the part up to @ away and write sasl beside it")
    if not url.startswith(SCHEME):
        raise ValueError(f"{url!r} is not kafka://host:port,…/topic")
    servers, slash, names = url.removeprefix(SCHEME).partition("/")
    if not servers:
        raise ValueError(f"{url!r} names no server; write kafka://host:port,…/topic")
    if not slash or not names:
        raise ValueError(f"{url!r} names no topic; write kafka://{servers}/topic")
    for mark in "?#":
        if mark in names:
            raise ValueError(f"{mark + names.partition(mark)[2]!r} is not taken: nothing may follow the topic")
    found = Parts(tuple(servers.split(",")), tuple(dict.fromkeys(names.split(","))))
    for server in found.servers:
        address(server)
    for topic in found.topics:
        _check_topic(topic)
    return found


def address(server: str) -> tuple[str, int]:
    """Host (lower case) and port of a server. Raises `ValueError`."""
    found = _ADDRESS.fullmatch(server)
    if found is None:
        if server.count(":") > 1 and not server.startswith("["):
            raise ValueError(f"{server!r} is no address of a Kafka broker; write an IPv6 address as [::1]:9092")
        raise ValueError(f"{server!r} is no address of a Kafka broker; write host:port")
    port = int(found[3] or DEFAULT_PORT)
    if not 0 < port < 65536:
        raise ValueError(f"{server!r}: a port is a number from 1 to 65535")
    return (found[1] or found[2]).lower(), port


def _check_topic(name: str) -> None:
    if len(name) > LONGEST:
        raise ValueError(f"the topic's name has {len(name)} characters, and {LONGEST} is the most")
    if not _TOPIC.fullmatch(name) or name in {".", ".."}:
        raise ValueError(f"{name!r} is no name of a topic: it has letters, digits, '.', '_' and '-'")
