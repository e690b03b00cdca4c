"""The OpenAPI 3.1 document, made from the routes and the answers' classes: it cannot say what is not so."""

from __future__ import annotations

import functools
import re
from importlib import metadata
from typing import Any

import msgspec

from eventflow.console.routes import ROUTES, Operation, full_path
from eventflow.web.problems import CODES, Problem


@functools.cache
def document() -> dict[str, Any]:
    """The whole description."""
    answers = {route.answer for route in ROUTES if route.answer is not None} | {Problem}
    ordered = sorted(answers, key=lambda one: one.__name__)
    _, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        path = full_path(route)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "eventflow",
            "version": metadata.version("eventflow-router"),
            "license": {"name": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(components),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Operation) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": _responses(route),
        "security": [] if route.scope is None else [{"token": []}],
    }
    if route.scope is not None:
        operation["description"] = f"Needs the scope `{route.scope}`."
    if route.body:
        fields = {name: {"description": what} for name, what in route.body.items()}
        schema = {"type": "object", "properties": fields, "additionalProperties": False}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation


def _parameters(route: Operation) -> list[dict[str, Any]]:
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    asked = dict(route.query)
    if route.many:
        asked |= {"limit": "items in a page, 1 to 200", "after": "the `next` of the page before"}
    return named + [
        {"name": name, "in": "query", "description": what, "schema": {"type": "string"}} for name, what in asked.items()
    ]


def _responses(route: Operation) -> dict[str, Any]:
    ok: dict[str, Any] = {"description": route.summary}
    if route.answer is not None:
        schema: dict[str, Any] = {"$ref": f"#/components/schemas/{route.answer.__name__}"}
        if route.many:
            schema = {
                "type": "object",
                "required": ["items", "next"],
                "properties": {"items": {"type": "array", "items": schema}, "next": {"type": ["string", "null"]}},
            }
        ok["content"] = {"application/json": {"schema": schema}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    statuses = sorted({status for status, _ in CODES.values()})
    refusals = {str(status): {"description": "A refusal.", "content": problem} for status in statuses}
    return {str(route.status): ok} | refusals
