"""Every metric is in one table, documented as it is exposed, and two houses do not mix."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from eventflow.observe.metrics import METERS, Metrics, reference

PAGE = Path(__file__).parents[3] / "docs/reference/metrics.md"


def test_the_page_is_the_table():
    assert PAGE.read_text() == reference(), "run: python -m eventflow.observe.metrics > docs/reference/metrics.md"


def test_every_meter_is_an_attribute_and_is_exposed():
    metrics = Metrics()
    families = {family.name for family in text_string_to_metric_families(metrics.expose().decode())}
    for meter in METERS:
        assert meter.read != hasattr(metrics, meter.name)
        assert f"eventflow_{meter.name}" in families
    assert set(Metrics.__annotations__) == {meter.name for meter in METERS if not meter.read}


def test_what_is_read_is_exposed_with_its_labels():
    text = Metrics().expose([("outcomes", ("w", "t", "fired"), 3), ("runs_in_hand", (), 2)])
    assert b'eventflow_outcomes_total{reason="fired",trigger="t",workflow="w"} 3.0' in text
    assert b"eventflow_runs_in_hand 2.0" in text


def test_two_houses_do_not_mix():
    one, other = Metrics(), Metrics()
    one.events_accepted.labels("shop").inc()
    assert b'eventflow_events_accepted_total{source="shop"} 1.0' in one.expose()
    assert b"shop" not in other.expose()
