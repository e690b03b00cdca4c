"""Takes the values of secrets out of whatever goes into the journal: outputs, errors, in every form they may come back.

Values are known by the calls that used them. Shorter ones than four characters are left alone: they would tear every
text to pieces and are no secret.
"""

from __future__ import annotations

import base64
import re
from typing import Any, Final
from urllib.parse import quote, quote_plus

import msgspec

MASK: Final = "***"
SHORTEST: Final = 4


class Redactor:
    """The secrets that this process has handed to actions."""

    def __init__(self) -> None:
        """Know none yet."""
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        """Know one more."""
        if len(value) < SHORTEST or value in self._values:
            return
        self._values.add(value)
        forms = {form for known in self._values for form in _forms(known)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def text(self, text: str) -> str:
        """The text without secrets."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def value(self, value: Any) -> Any:
        """The JSON value without secrets, in keys too."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(name)): self.value(item) for name, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, (list, tuple)) else value


def _forms(value: str) -> set[str]:
    """How a value may come back: as it is, in JSON, in a URL, in base64 at each of the three alignments."""
    raw = value.encode()
    forms = {value, msgspec.json.encode(value).decode()[1:-1], quote(value, safe=""), quote(value), quote_plus(value)}
    for ahead in range(3):
        whole = base64.b64encode(b"\0" * ahead + raw).decode().rstrip("=")
        first = (0, 2, 3)[ahead]
        inner = whole[first : len(whole) - (1 if (ahead + len(raw)) % 3 else 0)]
        if len(inner) >= SHORTEST:
            forms |= {inner, inner.replace("+", "-").replace("/", "_")}
    return forms
