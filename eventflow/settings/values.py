"""Values that settings are written in: durations, sizes, addresses, lists, paths, as types that pydantic reads.

Also how a validator says several things at once.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo

from eventflow.catalog import durations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Place = tuple[int | str, ...]
"""The way to a value: keys and indices from where one stands."""
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(B|[kKMGT]i?B?)?")
_FACTOR: Final = {"k": 1, "m": 2, "g": 3, "t": 4}
_ADDRESS: Final = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})")


class Several(ValueError):
    """What a validator has to say, at places inside the value that it looked at."""

    def __init__(self, found: Sequence[tuple[Place, str]]) -> None:
        """(place, sentence) of each."""
        super().__init__("; ".join(said for _, said in found))
        self.found = found


def near(origins: Mapping[str, str], place: Place) -> str:
    """Where a value came from, or else what is in it or around it; `origins` by dotted key."""
    for end in range(len(place), 0, -1):
        key = ".".join(map(str, place[:end]))
        inside = (come for name, come in origins.items() if name.startswith(key + "."))
        if (origin := origins.get(key) or next(inside, None)) is not None:
            return origin
    return "settings"


class Address(NamedTuple):
    """Where a listener listens. Port 0: any free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        """`host:port`, as it is written in settings."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _duration(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError("expected a duration such as 30s, 5m, 2h or 1d")  # noqa: TRY004 - pydantic collects these
    if isinstance(value, int) or (micros := durations.parse(value)) is None:
        raise ValueError(f"{value} is not a duration; {durations.advice(value)}")
    return micros


def _size(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is not a size; write for instance 512 kB, 10 MiB or 10 GiB")
    number, unit = float(found[1]), found[2] or "B"
    return int(number * (1024 if "i" in unit else 1000) ** _FACTOR.get(unit[0].lower(), 0))


def show_size(size: int) -> str:
    """The short form: `10 GiB`."""
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power} {unit}"
    return f"{size} B"


def _address(value: Any) -> Any:
    if isinstance(value, Address):
        return value
    found = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found["port"]) > 65535:
        raise ValueError(f"{value!r} is no address to listen on; write for instance 127.0.0.1:8080 or [::1]:8080")
    return Address(found["six"] or found["host"], int(found["port"]))


def _several(value: Any) -> Any:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, Path) else value


def _path(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, (str, Path)) or not str(value):
        raise ValueError("expected a path")
    folder: Path = (info.context or {}).get("folder") or Path()
    return folder / Path(value).expanduser()


Duration = Annotated[int, BeforeValidator(_duration), PlainSerializer(durations.show, when_used="json")]
"""Written as `30s`, `2h`; held in microseconds."""
Size = Annotated[int, BeforeValidator(_size)]
"""Written as `10 MiB`, `512 kB` or a number of bytes."""
Listening = Annotated[Address, BeforeValidator(_address), PlainSerializer(str)]
"""Written as `host:port`."""
Texts = Annotated[tuple[str, ...], BeforeValidator(_several)]
"""A list of texts; one text may hold several with commas between."""
SettingsPath = Annotated[Path, BeforeValidator(_path)]
"""A path; a relative one counts from the folder of the settings file."""
Paths = Annotated[tuple[SettingsPath, ...], BeforeValidator(_several)]
"""A list of paths."""
