"""What Prometheus scrapes from a house that has done something: the numbers add up to what happened."""

from collections import defaultdict

from prometheus_client.parser import text_string_to_metric_families

from eventflow.observe.metrics import METERS


async def scrape(api):
    """Name of sample → labels → value."""
    status, text = await api.ask("GET", "/metrics", "reader")
    assert status == 200
    found = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name][frozenset(sample.labels.items())] = sample.value
    return found


def total(samples, **labels):
    return sum(value for name, value in samples.items() if labels.items() <= dict(name).items())


async def test_the_numbers_add_up(api):
    for n in (0, 2, 3, 4):
        await api.emit(id=f"e{n}", type="ask.please", subject=f"s{n}", data={"n": n})
    await api.emit(id="e2", type="ask.please", subject="s2", data={"n": 2})
    runs = await api.runs(3, "waiting")
    status, _ = await api.ask("POST", f"/api/v1/runs/{runs[0]['id']}/cancel", json={})
    assert status == 202
    await api.runs(3, "waiting", "cancelled")
    found = await scrape(api)

    assert total(found["eventflow_events_accepted_total"]) == 4
    assert total(found["eventflow_events_duplicate_total"]) == 1
    assert total(found["eventflow_runs"]) == 3, "runs are counted once, so that they can be summed"
    statuses = {run["status"] for run in (await api.ask("GET", "/api/v1/runs"))[1]["items"]}
    for status in statuses:
        counted = sum(run["status"] == status for run in (await api.ask("GET", "/api/v1/runs"))[1]["items"])
        assert total(found["eventflow_runs"], workflow="ask", status=status) == counted
    assert total(found["eventflow_outcomes_total"], workflow="ask", trigger="asked", reason="fired") == 3
    assert total(found["eventflow_lag_records"]) == 0
    assert found["eventflow_log_end"] == found["eventflow_records_decided_total"] != {}


async def test_every_series_is_one_of_the_table_and_has_its_labels(api):
    await api.emit(id="1", type="ask.please", subject="s", data={"n": 2})
    await api.runs(1, "waiting")
    table = {f"eventflow_{meter.name}": set(meter.labels) for meter in METERS}
    for name, samples in (await scrape(api)).items():
        plain = next(name.removesuffix(end) for end in ("_total", "_created", "_bucket", "_sum", "_count", "")
                     if name.removesuffix(end) in table)  # fmt: skip
        for labels in samples:
            assert {label for label, _ in labels} - {"le"} == table[plain], name


async def test_metrics_need_their_scope(api):
    assert (await api.ask("GET", "/metrics", None))[0] == 401
    assert (await api.ask("GET", "/metrics", "writer"))[0] == 403
