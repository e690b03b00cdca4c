"""JSON Schema (draft 2020-12) of documents, for editors: the shapes that read the documents, and what actions take.

It knows keys and kinds, not what belongs together: a schema refuses no document that the catalogue takes, and lets some
pass that the catalogue refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog import decisions, detectors, failures, own, selectors, steps, triggers, workflows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eventflow.catalog.fields import Shape

Schema = dict[str, Any]
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
TEMPLATE: Final[Schema] = {"type": "string", "pattern": r"\$\{\{"}
_LAX: Final = frozenset(("integer", "number", "boolean"))
"""Kinds for which an action takes a text too, where it reads as one."""


def workflow(actions: Mapping[str, Schema] | None = None) -> Schema:
    """The schema of workflow documents. `actions`: name of an action to the schema of its inputs."""
    whole = workflows.shape(None).schema()
    return {"$schema": DRAFT, "title": "eventflow workflow"} | whole | {"$defs": _parts(actions or {})}


def detector() -> Schema:
    """The schema of detector documents."""
    return {"$schema": DRAFT, "title": "eventflow detector"} | detectors.DOCUMENT.schema()


def _parts(actions: Mapping[str, Schema]) -> Schema:
    loop = steps.LOOP.schema()
    loop["properties"]["steps"] = {"$ref": "#/$defs/steps"}
    configs = {"decision": decisions.DECISION.schema(), "parallel": steps.PARALLEL.schema(), "loop": loop}
    step, config = steps.STEP.schema(), steps.ACTION_CONFIG.schema()
    step["properties"]["retry"] = failures.RETRY.schema()
    given = list(_given(actions))
    step["allOf"] = [*(_when("type", kind, config=one) for kind, one in configs.items()), *given]
    named = {"properties": {"type": {"enum": list(configs)}}, "required": ["type"]}
    does = {
        "anyOf": [{"required": ["uses"]}, {"properties": {"config": {"required": ["uses"]}}, "required": ["config"]}]
    }
    action = {"properties": {"config": config | {"allOf": given}}} | does
    step["allOf"].append({"if": {"not": named}, "then": action})
    trigger = triggers.TRIGGER.schema()
    kinds = {"event": triggers.EVENT, "schedule": triggers.SCHEDULE, "condition": triggers.CONDITION}
    trigger["allOf"] = [_when("type", kind, config=shape.schema()) for kind, shape in kinds.items()]
    return {
        "steps": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}}, "step": step, "trigger": trigger,
    }  # fmt: skip


def _when(key: str, word: str, **then: Schema) -> Schema:
    return {"if": {"properties": {key: {"const": word}}, "required": [key]}, "then": {"properties": then}}


def _given(actions: Mapping[str, Schema]) -> Iterator[Schema]:
    """What `with` may hold, by action."""
    ours: dict[str, Shape] = {**own.SHAPES, "wait.event": selectors.WAIT}
    for name, shape in ours.items():
        yield _when("uses", name, **{"with": shape.schema() | {"type": ["object", "null"]}})
    for name, schema in sorted(actions.items()):
        given = {key: value for key, value in schema.items() if key != "$defs"}
        yield _when("uses", name, **{"with": _inputs(given, schema.get("$defs", {}))})


def _inputs(schema: Schema, parts: Schema) -> Schema:
    """A mapping of inputs: written out, `${{ }}` allowed for each value at any depth."""
    out = {key: value for key, value in schema.items() if key not in {"title", "properties", "description"}}
    out["type"] = "object" if schema.get("required") else ["object", "null"]
    out["properties"] = {key: _filled(value, parts, 0) for key, value in schema.get("properties", {}).items()}
    return out


def _filled(schema: Any, parts: Schema, depth: int) -> Any:
    """The schema, or a template in its place; `$ref` written out, since it points into another document."""
    if not isinstance(schema, dict) or depth > 12:
        return True
    if "$ref" in schema:
        return _filled(parts.get(str(schema["$ref"]).rpartition("/")[2], True), parts, depth + 1)
    out: Schema = {}
    for key, value in schema.items():
        if key in {"items", "additionalProperties"} and isinstance(value, dict):
            out[key] = _filled(value, parts, depth + 1)
        elif key == "properties":
            out[key] = {name: _filled(one, parts, depth + 1) for name, one in value.items()}
        elif key in {"anyOf", "oneOf", "allOf"}:
            out[key] = [_filled(one, parts, depth + 1) for one in value]
        elif key not in {"title", "default"}:
            out[key] = value
    about = {"description": out.pop("description")} if "description" in out else {}
    if out.get("type") == "string" and len(out) == 1:
        return out | about
    return {"anyOf": [out, {"type": "string"} if out.get("type") in _LAX else TEMPLATE]} | about
