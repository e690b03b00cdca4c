"""What there is around a document: actions, their inputs, sources, secrets. Here once, so that `serve`, the API and
`validate` say the same of it.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from eventflow.app.components import missing, of_kind
from eventflow.catalog import Known, Wants
from eventflow.catalog.detectors import Answer
from eventflow.catalog.spelling import nearest
from eventflow.errors import ComponentError
from eventflow.execute.inside import DOERS
from eventflow.plugin import Action, DetectorContext
from eventflow.plugin.one_series import detector_names, find_detector
from eventflow.plugin.registry import find, modules

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from eventflow.model.detection import DetectorSpec
    from eventflow.settings import Settings

ENGINE = "eventflow"
"""The source of what the engine says itself."""


def known(settings: Settings) -> Known:
    """What documents are held against under these settings."""
    sources = {ENGINE, *settings.sources, *(one.type for one in settings.sources.values()), *modules("source")}
    return Known(
        action=action, wants=wants, actions=action_names, sources=frozenset(sources), judge=judge,
        secrets=frozenset(settings.secrets), timezone=settings.timezone, program=program(settings),
    )  # fmt: skip


def program(settings: Settings) -> Callable[[str], str | None] | None:
    """What to do about a program that `shell.allow` lacks; None where nobody has written settings.

    An allowed path counts for its bare name too: where that leads on the machine that runs it is not known here.
    """
    if settings.file is None and settings.origin("shell.allow") == "default":
        return None
    allowed = {*settings.shell.allow, *(PurePath(one).name for one in settings.shell.allow)}

    def advice(name: str) -> str | None:
        if name in allowed or shutil.which(name) in allowed:
            return None
        close = nearest(name, settings.shell.allow)
        return f"did you mean '{close}'?" if close else f"add '{name}' to shell.allow in the settings"

    return advice


def action(name: str) -> bool | str:
    """Whether a workflow may use this name; where only something must be installed for it, how."""
    if name in DOERS:
        return True
    try:
        found = find("action", name, Action)  # type: ignore[type-abstract]
    except ComponentError as error:
        return str(error).partition("cannot be used: ")[2] if isinstance(error.__cause__, ImportError) else False
    except Exception as error:  # noqa: BLE001 - a plugin's module, which may do anything when imported
        return f"its module cannot be imported: {type(error).__name__}: {error}"
    return missing(found.extra) or True


@cache
def action_names() -> list[str]:
    """Every action that can be used."""
    return [one.name for one in of_kind("action") if one.unavailable is None]


@cache
def wants(name: str) -> Wants | None:
    """What `with` of an action may hold, from its `Inputs`; None for one that does not say."""
    model = None if name in DOERS else getattr(find("action", name, Action), "Inputs", None)  # type: ignore[type-abstract]
    return None if model is None else Wants(schema_of(model), lambda given: refusals(model, given))


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model; what is read by code that says nothing about it may be anything."""
    from pydantic.json_schema import GenerateJsonSchema

    class Lenient(GenerateJsonSchema):
        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
            return {}

    return model.model_json_schema(schema_generator=Lenient)


def judge(spec: DetectorSpec) -> Answer | None:
    """What is to be said against a detector: no such type, or what the type says of its config."""
    try:
        kind = find_detector(spec.type)
    except ComponentError as error:
        if isinstance(error.__cause__, ImportError):
            return Answer(refused=(str(error),))
        return Answer(missing=True, there=tuple(detector_names()))
    except Exception as error:  # noqa: BLE001 - a plugin's module, which may do anything when imported
        return Answer(refused=(f"its module cannot be imported: {type(error).__name__}: {error}",))
    found = refusals(kind.Config, spec.config)
    if found:
        return Answer(refused=tuple(f"{'.'.join(map(str, path))}: {said}" if path else said for path, said in found))
    try:
        kind(kind.Config.model_validate(spec.config), DetectorContext(tuple(sorted(spec.features)) or ("value",)))
    except ComponentError as error:
        return Answer(refused=(str(error),))
    return None


def refusals(model: type[BaseModel], given: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    """What a model says against a `with` that is all there: (path, sentence) of each."""
    from pydantic import ValidationError

    try:
        model.model_validate(given)
    except ValidationError as error:
        return [(one["loc"], one["msg"].removeprefix("Value error, ")) for one in error.errors(include_url=False)]
    except Exception as error:  # noqa: BLE001 - a validator of somebody else, which fails in the run as it does here
        return [((), f"{type(error).__name__}: {error}")]
    return []
