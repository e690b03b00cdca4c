"""What can be wrong with a document: one table of codes, and the problem with its place.

A code is a number for links that is never used for anything else, and a word for people. E is an error (the document
is not used), W a warning, N a note. The table is the source of the reference page.

Size: one table.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Severity = Literal["error", "warning", "note"]


class Code(msgspec.Struct, frozen=True):
    """One kind of problem: its word, and what it means and asks for, for the reference."""

    word: str
    about: str


_TABLE: Final = r"""
# the file
E100 unreadable: The file cannot be read. Look at its permissions, and whether it is a regular file.
E101 yaml-exclamation: An unquoted value begins with `!`, which YAML takes for a tag. Put the value in quotes.
E102 yaml-quote: An unquoted expression begins with a quoted text, which ends the value for YAML. Put the whole value
    in double quotes.
E103 yaml-colon: An unquoted value holds `: `, which YAML takes for a key. Put the whole value in quotes.
E104 yaml-asterisk: An unquoted value begins with `*` or `&`, which YAML takes for an alias or anchor. Put the value
    in quotes.
E105 yaml-braces: `${{ }}` stands unquoted inside `[…]` or `{…}`, where YAML reads its braces. Put it in quotes.
E106 yaml-syntax: The document is not YAML. The place is where the parser gave up; the mistake may be a line before.
E107 duplicate-key: A key stands twice in one mapping. Other tools take the second in silence; here it is an error.
E108 yaml-tab: A line is indented with a tab. YAML wants spaces.
E109 too-deep: The document is nested more than 50 deep.
E110 too-large: The file has more than 256 kB.
E111 yaml-tag: YAML tags (`!x`, `!!python/…`) are not used here.
E112 yaml-comment: The value begins with `#`, so it is a comment and the key has no value. Put it in quotes.
E113 yaml-alias: An alias (`*x`) that has no anchor, holds itself, or one of too many: 20 are allowed and 10,000
    values in all.
E114 number: A number that JSON does not know: not a number, infinite, or beyond 64 bits. Put it in quotes if it is
    text.
E115 key: A key that is not plain text, or a merge key (`<<`), which YAML 1.2 does not have.
E116 several-documents: A file holds one document; this one has a second after `---`.
E117 encoding: The file is not UTF-8, or holds control characters.
E118 empty: There is nothing in the file.
# keys and values
E200 wrong-type: The value is of another kind than the key wants: a text for a list, a mapping for a text.
E201 unknown-key: A key that the format does not know. It is never ignored, because it would not do what it says.
E202 missing-key: A key that must be there.
E203 wrong-value: The value is none of those that the key can have.
E204 duration: Durations are written `10s`, `5m`, `2h`, `1d`, together as `1h30m`, or as ISO 8601 (`PT5M`). A bare
    number is refused, because tools disagree on its unit.
E205 range: A number outside the bounds of its key.
E206 name: A name that cannot be used: names are lower-case letters, digits and `_` (`-` and `/` in ids), beginning
    with a letter.
E207 conflict: Keys that exclude each other, or a form that needs exactly one of several.
E208 duplicate-name: A name that must be unique is there twice. Step names are unique in the whole file, nested steps
    included.
E210 unknown-detector: A detector, or detector type, that does not exist.
E211 unknown-action: No component has this action. It may need an extra or a plugin; the message says which.
E212 unknown-target: The target is no step of this file and none of `next continue end fail cancel`.
E213 reserved-name: A step or case carries a word that already means something as a target.
E214 backward-target: A target lies before its step, so the run could go round for ever: say `max_visits` on the
    target.
E215 unreachable-target: The target lies in another list of steps: a step can go to steps of its own list, or end the
    run.
E216 unknown-input: An input that the workflow does not declare under `inputs`.
E217 cron: Not a cron expression of five fields, or one that never comes.
E218 timezone: No such time zone, or none although cron needs one. Names are those of the IANA database.
E219 trigger-id: With two triggers or more each needs an `id`: state is keyed by it, so order does not matter.
E220 unknown-name: `steps.x`, `inputs.x`, `vars.x` or `secrets.x` of which there is no such x.
E222 duplicate-id: Two files have the same id.
E223 time: Not a point in time as RFC 3339 writes it, with its offset: `2026-05-01T08:00:00+02:00`.
E224 input-value: A default or given value that does not fit the input's own type, `enum`, `pattern`, `min` or `max`.
E225 input-missing: A trigger gives no value for a required input, so it could never start a run.
E226 ai-place: `ai_assisted` on `parallel` or `loop`: a model chooses among cases or fills fields, nothing else.
E227 contamination: `contamination` is the share of bad samples in the training data, which nobody knows. Say
    `alarm_rate`, the share that may alarm.
E228 ai-name: An agent or persona that the settings do not know.
E229 action-input: The action itself refuses what its `with` holds; the sentence is the action's own.
E230 key-missing: A correlation of several events needs `key`: what makes them belong together.
E231 pattern: Not a regular expression that RE2 knows (no look-around, no back references).
E236 detector-config: The detector type itself refuses what its `config` holds; the sentence is the type's own.
W234 unknown-workflow: `workflow.run` names a workflow that is not in the catalogue.
W235 unknown-source: No source of this name or type is known, and one is called nearly the same. Events that come by
    `POST /events` say their source themselves, so the name may still be right.
W237 never-said: The name, or glob, of an event that the engine never says, so nothing will come of it. It says
    `eventflow.run.finished`, `eventflow.run.suppressed`, `detector.raised`, `detector.cleared`; and, selected by
    triggers only in full, `eventflow.lag`, `eventflow.keys.limit`, `eventflow.dead_letters.limit`,
    `eventflow.partition.added`, `eventflow.partition.halted`, `eventflow.partition.loss_accepted`.
E233 no-template: `${{ }}` where it is not evaluated.
W209 category: The category differs from the directory the file lies in.
W220 unreachable: No way leads to this step.
W221 limit: Of two limits one can never apply, because the other is always reached first.
W232 capability: A capability outside the closed list; it has no effect.
W233 no-effect: The key has no effect where it stands.
# expressions; what `match` finds has its own words
W236 handler-before: A handler that stands before the step whose failure it handles. It is skipped in normal order; if
    the run is meant to go back to it instead, say `max_visits` there.
E301 unclosed-text: A quoted text inside an expression is not closed.
E302 character: A character that expressions do not know.
E303 number: A number that cannot be read.
E304 empty: An expression without content.
E305 too-deep: An expression nested too deep.
E306 literal: A literal that cannot be read.
E307 syntax: A token in the wrong place; the message says what to write instead of other languages' words.
E308 unclosed: A bracket that is never closed.
E309 message: Protobuf messages are not part of this language.
E310 unclosed-template: A `${{` without its `}}`.
E311 macro: A macro (`has`, `exists`, `map`, …) with the wrong arguments.
E320 unknown-name: A name that does not exist where the expression stands.
E321 unknown-function: A function that does not exist.
E331 too-big: An expression of more than 2,000 parts.
E332 nested-loops: Loops inside loops, deeper than two, or over lists written inside lists.
E333 too-costly: An expression that could take too many steps for one event.
E334 too-long: An expression of more than 16,384 characters.
E340 unknown-field: A field that the event, or the value, does not have.
E341 never-equal: A comparison whose two sides can never be equal, because they are of different kinds.
E342 never-has: An `in` that can never be true, because nothing of this kind is in the list.
E343 no-order: `<` or `>` between kinds that have no order.
E344 alphabetical: `<` or `>` between words whose order is not that of the alphabet; write `at_least(word, floor)`.
E345 no-condition: Something else than true or false where a condition is wanted.
E346 wrong-type: A function or operator with an argument of the wrong kind.
E347 always-fails: An expression that fails whatever the event says.
E330 no-rule-path: A decision without `default`, or a decision by rule without any `when`: nothing could decide.
W310 approving-default: The default of a question to people approves: silence would be taken for a yes.
W320 retry: `retry` on a step that is not idempotent: a try that did happen may happen again.
W331 ai-risk: A model's choice leads to an action of high risk without a person's decision on the way.
W340 start-within: A workflow of high risk without `start_within` starts however late it is.
E410 injection: `${{ }}` inside program text: what an event says would become part of the program. Pass the value in
    `env` or as an `argv` element of its own.
W411 program-not-allowed: `shell.run` starts a program that `shell.allow` of the settings does not name. The run would
    be refused at this step. Told where there are settings.
# what is not there yet
E900 not-yet: The format knows this key, the engine does not run it yet. `validate` warns, `serve` does not activate
    the workflow.
N001 renamed: A free step name was turned into an identifier; expressions use the new one. Put display text into
    `title`.
N002 handlers: These steps are taken for handlers: they are named only as targets of failures and skipped in normal
    order.
"""


def _codes(table: str) -> dict[str, Code]:
    """The codes of a text table: `E1 word: sentence`, indented lines go on, `#` begins a heading."""
    codes: dict[str, Code] = {}
    for line in table.replace("\n    ", " ").splitlines():
        if line and not line.startswith("#"):
            head, _, about = line.partition(": ")
            number, _, word = head.partition(" ")
            codes[number] = Code(word, about)
    return codes


CODES: Final = _codes(_TABLE)

HOLDS: Final = frozenset(("E900", "E211"))
"""Warnings for `validate`; yet a workflow with one of them is not activated."""


class Problem(msgspec.Struct, frozen=True, order=True):
    """One problem and its place. `line` and `column` count from 1; `source` is the line as it stands in the file."""

    file: str
    line: int
    column: int
    code: str
    word: str
    message: str
    suggestion: str = ""
    severity: Severity = "error"
    source: str = ""

    @property
    def holds(self) -> bool:
        """Whether a workflow with this problem must not be activated."""
        return self.severity == "error" or self.code in HOLDS

    def __str__(self) -> str:
        """One line, as `validate` prints it."""
        tail = f"; {self.suggestion}" if self.suggestion else ""
        return f"{self.file}:{self.line}:{self.column}  {self.code} {self.word}  {self.message}{tail}"


def severity(code: str) -> Severity:
    """What the letter says, except that what holds a workflow back is a warning while writing it."""
    if code == "E900":
        return "warning"
    return {"W": "warning", "N": "note"}.get(code[0], "error")  # type: ignore[return-value]
