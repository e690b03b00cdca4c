"""What people write by mistake, and that the message says what to write instead."""

from __future__ import annotations

import pytest

from eventflow.match import Env, ExpressionError, Schema
from eventflow.match import compile as compiled

PUSH = Schema.of(
    {
        "id": "string",
        "source": "string",
        "type": "string",
        "kind": "string",
        "subject": "string",
        "time": "timestamp",
        "data": {
            "severity": {"low", "medium", "high", "critical"},
            "branch": "string",
            "labels": {"team": "string", "env": "string"},
            "cpu": "double",
            "count": "int",
            "tags": ["string"],
            "sender": {"login": "string"},
            "deleted": "bool",
        },
        "body": "dyn",
        "...": "dyn",
    }
)
ENV = Env({"event": PUSH}, {"vars": {"x": 1}}, expect="bool")

# what is written, where it is wrong (column), what the message says to write
MISTAKES = [
    ("event.data.branch = 'main'", 19, "write == to compare"),
    ("event.data.branch === 'main'", 19, "write == to compare"),
    ("event.data.branch <> 'main'", 19, "write != for 'differs'"),
    ("event.data.cpu > 90 and event.data.count > 1", 21, "write && instead of 'and'"),
    ("event.data.branch == 'a' | event.data.branch == 'b'", 26, "write || for 'or'"),
    ("not event.data.deleted", 1, "write ! before the condition"),
    ("event.data.severity > 'high'", 21, "write at_least(event.data.severity, 'high')"),
    ("event.data.severity == 'hihg'", 24, "did you mean 'high'?"),
    ("event.data.severity in ['high', 'critcal']", 33, "did you mean 'critical'?"),
    ("at_least(event.data.severity, 'hgih')", 31, "did you mean 'high'?"),
    ("event.data.branch == 'main", 22, "add the closing '"),
    ("event.data.branch == “main”", 22, "use plain quotes"),
    ("event.data.branch == main", 22, "put it in quotes: 'main'"),
    ("event.data.brnach == 'main'", 12, "did you mean 'branch'?"),
    ("event.data['brnach'] == 'main'", 12, "did you mean 'branch'?"),
    ("event.labels.team == 'core'", 7, "write event.data.labels"),
    ("data.branch == 'main'", 1, "write event.data.branch"),
    ("event.sorce == 'x'", 7, "did you mean 'source'?"),
    ("evnt.data.branch == 'x'", 1, "did you mean 'event'?"),
    ("event.data.count == '5'", 18, "write it without quotes: 5"),
    ("event.data.cpu > '90'", 16, "write it without quotes: 90"),
    ("event.data.tags[0] == 1", 20, "put it in quotes: '1'"),
    ("event.data.sender == 'bot'", 19, "event.data.sender.login"),
    ("event.data.branch", 1, "compare it with something"),
    ("event.data.tags.contains('x')", 17, "write 'x' in event.data.tags"),
    ("'x' in event.data.branch", 5, "write event.data.branch.contains('x')"),
    ("event.data.branch in 'main, dev'", 19, "write ['main', 'dev']"),
    ("len(event.data.tags) > 3", 1, "did you mean size()?"),
    ("event.data.branch.startswith('rel')", 19, "did you mean startsWith()?"),
    ("event.data.labels.team.lower() == 'core'", 24, "write text.lowerAscii()"),
    ("event.data.branch like 'rel%'", 19, "write glob("),
    ("event.data.branch.matches('(main')", 27, "missing )"),
    ("event.time > now()", 14, "write event.time"),
    ("event.time > event.time - 5m", 27, "write duration('5m')"),
    ("event.time > '2026-01-01T00:00:00Z'", 12, "write timestamp('2026-01-01T00:00:00Z')"),
    ("event.time.getHours('Europe/Berln') > 8", 21, "'Europe/Berln' is no time zone"),
    ("event.data.cpu > 10%", 20, "0.1 for 10%"),
    ("event.data.deleted == True", 23, "write true"),
    ("event.data.branch != None", 22, "write null"),
    ("event.data.count + 'x' == 'ax'", 18, "write string(event.data.count)"),
    ("event.data.count + 1.5 > 2", 18, "write double(event.data.count)"),
    ("event.data.tags.exists(t == 'x')", 17, "write list.exists(x, … x …)"),
    ("has(event)", 5, "write has(event.data.field)"),
    ("if event.data.deleted then true", 1, "write condition ? value : other"),
    ("(event.data.cpu > 5", 1, "add )"),
    ("event.data.cpu > 5)", 19, "remove it"),
    ("event.data.cpu >= ", 18, "write a value after '>='"),
    ("{{ event.data.branch }} == 'x'", 1, "the whole text is the expression"),
    ("in_cidr(event.data.branch, '10.0.0.0')", 28, "networks look like 10.0.0.0/8"),
]


@pytest.mark.parametrize(("text", "column", "advice"), MISTAKES)
def test_it_says_what_to_write(text: str, column: int, advice: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compiled(text, ENV)
    first = caught.value.problems[0]
    assert advice in str(first)
    assert (first.line, first.column) == (1, column)


def test_every_unknown_name_is_told_at_once_with_its_line() -> None:
    with pytest.raises(ExpressionError) as caught:
        compiled("evnt.a == 1 &&\n  foo(event.data) &&\n  event.data.branch == dev", ENV)
    assert [(p.line, p.column, p.code) for p in caught.value.problems] == [
        (1, 1, "E320"),
        (2, 3, "E321"),
        (3, 24, "E320"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "event.data.branch == 'main' && !event.data.deleted",
        "${{ event.data.count > 5 }}",
        "event['labels'].team == 'x'",
        "event.data.labels.team in ['a', 'b'] || event.data.cpu > 90",
        "event.data.tags.exists(t, t.startsWith('x'))",
        "event.data.branch == null || size(event.data.tags) > 0",
        "at_least(event.data.severity, 'high')",
        "vars.x == 1",
        "event.time.getHours('Europe/Berlin') >= 8 && event.partitionkey == 'k'",
        "get(event, 'data.unknown', 0) > 1",
    ],
)
def test_what_is_right_passes(text: str) -> None:
    compiled(text, ENV)
