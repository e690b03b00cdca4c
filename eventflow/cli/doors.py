"""What verbs share: the two options that may stand before or after the verb, and the way to the running server.

The way is the Unix socket in the data directory (no token: only this user can open it). It is plain `http.client`,
since a command should be over before a bigger library is loaded.
"""

from __future__ import annotations

import difflib
import functools
import http.client
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import click

from eventflow.errors import EventflowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x202E: "\\u202e", 0x2066: "\\u2066", 0x2067: "\\u2067",
}  # fmt: skip


class NoServer(EventflowError):
    """No eventflow is running here."""

    code = "no-server"
    exit_code = 3


class Answered(EventflowError):
    """The server refused."""

    exit_code = 1

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        """Keep the problem document (RFC 9457)."""
        super().__init__(problem.get("detail") or problem.get("title") or f"the server answered {status}")
        self.status, self.problem = status, problem
        self.code = str(problem.get("code") or f"status-{status}")


def options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Let `--config` and `--json` stand after the verb too; hands the verb a `Door` as its first argument."""

    @functools.wraps(verb)
    def wrapped(ctx: click.Context, /, config: str | None, as_json: bool, **given: Any) -> Any:
        before = ctx.obj or {}
        return verb(Door(config or before.get("config"), as_json=as_json or bool(before.get("json"))), **given)

    asked = click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for programs.")(
        click.pass_context(wrapped)
    )
    return click.option("--config", type=click.Path(), help="Settings file.")(asked)


class Choice(click.Group):
    """A verb of several (`token create`): a mistyped one is answered with the nearest, and the two options may stand
    between them too.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        """Add `--config` and `--json`."""
        super().__init__(*args, **more)
        self.params += [
            click.Option(["--config"], type=click.Path(), help="Settings file."),
            click.Option(["--json", "as_json"], is_flag=True, help="Answer as JSON, for programs."),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Hand on what was said so far."""
        before = ctx.obj or {}
        config, as_json = ctx.params.pop("config", None), ctx.params.pop("as_json", False)
        ctx.obj = {"config": config or before.get("config"), "json": as_json or bool(before.get("json"))}
        return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.commands, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self.commands)}"
            raise click.UsageError(f"{ctx.command_path} has no {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


class Door:
    """The running server, as a verb sees it."""

    def __init__(self, config: str | None, *, as_json: bool = False) -> None:
        """Nothing is opened before the first request."""
        self.config = config
        self.as_json = as_json

    @functools.cached_property
    def data_dir(self) -> Path:
        """The data directory by the settings."""
        from eventflow import settings

        return Path(settings.load(self.config).data_dir)

    @functools.cached_property
    def _socket(self) -> str:
        try:
            addresses = json.loads((self.data_dir / "addresses.json").read_text())
        except (OSError, ValueError):
            raise NoServer(f"no eventflow is running on {self.data_dir}; start one with 'eventflow serve'") from None
        return str(addresses["socket"])

    def request(
        self, method: str, path: str, body: Any = None, *, query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None, patience: float = 60,
    ) -> Any:  # fmt: skip
        """One request to the API; the decoded answer. Raises `NoServer` or `Answered`."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"/api/v1{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Host": "eventflow"} | (headers or {})
        connection = _UnixConnection(self._socket, patience)
        try:
            connection.request(method, target, raw, sent)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoServer(
                f"the eventflow on {self.data_dir} does not answer ({str(error) or type(error).__name__}); "
                "is 'eventflow serve' still running?"
            ) from None
        finally:
            connection.close()
        if answer.status >= 400:
            raise Answered(answer.status, printable(_problem(text)))
        found = json.loads(text) if text else None
        return found if self.as_json else printable(found)

    def items(self, path: str, *, limit: int, query: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page, at most `limit`."""
        after: str | None = None
        left = limit
        while left > 0:
            page = self.request("GET", path, query={**(query or {}), "limit": min(left, 200), "after": after})
            yield from page["items"]
            left -= len(page["items"])
            after = page.get("next")
            if not after:
                return

    def print_json(self, value: Any) -> None:
        """The API's own body, for programs."""
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def printable(value: Any) -> Any:
    """An answer for a terminal: what senders of events wrote must not move its cursor or change its colours."""
    if isinstance(value, str):
        return value if value.isprintable() else value.translate(_ESCAPES)
    if isinstance(value, list):
        return [printable(one) for one in value]
    if isinstance(value, dict):
        return {name: printable(one) for name, one in value.items()}
    return value


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, patience: float) -> None:
        super().__init__("eventflow", timeout=patience)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _problem(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {"detail": text.decode("utf-8", "replace")[:200]}
    return found if isinstance(found, dict) else {"detail": str(found)}


def part(text: str) -> str:
    """A path segment of a URL, so that an id with a slash stays one segment."""
    return quote(text, safe="")
