"""Recorded deliveries through their sources, on a real socket: what was accepted, what was refused, what became of it.

python -m tests.integration.doors.payloads FOLDER      a table over any folder laid out like tests/fixtures/payloads
"""
# ruff: noqa: T201 - as a program it prints

import asyncio
import base64
import hmac
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from eventflow.buses.memory import MemoryBus
from eventflow.ingest.source import SourceDoor, door_path
from eventflow.plugin import SourceContext
from eventflow.sources.alertmanager import Alertmanager
from eventflow.sources.github import GitHub
from eventflow.sources.gitlab import GitLab
from tests.integration.doors.open_house import House

FIXTURES = Path(__file__).parents[2] / "fixtures/payloads"
SECRET, OLD = b"a-secret-of-the-sender-0123456789", b"an-old-secret-of-the-sender-0123"
SIGNING = b"a-signing-key-0123456789abcdef01"
WHSEC = b"whsec_" + base64.b64encode(SIGNING)
SOURCES = {"github": GitHub, "gitlab": GitLab, "alertmanager": Alertmanager, "grafana": Alertmanager}


@dataclass
class Sent:
    """One file: how it was answered and which events it became."""

    case: dict
    body: bytes
    status: int
    answer: dict
    events: list = field(default_factory=list)


def open_house(**auth):
    """A house with one door for each sender; two secrets are live."""

    def doors(gateway):
        found = {}
        for name, source in SOURCES.items():
            secrets = [SECRET, OLD] + ([WHSEC] if name == "gitlab" else [])
            made = source(SourceContext(name, {"auth": auth}, secrets))
            found[door_path(name, None)] = SourceDoor(gateway, made)
        return found

    return House(MemoryBus(), doors=doors)


def signed(sender, body, secret=SECRET, *, id_="1", at=None, key=None):
    """The headers by which a sender shows that it may."""
    if sender == "github":
        return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, "sha256").hexdigest()}
    if sender == "gitlab" and key is not None:
        stamp = str(int(time.time() if at is None else at))
        made = base64.b64encode(hmac.digest(key, f"{id_}.{stamp}.".encode() + body, "sha256")).decode()
        return {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": f"v1,{made}"}
    if sender == "gitlab":
        return {"X-Gitlab-Token": secret.decode()}
    return {"Authorization": f"Bearer {secret.decode()}"}


def headers(sender, case, body, number):
    """What the sender sends with it, in turns by each of its ways to be authentic."""
    sent = {name: value for name, value in case.get("headers", {}).items() if name != "Content-Type"}
    sent.pop("Authorization", None)
    id_ = f"00000000-0000-4000-8000-{number:012d}"
    if sender == "github":
        sent |= {"X-GitHub-Delivery": id_, "X-GitHub-Hook-ID": "7"}
    elif sender == "gitlab":
        sent |= {"Idempotency-Key": id_, "X-Gitlab-Event-UUID": "shared", "X-Gitlab-Instance": "https://gitlab.example"}
    elif number % 2:
        return sent | {"Authorization": "Basic " + base64.b64encode(b"prometheus:" + SECRET).decode()}
    return sent | signed(sender, body, SECRET if number % 3 else OLD, id_=id_, key=SIGNING if number % 2 else None)


async def send_all(house, folder, sender):
    """Every file of one sender, in order."""
    found, seen = [], len(await house.records())
    for number, case in enumerate(json.loads((folder / sender / "cases.json").read_text())):
        body = (folder / sender / case["file"]).read_bytes()
        sent = headers(sender, case, body, number)
        answer = await house.post(body, case["content_type"], path=f"/in/{sender}", token=None, **sent)
        records = await house.records()
        found.append(Sent(case, body, answer.status, answer.body, records[seen:]))
        seen = len(records)
    return found


def official_type(table, event, body):
    """The type by the words of the adapter document itself, read from its table; None where it has no row."""
    row = table.get(event)
    if row is None:
        return None
    whole = ""
    for part in row["type"].partition("#")[0].split(" + "):
        literal, path = re.fullmatch(r'\s*(?:`([^`]*)`|"([^"]+)" value)\s*', part).groups()
        value = body
        for name in (path or "").split(".") if path else ():
            value = value.get(name) if isinstance(value, dict) else None
        whole += literal if literal is not None else f"{'' if whole.endswith('.') else '.'}{value or ''}"
    return whole.rstrip(".")


async def table(folder):
    """Print what became of every file."""
    known = json.loads((FIXTURES / "cloudevents/adapter-github.json").read_text())
    async with open_house() as house:
        for sender in [name for name in SOURCES if (folder / name / "cases.json").exists()]:
            sent = await send_all(house, folder, sender)
            count = Counter(one.status for one in sent)
            events = [event for one in sent for event in one.events]
            print(f"{sender}: {len(sent)} files, answers {dict(count)}, events {len(events)}")
            print("  kinds", dict(Counter(event["kind"] for event in events).most_common()))
            for one in sent:
                if one.status != 202:
                    print(" ", one.case["file"], one.status, one.answer.get("detail"))
            if sender == "github":
                pairs = [(one.case, event) for one in sent for event in one.events]
                right = sum(
                    official_type(known, case["headers"]["X-GitHub-Event"], event["body"]) == event["type"]
                    for case, event in pairs
                )
                print(f"  official type {right} of {len(pairs)}")
                other = [(case["file"], case["ce_type"], event["type"]) for case, event in pairs
                         if case.get("ce_type") not in {None, event["type"]}]  # fmt: skip
                print(f"  other than ce_type: {len(other)}", *other, sep="\n    ")
        print("server errors:", house.errors)


if __name__ == "__main__":
    asyncio.run(table(Path(sys.argv[1])))
