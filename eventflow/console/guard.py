"""Keeps pages in a browser away from a listener on loopback: by the name they call it, and by where they come from.

A page of a stranger can make its own name point to 127.0.0.1 (DNS rebinding) and then talk to what listens there as if
it were its own server. So a listener on loopback answers only to addresses and to `localhost`, and nowhere is an
`Origin` taken that is not the address asked for.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from eventflow.web.problems import refused

if TYPE_CHECKING:
    from collections.abc import Mapping


def check(headers: Mapping[str, str], *, loopback: bool) -> None:
    """Raise `Refused` (403) for a host or an origin that is none of ours."""
    host = headers.get("Host", "")
    if loopback and not _is_local(host):
        raise refused("host", "this listener is for this machine: call it by 127.0.0.1, [::1] or localhost")
    origin = headers.get("Origin")
    if origin is not None and (origin == "null" or urlsplit(origin).netloc.lower() != host.lower()):
        raise refused("host", "pages of another origin may not call this listener")


def _is_local(host: str) -> bool:
    """An address, or `localhost`; the port does not matter."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
