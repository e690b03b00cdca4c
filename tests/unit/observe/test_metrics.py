"""Every metric is in one table, documented as it is exposed, and two houses do not mix."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from eventflow.observe.health import Health
from eventflow.observe.metrics import METERS, Metrics, reference

PAGE = Path(__file__).parents[3] / "docs/reference/metrics.md"


def test_the_page_is_the_table():
    assert PAGE.read_text() == reference(), "run: python -m eventflow.observe.metrics > docs/reference/metrics.md"


def test_every_meter_is_an_attribute_and_is_exposed():
    metrics = Metrics()
    families = {family.name for family in text_string_to_metric_families(metrics.expose().decode())}
    for meter in METERS:
        assert hasattr(metrics, meter.name)
        assert f"eventflow_{meter.name}" in families
    assert set(Metrics.__annotations__) == {meter.name for meter in METERS}


def test_two_houses_do_not_mix():
    one, other = Metrics(), Metrics()
    one.events_accepted.labels("shop").inc()
    assert b'eventflow_events_accepted_total{source="shop"} 1.0' in one.expose()
    assert b"shop" not in other.expose()


def test_health_is_ready_when_every_check_is():
    metrics = Metrics()
    health = Health(["bus", "router"], metrics)
    assert set(health.trouble()) == {"bus", "router"}
    health.ready("bus")
    health.ready("router")
    assert health.trouble() == {}
    full = []
    health.watch("disk", lambda: full[0] if full else "")
    assert health.trouble() == {}
    full.append("no room on the disk")
    assert health.trouble() == {"disk": "no room on the disk"}
    assert b'eventflow_check_ready{check="disk"} 0.0' in metrics.expose()
