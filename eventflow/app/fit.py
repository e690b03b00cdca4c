"""What of the settings cannot work, all of it before anything is opened: what a source says of its own settings,
expressions that do not compile, secrets that are not there, addresses that are none.

`settings` knows keys and values; this knows the components that read them. Each of them would refuse by itself when it
is made, one after the other, so a person would start eventflow once for each mistake.
"""

from __future__ import annotations

import contextlib
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from eventflow.app.rooms import build_store, kafka_of
from eventflow.errors import ComponentError, SettingsError
from eventflow.ingest.mapping import SourceMapping
from eventflow.kafka import topics, url
from eventflow.plugin import Source, SourceContext
from eventflow.plugin.registry import find
from eventflow.web.egress import Policy
from eventflow.web.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eventflow.settings import Settings
    from eventflow.settings.models import SourceSettings, TokenSettings

_KEY: Final = re.compile(r"[a-z_]+(?:\.[\w-]+)+(?=: )")
"""The key that a component's own sentence begins with."""


def check(settings: Settings, *, doors: bool) -> None:
    """Raise `SettingsError` with everything that cannot work, one a line; `doors` false: sources are not looked at."""
    if found := list(dict.fromkeys(misfits(settings, doors=doors))):
        raise SettingsError("\n".join(found))


def misfits(settings: Settings, *, doors: bool = True) -> Iterator[str]:
    """The lines: place, key, sentence."""
    for key, attempt in _attempts(settings, doors=doors):
        try:
            attempt()
        except (SettingsError, ComponentError) as error:
            yield _line(settings, key, str(error))


def _attempts(settings: Settings, *, doors: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(key, what raises when that key cannot work)."""
    if settings.bus.type == "kafka":
        yield "bus", partial(kafka_of, settings)
        yield "bus.topic", partial(topics.check, settings.bus.topic)
    yield "store", partial(build_store, settings)
    for index, entry in enumerate(settings.egress.allow):
        yield f"egress.allow.{index}", partial(Policy, [entry])
    if not doors:
        return
    for index, token in enumerate(settings.tokens):
        yield f"tokens.{index}.secret", partial(_token, token)
    for name, source in settings.sources.items():
        yield from _of_source(name, source)
        if settings.bus.type == source.type == "kafka":
            yield f"sources.{name}.config.url", partial(_no_circle, settings, name, source)


def _of_source(name: str, source: SourceSettings) -> Iterator[tuple[str, Callable[[], Any]]]:
    key, given = f"sources.{name}", source.given()
    for index, secret in enumerate(source.auth.secrets):
        yield f"{key}.auth.secrets.{index}", secret.reveal
    yield f"{key}.type", partial(_made, name, source)
    for attribute, text in source.map.items():
        yield f"{key}.map.{attribute}", partial(SourceMapping, name, {"map": {attribute: text}})
    for one in ("dedup", "partition_key"):
        yield f"{key}.{one}", partial(SourceMapping, name, {one: given.get(one)})


def _no_circle(settings: Settings, name: str, source: SourceSettings) -> None:
    """A source must not read what the bus writes: each of its events would become one more."""
    try:
        theirs, own = url.parts(str(source.config.get("url", ""))), url.parts(settings.bus.url)
    except ValueError:
        return  # has been told by the source itself
    ours = {own.topics[0], own.topics[0] + topics.CONTROL_SUFFIX}
    if (both := ours.intersection(theirs.topics)) and theirs.meets(own):
        raise SettingsError(
            f"sources.{name}.config.url: {min(both)!r} is the bus's own topic, whose events would come back without "
            "end; what stands there is decided without a source"
        )


def _token(token: TokenSettings) -> None:
    Tokens(None, [(token.name, token.scopes, token.secret.text())])


def _made(name: str, source: SourceSettings) -> None:
    secrets = []
    for secret in source.auth.secrets:
        with contextlib.suppress(SettingsError):  # has been told by itself
            secrets.append(secret.reveal())
    if source.auth.secrets and not secrets:
        return
    find("source", source.type, Source)(SourceContext(name, source.given(), secrets))  # type: ignore[type-abstract]


def _line(settings: Settings, key: str, said: str) -> str:
    """The sentence with its place; where a component names the key itself, it may know it more exactly."""
    own = _KEY.match(said)
    named = own[0] if own is not None else key.partition(".")[0]
    exact = key if own is None or key.startswith(f"{named}.") else named
    return f"{settings.near(exact)}: {_shown(exact)}: {said.removeprefix(f'{named}: ')}"


def _shown(key: str) -> str:
    """`tokens.0.secret` as `tokens[0].secret`."""
    return re.sub(r"\.([0-9]+)(?=\.|$)", r"[\1]", key)
