"""Tokens and what they may do: 256 random bits shown once, of which only a hash is kept.

A plain SHA-256 is enough for 256 random bits: there is no dictionary to try. Look-ups go by the hash and end in a
comparison in constant time. The file is read again whenever it has changed, so a revocation by another process counts
from the next request on.
"""

from __future__ import annotations

import base64
import hmac
import os
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from eventflow import ports
from eventflow.errors import Conflict, NotFound, SettingsError
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PREFIX = "ef_"
ADMIN = "admin"
SCOPES = {
    "events:write": "send events",
    "events:read": "read events and dead letters",
    "runs:read": "read runs, their journals and explanations",
    "runs:write": "start, cancel, pause, resume and re-run",
    "approvals:write": "answer the questions of runs",
    "workflows:read": "read workflows",
    "workflows:write": "change workflows",
    "metrics:read": "read metrics",
    "admin": "everything, tokens and drain included",
}
"""Every scope and what it lets its holder do; a closed list."""

SHORTEST_SECRET = 16


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a token. Times are microseconds since the epoch; `expires` None: never."""

    name: str
    scopes: tuple[str, ...]
    hash: str
    created: int = 0
    expires: int | None = None
    made_by: str = ""

    def carries(self, scope: str) -> bool:
        """Whether it may do what needs `scope`."""
        return scope in self.scopes or ADMIN in self.scopes


class Tokens:
    """The tokens in a file of ours and those that stand in the settings."""

    def __init__(self, path: Path | None = None, settings: Iterable[tuple[str, Iterable[str], str]] = ()) -> None:
        """`settings` are (name, scopes, secret); `path` need not exist yet. Raises `SettingsError`."""
        self._path = path
        self._given = [_given(name, scopes, secret) for name, scopes, secret in settings]
        self._seen: tuple[int, int] | None = None
        self._by_hash: dict[str, Token] = {}
        self._load(())

    def authenticate(self, header: str | None) -> Token:
        """The token of an `Authorization` header. Raises `Refused` (401) unless it is one of ours and still valid."""
        scheme, _, secret = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise refused("credentials", "send a token as 'Authorization: Bearer ef_…'")
        found = self.find(secret.strip())
        if found is None:
            raise refused("credentials", "this token is not known; it may have been revoked or have expired")
        return found

    def find(self, secret: str) -> Token | None:
        """The token with this secret, if it is one of ours and still valid."""
        self._refresh()
        wanted = _hash(secret)
        found = self._by_hash.get(wanted)
        if found is None or not hmac.compare_digest(found.hash, wanted):
            return None
        return None if found.expires is not None and found.expires <= ports.wall() else found

    def require(self, header: str | None, scope: str) -> Token:
        """The token, if it carries `scope`. Raises `Refused` (401, 403)."""
        token = self.authenticate(header)
        if not token.carries(scope):
            raise refused("scope", f"this token does not carry the scope {scope}")
        return token

    def list(self) -> tuple[Token, ...]:
        """All tokens by name. The hashes are no secrets, but nothing for people either."""
        self._refresh()
        return tuple(sorted(self._by_hash.values(), key=lambda token: token.name))

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        by: Iterable[str] = (ADMIN,),
        made_by: str = "",
        expires: int | None = None,
    ) -> str:
        """Make a token and return its secret, which is shown this once. `by` are the maker's scopes.

        Raises `Refused` (403) for a scope that the maker does not hold, `SettingsError` for one that does not exist,
        `Conflict` when the name is taken.
        """
        wanted, held = _checked(name, scopes), set(by)
        beyond = [scope for scope in wanted if scope not in held and ADMIN not in held]
        if beyond:
            raise refused("scope", f"a token cannot be given more than its maker holds: {', '.join(beyond)}")
        self._refresh()
        if any(token.name == name for token in self._by_hash.values()):
            raise Conflict(f"there is a token {name!r} already; revoke it first or choose another name")
        secret = PREFIX + base64.urlsafe_b64encode(ports.random_bytes(32)).decode().rstrip("=")
        made = Token(
            name=name, scopes=wanted, hash=_hash(secret), created=ports.wall(), expires=expires, made_by=made_by
        )
        self._save((*self._kept(), made))
        return secret

    def revoke(self, name: str) -> None:
        """End a token at once. Raises `NotFound`; `Conflict` for one that stands in the settings."""
        self._refresh()
        if any(token.name == name for token in self._given):
            raise Conflict(f"the token {name!r} stands in the settings; remove it there")
        kept = self._kept()
        left = tuple(token for token in kept if token.name != name)
        if len(left) == len(kept):
            raise NotFound(f"there is no token {name!r}")
        self._save(left)

    def _kept(self) -> tuple[Token, ...]:
        return tuple(token for token in self._by_hash.values() if token not in self._given)

    def _refresh(self) -> None:
        if self._path is None:
            return
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_ino)
        except OSError:
            seen = None
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._load(msgspec.json.decode(self._path.read_bytes(), type=tuple[Token, ...]) if seen else ())
        except msgspec.DecodeError as error:
            self._load(())
            raise SettingsError(f"{self._path} does not hold tokens: {error}; restore it or remove it") from error

    def _load(self, kept: Iterable[Token]) -> None:
        self._by_hash = {token.hash: token for token in (*kept, *self._given)}

    def _save(self, kept: tuple[Token, ...]) -> None:
        """Write beside and rename, so that no reader sees half a file and a crash keeps the old one."""
        if self._path is None:
            raise SettingsError("tokens cannot be made here: there is no file to keep them in")
        beside = self._path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(kept)))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        self._seen = None
        self._refresh()


def _given(name: str, scopes: Iterable[str], secret: str) -> Token:
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(
            f"tokens: the secret of {name!r} is shorter than {SHORTEST_SECRET} characters; make one with "
            "'eventflow token create'"
        )
    return Token(name=name, scopes=_checked(name, scopes), hash=_hash(secret))


def _checked(name: str, scopes: Iterable[str]) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        what = f"no scope {unknown[0]!r}" if unknown else "it has no scope"
        raise SettingsError(f"token {name!r}: {what}; there are: {', '.join(SCOPES)}")
    if not name or len(name) > 100 or not name.isprintable():
        raise SettingsError("a token needs a name of at most 100 printable characters")
    return wanted


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
