"""The listeners: whether they can be had, and whether what runs there is well."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from eventflow.cli.doctor.bench import Bench, Finding, fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.settings import Address


def checks(bench: Bench) -> Iterator[Finding]:
    """Ports where nothing runs; questions and held runs where something does."""
    if bench.settings is None:
        return
    if bench.running:
        yield ok("server", "answers at its socket")
        parked = bench.door.request("GET", "/runs", query={"status": "paused", "limit": 200})["items"]
        if parked:
            yield warn("runs", f"{len(parked)} paused, waiting for a person", "eventflow status; eventflow resume RUN")
        return
    for name in ("public", "private"):
        yield _bindable(name, getattr(bench.settings.listen, name))


def _bindable(name: str, address: Address) -> Finding:
    key = f"listen.{name}"
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address.host, address.port))
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        taken = error.errno == errno.EADDRINUSE
        advice = "stop who has it, or choose another port" if taken else "choose another address"
        return fail("ports", f"{key}: {address}: {why}", advice)
    return ok("ports", f"{key}: {address} is free")
