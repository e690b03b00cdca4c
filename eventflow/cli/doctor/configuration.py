"""Settings, the secrets they name, the tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.cli.doctor.bench import Bench, Finding, fail, ok
from eventflow.errors import EventflowError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.settings import Secret, Settings


def checks(bench: Bench) -> Iterator[Finding]:
    """Whether the settings can be read, and what they point to is there."""
    if isinstance(bench.read, SettingsError):
        for line in str(bench.read).splitlines():
            yield fail("settings", line, "eventflow docs settings")
        return
    chosen = bench.read
    from eventflow.app.fit import misfits

    yield ok("settings", str(chosen.file or "all defaults; there is no eventflow.yaml here"))
    for line in misfits(chosen):
        if ": secret " not in line:  # each secret has a line of its own
            yield fail("settings", line, "eventflow docs settings")
    yield from _secrets(chosen)
    yield from _tokens(chosen)


def _secrets(chosen: Settings) -> Iterator[Finding]:
    named: list[tuple[str, Secret]] = [(f"secrets.{name}", secret) for name, secret in chosen.secrets.items()]
    named += [(f"tokens.{one.name}", one.secret) for one in chosen.tokens]
    for name, source in chosen.sources.items():
        named += [(f"sources.{name}.auth.secrets", secret) for secret in source.auth.secrets]
    missing = 0
    for key, secret in named:
        try:
            secret.reveal()
        except SettingsError as error:
            missing += 1
            yield fail("secrets", f"{key}: {error}", "set it where eventflow is started")
    if named and not missing:
        yield ok("secrets", f"all {len(named)} can be had")


def _tokens(chosen: Settings) -> Iterator[Finding]:
    from eventflow.web.tokens import Tokens

    place = chosen.data_dir / "tokens.json"
    if not place.exists():
        yield ok("tokens", "none yet; the first start makes an admin token")
        return
    both = (place, chosen.data_dir / "admin.token")
    loose = [one.name for one in both if one.exists() and one.stat().st_mode & 0o077]
    if loose:
        yield fail("tokens", f"others can read {', '.join(loose)}", f"chmod 600 {chosen.data_dir / loose[0]}")
    try:
        found = Tokens(place).list()
    except EventflowError as error:
        yield fail("tokens", str(error), "restore it from a backup")
        return
    admin = "; the admin token of the first start lies in admin.token" if both[1].exists() else ""
    yield ok("tokens", f"{len(found)} kept, as hashes{admin}")
