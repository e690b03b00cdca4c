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
        ("a: 1\na: 2\n", "F:2:1  E107 duplicate-key  'a' is already there in line 1; keep one of them"),
        ("- a\n", "F:1:1: expected a mapping of settings, found a list"),
        ("retention: {events: 7}\n", "F:1:21: retention.events: 7 is not a duration; write 7s, 7m, 7h or 7d"),
        ("listen: {public: '8080'}\n", "F:1:18: listen.public: '8080' is no address to listen on; write for instance"),
        ("timezone: Europe/Berln\n", "F:1:11: timezone: no time zone 'Europe/Berln'; write for instance Europe/"),
        ("slack: {}\n", "F:1:8: 'slack' is known and not run by this version yet; take it out"),
        ("bus: {url: 'sqlite:', partitions: 2}\n", "F:1:6: bus: the bus sqlite: has one data partition; leave"),
        (
            "tokens: [{name: a, scopes: [admin], secret: x}]\n",
            "F:1:45: tokens[0].secret: a secret is never written into",
        ),
        ("sources: {Git Hub: {type: webhook}}\n", "F:1:20: sources.Git Hub: names are lower-case letters, digits, _"),
        ("sources: {a: {type: webhook}}\n", "F:1:14: sources.a needs auth: {scheme: bearer, hmac or standard-"),
        ("sources: {a: {type: webhok}}\n", "F:1:21: sources.a.type: there is no source type 'webhok'; did you mean 'w"),
        (SOURCE % "scheme: hmac, secrets: [env:X]", "F:1:36: sources.a.auth: scheme hmac needs header: the name of"),
        (SOURCE % "scheme: bearer", "F:1:36: sources.a.auth: scheme bearer needs secrets: [env:NAME] or [file:PATH]"),
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
