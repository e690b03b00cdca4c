"""Log lines: one event one line, for people or as JSON, without secrets and without a sender's control characters.

structlog over the standard library's handlers, configured once by the command line; an embedding program keeps its
own. Values out of events are data: control characters are escaped, long ones cut, and every secret that was named to
`Redactor` is replaced by `***` wherever it turns up, also in base64 and percent-encoded. Local variables are never
shown: they hold what nobody thought of.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast
from urllib.parse import quote, quote_plus

import msgspec
import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

    from structlog.typing import Processor

HIDDEN = "***"
SHORTEST = 6
"""A secret shorter than this is not looked for: it would blank out half of the log."""
LONGEST = 2000
MOST = 50
"""Items of a list or fields of an object that are shown."""
DEEPEST = 6

_CONTROL = (*range(0x20), *range(0x7F, 0xA0))
_NAMED = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_ESCAPES = {code: f"\\x{code:02x}" for code in _CONTROL} | _NAMED


Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "human", "json"]


class Redactor:
    """Replaces secrets by value, in any text that passes."""

    def __init__(self, secrets: Iterable[bytes | str] = ()) -> None:
        """Knows these; more may be added."""
        self._spellings: list[str] = []
        for secret in secrets:
            self.add(secret)

    def add(self, secret: bytes | str) -> None:
        """Look for this one too, in every spelling in which it may leave."""
        raw = secret.encode() if isinstance(secret, str) else secret
        if len(raw) < SHORTEST:
            return
        text = raw.decode("utf-8", "replace")
        found = {text, quote(text, safe=""), quote_plus(text), raw.hex(), *_base64(raw)}
        self._spellings = sorted({*self._spellings, *found}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without them."""
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, HIDDEN)
        return text


def _base64(raw: bytes) -> set[str]:
    """The part of its base64 that is the same whatever stands before and after, for each of three shifts."""
    found = set()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            whole = encode(b"\0" * shift + raw).decode().rstrip("=")
            inner = whole[(0, 2, 3)[shift] : len(whole) - (0 if (shift + len(raw)) % 3 == 0 else 1)]
            if len(inner) >= SHORTEST:
                found.add(inner)
    return found


class Cleaner:
    """A structlog processor: makes every value plain, short, printable and free of secrets."""

    def __init__(self, redactor: Redactor) -> None:
        """The redactor may learn secrets later."""
        self._redactor = redactor

    def __call__(self, logger: Any, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Clean names and values."""
        return {self._text(str(name)): self._value(value, 0) for name, value in fields.items()}

    def _text(self, text: str) -> str:
        kept = text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
        return self._redactor.text(kept.encode("utf-8", "backslashreplace").decode()).translate(_ESCAPES)

    def _value(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, str):
            return self._text(value)
        if depth >= DEEPEST:
            return "…"
        if isinstance(value, dict):
            return {self._text(str(n)): self._value(v, depth + 1) for n, v in list(value.items())[:MOST]}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._value(one, depth + 1) for one in list(value)[:MOST]]
        return self._text(_shown(value))


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a log line must not fail because of what it shows
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _traceback(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception as its type, its sentence and the places it passed; no local variables, no source lines."""
    given = fields.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        fields["exception"] = f"{type(error).__name__}: {_shown(error)}"
        fields["at"] = " < ".join(_places(error))
    return fields


def _places(error: BaseException) -> list[str]:
    found: list[str] = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        found.append(f"{code.co_filename.rpartition('/')[2]}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return found[::-1][:12]


def _json(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(fields).decode()


class _Patient:
    """A stream that may fail: a log that cannot be written (its disk is full, its reader gone) must
    not end who had something to say.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def set_up(
    level: Level = "info", format: Format = "auto", *, stream: TextIO | None = None, secrets: Iterable[bytes | str] = ()
) -> Redactor:
    """Set up structlog for this process and return the redactor, which may be told more secrets.

    `auto` is human on a terminal, else JSON. The root logger of `logging` is left alone.
    """
    target = stream or sys.stderr
    human = format == "human" or (format == "auto" and target.isatty())
    redactor = Redactor(secrets)
    last: Processor = _console(target) if human else _json
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=not human),
            _traceback,
            Cleaner(redactor),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Patient(target))),
        cache_logger_on_first_use=False,
    )
    return redactor


class _Libraries(logging.Handler):
    """Says what libraries have to say as lines of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line; of an exception its type, its sentence and its places."""
        try:
            said = structlog.get_logger(record.name)
            said.log(record.levelno, "library.said", library=record.name, message=record.getMessage(),
                     **({"exc_info": record.exc_info} if record.exc_info else {}))  # fmt: skip
        except Exception:  # noqa: BLE001 - as every handler of logging: who logs must not fail by it
            self.handleError(record)


def adopt_libraries() -> None:
    """Have warnings and errors of libraries, which use `logging`, said in the same form and without secrets.

    For a process that is ours alone: it takes the root logger, which `set_up` leaves to an embedding program.
    """
    root = logging.getLogger()
    root.handlers = [_Libraries(logging.WARNING)]
    root.setLevel(logging.WARNING)


def set_up_unless_done(level: Level = "warning") -> None:
    """For a house inside another program: leave what that has set up, else say only what matters, on standard error.

    structlog's own default would print every line to standard output, among the program's answers.
    """
    if not structlog.is_configured():
        set_up(level)


def _console(target: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(colors=target.isatty(), pad_event_to=28, sort_keys=False)
