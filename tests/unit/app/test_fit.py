"""What of the settings cannot work is told all at once and by place, before anything is opened."""

import pytest

from eventflow import Eventflow, settings
from eventflow.app.fit import misfits
from eventflow.errors import SettingsError

WRONG = """\
data_dir: {data}
egress: {{allow: [good.example.org, "http://bad", "10.0.0.0/8", "x:99999"]}}
tokens:
  - {{name: a, scopes: [admin], secret: env:SHORT}}
  - {{name: b, scopes: [admin], secret: env:GONE}}
sources:
  hub: {{type: github, auth: {{secrets: [env:HUB, env:GONE]}}, config: {{x: 1}}, map: {{id: "body.id +", type: "'a'"}}}}
  lab: {{type: gitlab, auth: {{secrets: [env:HUB]}}, config: {{x: 1}}, partition_key: "evnt.id", dedup: "body["}}
  ok: {{type: webhook, auth: {{scheme: bearer, secrets: [env:HUB]}}}}
"""
TOLD = """\
F:2:36: egress.allow[1]: 'http://bad' has no port
F:2:64: egress.allow[3]: 'x:99999' has no port
F:4:40: tokens[0].secret: the secret of 'a' is shorter
F:5:40: tokens[1].secret: secret env:GONE: the environment variable GONE is not set
F:7:49: sources.hub.auth.secrets[1]: secret env:GONE: the environment variable GONE is not set
F:7:69: sources.hub.config: github has no settings of its own
F:7:87: sources.hub.map.id: 1:9  E307 syntax
F:8:59: sources.lab.config: gitlab has no settings of its own
F:8:100: sources.lab.dedup: 1:5  E307 syntax
F:8:82: sources.lab.partition_key: 1:1  E320 unknown-name  no name 'evnt' here; did you mean 'event'?
"""


def chosen(tmp_path):
    file = tmp_path / "eventflow.yaml"
    file.write_text(WRONG.format(data=tmp_path / "data"))
    return settings.load(file, {"SHORT": "hunter2", "HUB": "hunter2 hunter2 hunter2"})


def test_all_of_it_by_place_and_without_secrets(tmp_path):
    lines = [line.replace(str(tmp_path / "eventflow.yaml"), "F") for line in misfits(chosen(tmp_path))]
    for told, line in zip(TOLD.splitlines(), lines, strict=False):
        assert line.startswith(told)
    assert len(lines) == len(TOLD.splitlines())
    assert "hunter2" not in "\n".join(lines)


def test_nothing_is_opened_then(tmp_path):
    with pytest.raises(SettingsError) as caught:
        Eventflow(chosen(tmp_path))
    assert len(str(caught.value).splitlines()) == len(TOLD.splitlines())
    assert not (tmp_path / "data").exists()


def test_without_doors_sources_and_tokens_do_not_matter(tmp_path):
    assert len(list(misfits(chosen(tmp_path), doors=False))) == 2


OF_KAFKA = """\
bus: {{url: "kafka://a:9092,b/events", topic: {{replication: {replication}, {more}}}}}
sources:
  own: {{type: kafka, config: {{url: "kafka://B:9092/orders,events.control"}}}}
  other: {{type: kafka, config: {{url: "kafka://c/events,orders"}}}}
"""


@pytest.mark.parametrize(
    ("replication", "more", "told"),
    [
        (3, "retention.ms: 1000", ""),
        (-1, "", "F:1:60: bus.topic.replication: -1 is not a number of replicas; leave it away"),
        ("two", "", "F:1:60: bus.topic.replication: 'two' is not a number of replicas"),
        (1, "message.timestamp.type: CreateTime", "bus.topic.message.timestamp.type: the bus needs LogAppendTime"),
        (1, "cleanup.policy: compact", "bus.topic.cleanup.policy: the bus needs delete"),
        (1, "max.message.bytes: 1000", "bus.topic.max.message.bytes: must be at least 65536"),
    ],
)
def test_topics_that_the_bus_could_not_use_are_not_made(tmp_path, replication, more, told):
    file = tmp_path / "eventflow.yaml"
    file.write_text(OF_KAFKA.format(replication=replication, more=more))
    lines = [line.replace(str(file), "F") for line in misfits(settings.load(file, {}))]
    assert len(lines) == 1 + bool(told)
    assert told in lines[0]
    assert lines[-1].startswith("F:3:36: sources.own.config.url: 'events.control' is the bus's own topic")
