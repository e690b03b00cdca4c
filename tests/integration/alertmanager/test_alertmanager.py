"""A real Prometheus and Alertmanager into finished runs of a real `eventflow serve`.

What is told may come twice, late, in another group or after a restart of either side; what is run is each alert's
firing once and its end once.
"""

import os
import signal
from collections import Counter

import pytest

from tests.crash.house import House
from tests.peers.alertmanager import Monitoring, free_ports
from tests.peers.kafka_parts import Missing

pytestmark = [pytest.mark.alertmanager, pytest.mark.timeout(1200)]
TOKEN = "an-alertmanager-token-0123456789"
WORKFLOW = """
metadata: {name: Page}
inputs: {kind: {type: string}, host: {type: string}, starts: {type: string}, ends: {type: string, default: ""}}
triggers:
  - id: alert
    type: event
    config:
      source: alertmanager
      event: alert.*
      match: {name: Hot, severity: page, service: cooling}
      inputs:
        kind: ${{ event.kind }}
        host: ${{ event.data.labels.host }}
        starts: ${{ event.data.starts }}
        ends: "${{ string(event.data.ends == null ? '' : event.data.ends) }}"
concurrency: {mode: parallel, max: 16}
steps:
  - {name: note, uses: run.annotate, with: {text: "${{ inputs.host }} ${{ inputs.kind }}"}}
"""


class Paging:
    """Both sides together: what the hosts do, and which runs that made."""

    def __init__(self, house, monitoring):
        self.house, self.monitoring = house, monitoring

    async def runs(self):
        found = await self.house.every("/runs")
        assert {run["status"] for run in found} <= {"queued", "running", "succeeded"}
        return [run["inputs"] for run in found if run["status"] == "succeeded"]

    async def count(self, host, kind):
        return sum(one["host"] == host and one["kind"] == f"alert.{kind}" for one in await self.runs())

    async def becomes(self, host, kind, number=1):
        """Wait for the n-th finished run of this kind for a host."""

        async def is_there():
            return await self.count(host, kind) >= number

        await self.monitoring.until(is_there, 90)

    async def is_hot(self, host):
        return any(one["labels"].get("host") == host for one in await self.monitoring.alerts())


@pytest.fixture
async def paging(tmp_path, request):
    own = getattr(request, "param", {})
    [port, private] = free_ports(2)
    listen = {"public": f"127.0.0.1:{port}", "private": f"127.0.0.1:{private}"}
    sources = {"alerts": {"type": "alertmanager", "auth": {"secrets": ["env:ALERTS_TOKEN"]}}}
    try:
        made = Monitoring(tmp_path / "monitoring", f"http://127.0.0.1:{port}/in/alerts", TOKEN, **own)
    except Missing as missing:
        pytest.skip(f"NO ALERTMANAGER, ITS TESTS ARE LEFT OUT: {missing}")
    os.environ["ALERTS_TOKEN"] = TOKEN
    async with House(tmp_path / "house", "", {"page": WORKFLOW}, listen=listen, sources=sources) as house:
        await house.start()
        async with made as monitoring:
            yield Paging(house, monitoring)
    del os.environ["ALERTS_TOKEN"]


async def story(paging, flaps):
    """Firing, a slow answer, a restart of ours, flapping, resolved; returns what must have been run."""
    house, monitoring = paging.house, paging.monitoring
    monitoring.hosts |= {"plain": 9}
    await paging.becomes("plain", "firing")

    # We answer nothing at all until Alertmanager has given up on a notification and says so.
    given_up = await monitoring.counted("alertmanager_notifications_failed_total")
    os.killpg(house.process.pid, signal.SIGSTOP)
    monitoring.hosts |= {"slow": 9}

    async def gave_up():
        return await monitoring.counted("alertmanager_notifications_failed_total") > given_up

    await monitoring.until(gave_up, 90)
    os.killpg(house.process.pid, signal.SIGCONT)
    await paging.becomes("slow", "firing")

    # We are away when it fires; Alertmanager tries until we are back.
    assert await house.stop(20) == 0, house.tail()
    refused = await monitoring.counted("alertmanager_notification_requests_failed_total")
    monitoring.hosts |= {"away": 9}

    async def was_refused():
        tried = await monitoring.counted("alertmanager_notification_requests_failed_total") > refused
        return tried and await paging.is_hot("away")

    await monitoring.until(was_refused)
    await house.start()
    await paging.becomes("away", "firing")

    for number in range(1, flaps + 1):
        monitoring.hosts["flapping"] = 9
        await paging.becomes("flapping", "firing", number)
        monitoring.hosts["flapping"] = 0
        await paging.becomes("flapping", "resolved", number)

    monitoring.hosts |= dict.fromkeys(("plain", "slow", "away"), 0)
    for host in ("plain", "slow", "away"):
        await paging.becomes(host, "resolved")
    once = {(host, kind): 1 for host in ("plain", "slow", "away") for kind in ("alert.firing", "alert.resolved")}
    return once | {("flapping", kind): flaps for kind in ("alert.firing", "alert.resolved")}


async def test_alerts_become_finished_runs_once_each(paging):
    wanted = await story(paging, flaps=3)
    runs = await paging.runs()
    assert Counter((one["host"], one["kind"]) for one in runs) == wanted
    assert len({one["starts"] for one in runs if one["host"] == "flapping"}) == 3, "each flap starts anew"
    assert all((one["ends"] == "") == (one["kind"] == "alert.firing") for one in runs)
    sent = await paging.monitoring.counted("alertmanager_notification_requests_total")
    assert sent > 8, "more was told than was run"
    told = {event["id"] for event in await paging.house.every("/events") if event["source"] == "alerts"}
    assert len(told) == len(runs)


@pytest.mark.long
@pytest.mark.parametrize(
    "paging", [{"every": "1s", "wait": "3s", "group": "5s", "again": "30s"}], indirect=True, ids=["slow intervals"]
)
async def test_hours_in_minutes(paging):
    """Intervals as people set them, reminders, and both sides killed while alerts come and go."""
    wanted = await story(paging, flaps=10)
    monitoring, house = paging.monitoring, paging.house
    for number in range(10):
        host = f"killed{number}"
        monitoring.hosts[host] = 9
        if number % 2:
            await monitoring.until(lambda host=host: paging.is_hot(host))
            monitoring.kill("prometheus-alertmanager")
            monitoring.start_alertmanager()
        else:
            await house.kill()
            await house.start()
        await paging.becomes(host, "firing")
        monitoring.hosts[host] = 0
        await paging.becomes(host, "resolved")
        wanted |= {(host, "alert.firing"): 1, (host, "alert.resolved"): 1}
    runs = await paging.runs()
    assert Counter((one["host"], one["kind"]) for one in runs) == wanted
