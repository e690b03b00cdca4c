"""Tokens: shown once, kept as hashes in a private file, never more than their maker holds, ended at once."""

import json
import stat

import pytest
import time_machine

from eventflow.errors import Conflict, NotFound, Refused, SettingsError
from eventflow.web.tokens import SCOPES, Tokens


@pytest.fixture
def tokens(tmp_path):
    return Tokens(tmp_path / "tokens.json")


def allowed(tokens, secret, scope):
    try:
        return tokens.require(f"Bearer {secret}", scope).name
    except Refused as refusal:
        return refusal.status


def test_a_token_is_256_bits_and_only_its_hash_is_kept(tokens, tmp_path):
    secret = tokens.create("ci", ["events:write"])
    assert secret.startswith("ef_")
    assert len(secret) == 3 + 43
    text = (tmp_path / "tokens.json").read_text()
    assert secret not in text
    assert secret[3:] not in text
    assert stat.S_IMODE((tmp_path / "tokens.json").stat().st_mode) == 0o600
    assert json.loads(text)[0]["scopes"] == ["events:write"]


@pytest.mark.parametrize("held", SCOPES)
def test_each_scope_opens_itself_and_nothing_else(tokens, held):
    secret = tokens.create("one", [held])
    opened = {scope for scope in SCOPES if allowed(tokens, secret, scope) == "one"}
    assert opened == (set(SCOPES) if held == "admin" else {held})


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic ef_x", "ef_x", "Bearer ef_x", "Bearer \ud800", "bearer  x y"]
)
def test_what_is_no_token_is_401(tokens, header):
    tokens.create("one", ["admin"])
    with pytest.raises(Refused) as refusal:
        tokens.require(header, "events:read")
    assert (refusal.value.status, refusal.value.code) == (401, "credentials")


def test_the_maker_cannot_give_more_than_it_holds(tokens):
    with pytest.raises(Refused) as refusal:
        tokens.create("x", ["events:write", "admin"], by=["events:write"])
    assert refusal.value.status == 403
    assert tokens.list() == ()
    assert tokens.create("x", ["events:write"], by=["events:write", "runs:read"])


def test_revoked_by_another_process_it_ends_at_once(tokens, tmp_path):
    secret = tokens.create("ci", ["events:write"])
    assert allowed(tokens, secret, "events:write") == "ci"
    Tokens(tmp_path / "tokens.json").revoke("ci")
    assert allowed(tokens, secret, "events:write") == 401


def test_made_by_another_process_it_counts_at_once(tokens, tmp_path):
    secret = Tokens(tmp_path / "tokens.json").create("late", ["runs:read"])
    assert allowed(tokens, secret, "runs:read") == "late"


def test_an_expired_token_is_none(tokens):
    with time_machine.travel("2026-01-01T00:00:00Z", tick=False) as clock:
        secret = tokens.create("short", ["runs:read"], expires=1_767_225_601_000_000)
        assert allowed(tokens, secret, "runs:read") == "short"
        clock.shift(1)
        assert allowed(tokens, secret, "runs:read") == 401


def test_names_are_unique_and_scopes_known(tokens):
    tokens.create("one", ["runs:read"])
    with pytest.raises(Conflict):
        tokens.create("one", ["runs:read"])
    for name, scopes in (("two", ["runs:wirte"]), ("two", []), ("", ["runs:read"]), ("a\nb", ["runs:read"])):
        with pytest.raises(SettingsError):
            tokens.create(name, scopes)
    with pytest.raises(NotFound):
        tokens.revoke("two")


def test_tokens_of_the_settings(tmp_path):
    tokens = Tokens(tmp_path / "tokens.json", [("set", ["metrics:read"], "a-secret-of-the-settings")])
    tokens.create("made", ["runs:read"])
    assert allowed(tokens, "a-secret-of-the-settings", "metrics:read") == "set"
    assert "a-secret" not in (tmp_path / "tokens.json").read_text()
    assert len(json.loads((tmp_path / "tokens.json").read_text())) == 1
    with pytest.raises(Conflict):
        tokens.revoke("set")
    with pytest.raises(SettingsError, match="shorter"):
        Tokens(None, [("weak", ["admin"], "short")])


def test_a_damaged_file_opens_nothing(tokens, tmp_path):
    secret = tokens.create("ci", ["admin"])
    (tmp_path / "tokens.json").write_text("{")
    with pytest.raises(SettingsError, match=r"tokens\.json"):
        tokens.require(f"Bearer {secret}", "admin")
    assert allowed(tokens, secret, "admin") == 401
