"""Layers, origins, what is refused and with which words, and secrets that never show."""

import copy
import json
import os
import pickle

import pytest

from eventflow import settings
from eventflow.errors import SettingsError
from eventflow.settings import Secret

SOURCE = "sources: {a: {type: webhook, auth: {%s}}}\n"


def load(tmp_path, text, env=None, overrides=None):
    file = tmp_path / "eventflow.yaml"
    file.write_text(text)
    return settings.load(file, env or {}, overrides)


def refused(tmp_path, text, env=None):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text, env)
    return str(caught.value).replace(str(tmp_path / "eventflow.yaml"), "F").splitlines()


def test_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = settings.load(None, {})
    assert str(found.data_dir) == ".eventflow"
    assert (str(found.listen.public), str(found.listen.private)) == ("127.0.0.1:8080", "127.0.0.1:8081")
    assert (found.bus.url, found.bus.type, found.store) == ("sqlite:", "sqlite", "sqlite:")
    assert (found.egress.allow, found.shell.allow) == ((), ())
    assert (found.retention.events, found.retention.size, found.retention.runs) == (
        7 * 86_400_000_000,
        10 * 2**30,
        90 * 86_400_000_000,
    )
    assert (found.limits.body, found.limits.headers, found.limits.fields, found.limits.depth) == (
        2**20,
        32 * 1024,
        100,
        64,
    )
    assert found.origin("listen.public") == "default"


def test_file_then_environment_then_flags(tmp_path):
    text = "log: {level: warning, format: json}\nlisten:\n  public: 127.0.0.1:1\n"
    env = {"EVENTFLOW_LOG__LEVEL": "error", "EVENTFLOW_LISTEN__PRIVATE": "[::1]:0", "OTHER": "x"}
    found = load(tmp_path, text, env, {"log.level": "debug"})
    assert (found.log.level, found.log.format) == ("debug", "json")
    assert str(found.listen.private) == "[::1]:0"
    file = tmp_path / "eventflow.yaml"
    assert found.origin("log.level") == "flag"
    assert found.origin("log.format") == f"{file}:1:31"
    assert found.origin("listen.public") == f"{file}:3:11"
    assert found.origin("listen.private") == "$EVENTFLOW_LISTEN__PRIVATE"
    assert found.origin("limits.body") == "default"


def test_a_layer_replaces_what_it_names_and_nothing_else(tmp_path):
    text = "egress: {allow: [a, b]}\nbus: 'memory:'\n"
    found = load(tmp_path, text, {"EVENTFLOW_EGRESS__ALLOW": "c, d", "EVENTFLOW_BUS__PARTITIONS": "3"})
    assert found.egress.allow == ("c", "d")
    assert (found.bus.url, found.bus.partitions) == ("memory:", 3)
    assert load(tmp_path, text, {"EVENTFLOW_EGRESS__ALLOW": "[10.0.0.0/8, x:1]"}).egress.allow == ("10.0.0.0/8", "x:1")


def test_the_file_may_be_named_by_the_environment(tmp_path):
    (tmp_path / "other.yaml").write_text("timezone: Europe/Berlin\n")
    found = settings.load(None, {"EVENTFLOW_CONFIG": str(tmp_path / "other.yaml")})
    assert found.timezone == "Europe/Berlin"
    assert found.file == tmp_path / "other.yaml"


def test_given_values_are_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "eventflow.yaml").write_text("timezone: Europe/Berlin\n")
    monkeypatch.setenv("EVENTFLOW_LOG__LEVEL", "error")
    monkeypatch.setenv("A_SECRET", "s")
    found = settings.given({"data_dir": "x", "secrets": {"a": "env:A_SECRET"}})
    assert (found.timezone, found.log.level, str(found.data_dir)) == (None, "info", "x")
    assert found.secrets["a"].reveal() == b"s"


def test_relative_paths_count_from_the_file(tmp_path):
    (tmp_path / "flows").mkdir()
    found = load(tmp_path, "data_dir: data\nworkflows: flows\n")
    assert found.data_dir == tmp_path / "data"
    assert found.workflows == (tmp_path / "flows",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lisen: {}\n", "F:1:8: lisen: there is no such setting; did you mean 'listen'?"),
        ("limits:\n  bdy: 5\n", "F:2:8: limits.bdy: there is no such setting; did you mean 'body'?"),
        (
            "egress: {}\negress: {}\n",
            "F:2:1  E107 duplicate-key  'egress' is already there in line 1; keep one of them",
        ),
        ("- a\n", "F:1:1: expected a mapping of settings, found a list"),
        ("retention: {events: 7}\n", "F:1:21: retention.events: 7 is not a duration; write 7s, 7m, 7h or 7d"),
        ("listen: {public: '8080'}\n", "F:1:18: listen.public: '8080' is no address to listen on; write for instance"),
        ("timezone: Europe/Berln\n", "F:1:11: timezone: no time zone 'Europe/Berln'; write for instance Europe/"),
        ("slack: {}\n", "F:1:8: 'slack' is known and not run by this version yet; take it out"),
        ("bus: {url: 'sqlite:', partitions: 2}\n", "F:1:35: bus.partitions: the bus sqlite: has one; leave it away"),
        (
            "tokens: [{name: a, scopes: [admin], secret: x}]\n",
            "F:1:45: tokens[0].secret: a secret is never written into",
        ),
        ("sources: {Git Hub: {type: webhook}}\n", "F:1:20: sources.Git Hub: names are lower-case letters, digits, _"),
        ("sources: {a: {type: webhook}}\n", "F:1:14: sources.a: a webhook needs auth: {scheme: bearer, hmac or st"),
        ("sources: {a: {type: webhok}}\n", "F:1:21: sources.a.type: there is no source type 'webhok'; did you mean 'w"),
        (SOURCE % "scheme: hmac, secrets: [env:X]", "F:1:36: sources.a.auth.header: scheme hmac needs header: the n"),
        (
            SOURCE % "scheme: bearer",
            "F:1:36: sources.a.auth.secrets: scheme bearer needs secrets: [env:NAME] or [file:",
        ),
        ("workflows: [nowhere]\n", "F:1:12: workflows: there is no folder"),
        ("shell: {allow: 5}\n", "F:1:16: shell.allow: "),
        ("sources: {a: {type: github, path: /events}}\n", "F:1:35: sources.a.path: /events is the door"),
        (
            "sources: {a: {type: github, path: /in/b}, b: {type: github}}\n",
            "F:1:46: sources.b.path: /in/b is already the path of a",
        ),
    ],
)
def test_what_is_refused(tmp_path, text, told):
    lines = refused(tmp_path, text)
    assert len(lines) == 1
    assert lines[0].startswith(told)


def test_all_mistakes_are_told_at_once(tmp_path):
    lines = refused(
        tmp_path, "lisen: {}\nlog: {level: loud}\nretention: {runs: soon}\n", {"EVENTFLOW_LIMITS__DPTH": "3"}
    )
    assert len(lines) == 4
    assert any(line.startswith("$EVENTFLOW_LIMITS__DPTH: limits.dpth: there is no such setting") for line in lines)


EVERYTHING_WRONG = """\
listen: {public: "0.0.0.0:80", private: "0.0.0.0:81"}
log: {level: debgu}
log: {format: josn}
bus: {url: "sqlite:", partitions: 3, topic: {a: 1}}
workflows: [nowhere, nowhere2]
detectors: [nodet]
plugins: [np1, np2]
sources:
  a: {type: webhook}
  b: {type: webhook, auth: {scheme: hmac}}
  c: {type: webhook, auth: none, path: /events}
  d: {type: githb, path: in/x}
  e: {type: github, path: /in/p, map: {tpye: "body.id"}}
  f: {type: github, rate: 0, auth: {secrets: [hunter2, env:X], tolerence: 5m}}
  g: {type: webhook, auth: {scheme: hmac, secrets: [hunter2]}}
  h: {type: github, path: /in/p}
secrets:
  x: hunter2
  secret: !has(hunter2)
tokens: [{name: a, scopes: [admn], secret: env:X}, {nam: b, scopes: [], secret: hunter2}]
shell: {alow: [ls], allow: 5}
limits: {body: 5, keys: hunter2, depth: 900}
slack: {}
store: mysql://hunter2
egress: 5
"""
TOLD = """\
F:1:18: listen.public: 0.0.0.0:80 can be reached from outside
F:1:41: listen.private: 0.0.0.0:81 can be reached from outside
F:2:14: log.level: there is no 'debgu'; did you mean 'debug'?
F:3:1  E107 duplicate-key  'log' is already there in line 2
F:4:35: bus.partitions: the bus sqlite: has one; leave it away
F:4:45: bus.topic: is for kafka://host:port,…/topic
F:5:12: workflows: there is no folder
F:5:12: workflows: there is no folder
F:6:12: detectors: there is no folder
F:7:11: plugins[0]
F:7:16: plugins[1]
F:9:6: sources.a: a webhook needs auth: {scheme:
F:10:28: sources.b.auth.header: scheme hmac needs header
F:10:28: sources.b.auth.secrets: scheme hmac needs secrets
F:11:40: sources.c.path: /events is the door
F:12:13: sources.d.type: there is no source type 'githb'; did you mean 'github'?
F:12:26: sources.d.path: expected a path that begins with /
F:13:46: sources.e.map.tpye: there is no 'tpye'; did you mean 'type'?
F:14:27: sources.f.rate: must be at least 1
F:14:47: sources.f.auth.secrets[0]: a secret is never written into settings
F:14:75: sources.f.auth.tolerence: there is no such setting; did you mean 'tolerance'?
F:15:28: sources.g.auth.header: scheme hmac needs header
F:15:53: sources.g.auth.secrets[0]: a secret is never written into settings
F:16:27: sources.h.path: /in/p is already the path of e
F:18:6: secrets.x: a secret is never written into settings
F:19:11  E101 yaml-exclamation  a value that begins with ! is a tag
F:20:29: tokens[0].scopes[0]: there is no 'admn'; did you mean 'admin'?
F:20:52: tokens[1].name: is missing
F:20:58: tokens[1].nam: there is no such setting; did you mean 'name'?
F:20:69: tokens[1].scopes: must not be empty
F:20:81: tokens[1].secret: a secret is never written into settings
F:21:15: shell.alow: there is no such setting; did you mean 'allow'?
F:21:28: shell.allow: expected a list
F:22:16: limits.body: must be at least 1024
F:22:25: limits.keys: expected a whole number
F:22:41: limits.depth: must be at most 500
F:23:8: 'slack' is known and not run by this version yet
F:24:8: store: expected sqlite:
F:25:9: egress: expected a mapping
$EVENTFLOW_LIMITS__DPTH: limits.dpth: there is no such setting; did you mean EVENTFLOW_LIMITS__DEPTH?
"""


def test_everything_wrong_is_told_at_once_by_place_and_without_secrets(tmp_path):
    lines = refused(tmp_path, EVERYTHING_WRONG, {"EVENTFLOW_LIMITS__DPTH": "hunter2"})
    for told, line in zip(TOLD.splitlines(), lines, strict=False):
        assert line.startswith(told)
    assert len(lines) == len(TOLD.splitlines())
    assert "hunter2" not in "\n".join(lines)


def test_what_is_around_a_mistake_is_not_one(tmp_path):
    wrong = "sources:\n  a: {type: webhook, auth: {scheme: bearer, secrets: [!x ]}}\n  b: {type: [], path: /in/x}\n"
    begins = [line.partition(": ")[0].partition(" yaml")[0] for line in refused(tmp_path, wrong)]
    assert begins == ["F:2:55  E111", "F:3:13"]


def test_an_address_that_others_reach_needs_tls_or_a_proxy(tmp_path):
    for address in ("0.0.0.0:80", "[::]:80", "192.168.1.5:80", "example.org:80"):
        [line] = refused(tmp_path, f"listen: {{public: '{address}'}}\n")
        assert "can be reached from outside" in line
        assert load(tmp_path, f"listen: {{public: '{address}', behind_proxy: true}}\n").listen.public.port == 80
    for address in ("127.0.0.1:80", "127.3.2.1:80", "[::1]:80", "localhost:80"):
        assert load(tmp_path, f"listen: {{private: '{address}'}}\n").listen.private.is_loopback


def test_no_authentication_only_on_loopback_and_written_out(tmp_path):
    text = "sources: {a: {type: webhook, auth: none}}\n"
    assert load(tmp_path, text).sources["a"].auth.scheme == "none"
    [line] = refused(tmp_path, text + "listen: {public: '0.0.0.0:80', behind_proxy: true}\n")
    assert "none is for a listener on loopback only" in line


def test_only_a_webhook_must_say_which_header_is_signed(tmp_path):
    auth = "auth: {scheme: hmac, secrets: [env:X]}"
    assert load(tmp_path, f"sources: {{a: {{type: alertmanager, {auth}}}}}\n").sources["a"].auth.scheme == "hmac"
    [line] = refused(tmp_path, f"sources: {{a: {{type: webhook, {auth}}}}}\n")
    assert "scheme hmac needs header" in line


def test_a_secret_never_shows(tmp_path):
    (tmp_path / "token").write_bytes(b"hunter2\r\n")
    found = load(
        tmp_path,
        "tokens: [{name: a, scopes: [admin], secret: 'file:token'}]\nsecrets: {b: env:B}\n"
        "sources: {s: {type: webhook, auth: {scheme: bearer, secrets: [env:B, 'file:token']}}}\n",
        {"B": "hunter2"},
    )
    secret = found.tokens[0].secret
    assert secret.reveal() == b"hunter2"
    assert found.secrets["b"].text() == "hunter2"
    assert found.sources["s"].secrets() == (b"hunter2", b"hunter2")
    shown = [
        repr(found), str(found), found.model_dump_json(), json.dumps(found.model_dump(mode="json")), f"{secret}",
        json.dumps(found.sources["s"].given()), repr(pickle.dumps(secret)), str(copy.deepcopy(secret)), repr(secret),
        repr(vars(found)),
    ]  # fmt: skip
    assert not [text for text in shown if "hunter2" in text]
    assert str(secret) == "***"
    assert json.loads(found.model_dump_json())["tokens"][0]["secret"] == "***"


def test_a_literal_secret_is_not_repeated_in_the_message(tmp_path):
    lines = refused(tmp_path, "secrets: {a: hunter2}\ntokens: [{name: a, scopes: [admin], secret: [hunter2]}]\n")
    assert len(lines) == 2
    assert "hunter2" not in "".join(lines)


def test_a_secret_is_read_when_it_is_used(tmp_path, monkeypatch):
    secret = Secret("file:rotated", folder=tmp_path)
    with pytest.raises(SettingsError, match="secret file:rotated: No such file"):
        secret.reveal()
    (tmp_path / "rotated").write_text("one\n")
    assert secret.reveal() == b"one"
    (tmp_path / "rotated").write_text("two\n\n")
    assert secret.reveal() == b"two\n"
    monkeypatch.delenv("NOT_THERE", raising=False)
    with pytest.raises(SettingsError, match="NOT_THERE is not set"):
        Secret("env:NOT_THERE").reveal()


def test_a_plugin_folder_that_others_can_write_is_refused(tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    assert load(tmp_path, "plugins: plugins\n").plugins == (folder,)
    os.chmod(folder, 0o775)  # noqa: PTH101 - as a careless umask leaves it
    [line] = refused(tmp_path, "plugins: plugins\n")
    assert "chmod go-w" in line


def test_settings_cannot_be_changed(tmp_path):
    found = load(tmp_path, "")
    with pytest.raises(ValueError, match="frozen"):
        found.timezone = "UTC"
    with pytest.raises(ValueError, match="frozen"):
        found.listen.behind_proxy = True


def test_what_a_source_is_made_from_is_plain_json(tmp_path):
    auth = "{scheme: hmac, header: X-S, prefix: 'sha256=', secrets: [env:X]}"
    text = f"sources: {{hub: {{type: webhook, map: {{id: body.id}}, auth: {auth}}}}}\n"
    given = load(tmp_path, text).sources["hub"].given()
    assert given["auth"] == {
        "scheme": "hmac", "header": "X-S", "prefix": "sha256=", "encoding": "hex", "algorithm": "sha256",
        "tolerance": 300_000_000,
    }  # fmt: skip
    assert given["map"] == {"id": "body.id"}


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        settings.load(tmp_path / "no.yaml", {})
