"""`eventflow detect`: files of many kinds, and what it says of them."""

import gzip
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from eventflow.cli import group
from eventflow.cli.detect.reading import CannotRead, moment, read
from eventflow.errors import EventflowError
from tests.integration.cli.seat import ANY_PORTS

START = datetime(2026, 5, 1, tzinfo=UTC)


def detect(*args, code=0, given=None):
    told = CliRunner().invoke(group, ["detect", *map(str, args)], input=given)
    if isinstance(told.exception, EventflowError):
        assert told.exception.exit_code == code
        return str(told.exception)
    assert told.exit_code == code, told.output
    return told.output


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(count=2000, spike=1500, hosts=("a",)):
    """A quiet metric, a sample a minute, with one spike of five samples."""
    dice = random.Random(1)
    for at in range(count):
        for host in hosts:
            value = dice.gauss(100, 5) + (300 if spike <= at < spike + 5 and host == "a" else 0)
            yield START + timedelta(minutes=at), host, round(value, 3)


def csv_file(path, those, head="timestamp,host,value"):
    path.write_text("\n".join([head, *(f"{at.isoformat()},{host},{value}" for at, host, value in those)]) + "\n")
    return path


def test_a_spike_in_a_csv_file_is_one_alarm(here):
    file = csv_file(here / "metric.csv", rows())
    output = detect(file)
    assert "adaptive over" in output
    assert ": 1 alarm, 0.72 a day in 2,000 rows of one series, 1.39 days" in output
    assert "times the usual movement above" in output
    found = json.loads(detect(file, "--json"))
    [alarm] = found["alarms"]
    assert alarm["raised"].startswith("2026-05-02T01:00:00")
    assert alarm["cleared"] is not None
    assert alarm["verdict"]["value"] > 350
    assert found["samples"]["learning"] >= 100
    assert found["problems"] == []


def test_a_series_for_each_key(here):
    file = csv_file(here / "metric.csv", rows(hosts=("a", "b", "c")))
    found = json.loads(detect(file, "--key", "event.data.host", "--set", "sensitivity=1 in 20000", "--json"))
    assert found["series"] == 3
    assert [alarm["key"] for alarm in found["alarms"]] == ["a"]


def test_a_type_with_its_config(here):
    file = csv_file(here / "metric.csv", rows())
    found = json.loads(detect(file, "--type", "threshold", "--set", "above=300", "--set", "clear_below=200", "--json"))
    assert len(found["alarms"]) == 1
    assert "is above 300 (ends below 200)" in found["alarms"][0]["verdict"]["reason"]


def test_a_forest_is_made_on_the_spot(here):
    dice, lines = random.Random(2), ["time,load,heat"]
    for at in range(1500):
        load, heat = (300, -50) if at == 1200 else (dice.gauss(100, 5), dice.gauss(60, 5))
        lines.append(f"{(START + timedelta(minutes=at)).isoformat()},{load},{heat}")
    (here / "two.csv").write_text("\n".join(lines))
    sets = (
        "warmup.above=1000",
        "train.min_samples=200",
        "features.load=event.data.load",
        "features.heat=event.data.heat",
    )
    given = [x for one in (*sets, "sensitivity=1 in 300") for x in ("--set", one)]
    found = json.loads(detect("two.csv", "--type", "isolation_forest", *given, "--json"))
    assert (START + timedelta(minutes=1200)).strftime("%Y-%m-%dT%H:%M") in {
        one["raised"][:16] for one in found["alarms"]
    }
    assert found["samples"]["learning"] < 400


def test_a_detector_of_ones_own_from_a_file(here):
    file = csv_file(here / "metric.csv", rows())
    (here / "mine.yaml").write_text("detector: {type: threshold, config: {above: 300}}\n")
    assert len(json.loads(detect(file, "--detector", "mine.yaml", "--json"))["alarms"]) == 1


def test_for_wants_it_to_last(here):
    file = csv_file(here / "metric.csv", rows())
    config = ("--type", "threshold", "--set", "above=300")
    assert len(json.loads(detect(file, *config, "--for", "3m", "--json"))["alarms"]) == 1
    assert json.loads(detect(file, *config, "--for", "30m", "--json"))["alarms"] == []


def test_lines_of_json_and_standard_input(here):
    lines = "\n".join(json.dumps({"ts": at.timestamp(), "load": {"one": v}, "v": v}) for at, _, v in rows())
    found = json.loads(detect("-", "--value", "event.data.load.one", "--json", given=lines))
    assert len(found["alarms"]) == 1


def test_cloudevents_are_taken_as_they_are(here):
    file = here / "events.ndjson"
    envelope = {"specversion": "1.0", "source": "m", "type": "metric.sample"}
    file.write_text(
        "\n".join(
            json.dumps(envelope | {"id": str(n), "time": at.isoformat(), "data": {"value": v, "name": "cpu"}})
            for n, (at, _, v) in enumerate(rows())
        )
    )
    assert len(json.loads(detect(file, "--event", "metric.*", "--json"))["alarms"]) == 1
    assert json.loads(detect(file, "--filter", "event.data.name == 'memory'", "--json"))["alarms"] == []


def test_gzipped_without_times_and_with_missing_values(here):
    lines = ("a," if at % 50 == 0 else f"a,{v}" for at, (_, _, v) in enumerate(rows()))
    text = "host,value\n" + "\n".join(lines) + "\n"
    (here / "metric.csv.gz").write_bytes(gzip.compress(text.encode()))
    told = detect("metric.csv.gz")
    assert "rows are taken to be a minute apart" in told
    assert "40 of 2,000 rows have no value there" in told


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "say what to judge"),
        (("metric.csv", "--since", "7d"), "say what to judge"),
        (("nothing.csv",), "nothing.csv cannot be read"),
        (("metric.csv", "--type", "adaptiv"), "no detector type 'adaptiv'; did you mean 'adaptive'?"),
        (("metric.csv", "--detector", "nobody"), "no detector"),
        (("metric.csv", "--detector", "no.yaml"), "there is no file no.yaml"),
        (("metric.csv", "--detector", "x", "--type", "adaptive"), "has its type and config already"),
        (("metric.csv", "--set", "level"), "write --set key=value"),
        (("metric.csv", "--set", "level=7"), "less than or equal to 1"),
        (("metric.csv", "--value", "event.data.value +"), "E307"),
        (
            ("metric.csv", "--value", "event.data.vale"),
            "there are: event.data.host, event.data.value",
        ),
        (("metric.csv", "--type", "threshold"), "give above, below, or both"),
    ],
)
def test_what_is_said_when_it_cannot_be(here, args, says):
    csv_file(here / "metric.csv", rows(10))
    output = detect(*args, code=2)
    assert says in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no rows"),
        ("time,value\n", "holds no rows"),
        ("1,2\n3,4\n", "has no header"),
        ("time,value\n2026-01-01,3\n2026-01-02\n", "2 columns were expected"),
        ("time,value\n2026-01-01,3\nyesterday,4\n", "row 2: the time (time) is 'yesterday'"),
        ("time;value\n2026-01-01;3\n2026-01-02;1;2\n", ":3: 2 columns were expected, 3 found; a semicolon was taken"),
        ("time;value\n2026-01-01;1,5\n2026-01-02;1.5\n", "'value' holds both 1,5 and 1.5; write one decimal sign"),
        ("time;value\n2026-01-01;1,234\n2026-01-02;12,500\n", "'value': 1,234 may be 1.234 or 1234"),
        ('time,value\n2026-01-01,"1,5"\n2026-01-02,"2,5"\n', "'value' has decimal commas, and a comma separates"),
        ("a;b,c\nx;y,z\nx;y,z\n", "a comma and a semicolon may separate its columns; write 'sep=;'"),
        ("1;2\n3;4\n", "has no header"),
        ('{"value": 1}\n{"value": \n', ":2: not JSON"),
        ('{"value": 1}\n[1]\n', "must be a JSON object"),
        ('{"specversion": "1.0", "type": "x", "time": "2026-01-01T00:00:00Z"}', "a CloudEvent needs 'id'"),
    ],
)
def test_files_that_are_none(here, text, says):
    (here / "bad.csv").write_text(text)
    with pytest.raises(CannotRead) as caught:
        read(here / "bad.csv")
    assert says in str(caught.value)


def comma(value):
    return str(value).replace(".", ",")


@pytest.mark.parametrize(("sign", "named"), [(";", "a semicolon"), ("\t", "a tab")])
def test_columns_and_decimals_as_other_countries_write_them(here, sign, named):
    there = [(at, host, value) for at, host, value in rows()]
    csv_file(here / "plain.csv", there)
    lines = [sign.join((at.strftime("%d.%m.%Y %H:%M"), host, comma(value))) for at, host, value in there]
    (here / "other.csv").write_text("\r\n".join([sign.join(("timestamp", "host", "value")), *lines]) + "\r\n")
    assert f"other.csv: {named} separates columns, numbers have a decimal comma" in detect("other.csv")
    assert "separates" not in detect("plain.csv")
    plain, other = read(here / "plain.csv"), read(here / "other.csv")
    assert [(one.time, one.data) for one in other.events] == [(one.time, one.data) for one in plain.events]
    assert (other.time, other.value) == (plain.time, plain.value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("time;value\n2026-01-01;1,5\n2026-01-02;2\n", [1.5, 2]),
        ("time;value\n2026-01-01;1.234,5\n2026-01-02;1.234\n", [1234.5, 1234]),
        ("time;value\n2026-01-01;0,125\n2026-01-02;1,250\n", [0.125, 1.25]),
        ("time;value\n2026-01-01;-1,5e3\n", [-1500.0]),
        ("time;value;load\n2026-01-01;1.500;0,5\n2026-01-02;900;1,5\n", [1500, 900]),
        ("time;value\n2026-01-01;1.5\n2026-01-02;2.25\n", [1.5, 2.25]),
        ("time;load, %;value\n2026-01-01;1,5;2\n2026-01-02;2,5;3\n", [2, 3]),
        ("time;note;value\n2026-01-01;a, b;2\n2026-01-02;c;3\n", [2, 3]),
        ('time,note,value\n2026-01-01,"a;b",2\n2026-01-02,"52,13",3\n', [2, 3]),
        ("sep=;\ntime;value\n2026-01-01;1,5\n", [1.5]),
        ("time, value\n2026-01-01, 1.5\n", [1.5]),
        ("value\n1\n2\n", [1, 2]),
        ("\ufefftime;value\n2026-01-01;1,5\n", [1.5]),
        ("time|value\n2026-01-01|1,5\n", [1.5]),
    ],
)
def test_what_a_comma_in_a_number_is(here, text, values):
    (here / "some.csv").write_text(text)
    found = read(here / "some.csv")
    assert found.value == "event.data.value"
    assert [one.data["value"] for one in found.events] == values


@pytest.mark.parametrize(
    "written",
    [
        "2026-05-01T08:00:00Z",
        "2026-05-01 08:00:00",
        "2026-05-01T10:00:00+02:00",
        "01.05.2026 08:00",
        "1.5.2026 08:00:00",
        1777622400,
        1777622400000,
        1777622400e6,
    ],
)
def test_times_as_files_write_them(written):
    assert moment(written) == 1_777_622_400_000_000


def test_the_stored_events(seat):
    """Asked of the running server; without one it says so."""
    assert "no eventflow is running" in seat.run("detect", "--since", "7d", ends=3).stderr
    (seat.place / "eventflow.yaml").write_text(ANY_PORTS)
    seat.serve()
    lines = (
        {"specversion": "1.0", "id": f"{n}", "source": "m", "type": "metric.sample", "time": at.isoformat()}
        | {"data": {"value": value, "host": host}}
        for n, (at, host, value) in enumerate(rows(700, 500))
    )
    (seat.place / "samples.ndjson").write_text("\n".join(map(json.dumps, lines)))
    seat.run("emit", "samples.ndjson")
    found = seat.asked("detect", "--since", "1h", "--key", "event.data.host", "--set", "sensitivity=1 in 5000")
    assert (found["rows"], found["series"]) == (700, 1)
    assert [alarm["verdict"]["value"] > 300 for alarm in found["alarms"]] == [True]
    assert "no event is stored since" in seat.run("detect", "--since", "2100-01-01T00:00:00Z", ends=2).stderr
    assert "write 10m, 2h, 1d" in seat.run("detect", "--since", "yesterday", ends=2).stderr
