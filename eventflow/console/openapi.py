"""The OpenAPI 3.1 document, made from the routes and the answers' classes: it cannot say what is not so."""

from __future__ import annotations

import functools
import re
from importlib import metadata
from typing import Any

import msgspec

from eventflow.console import writes
from eventflow.console.asked import LIST
from eventflow.console.routes import ROUTES, Operation, full_path
from eventflow.web.problems import CODES, Problem

MEANING = {status: " ".join(title for one, title in CODES.values() if one == status) for status, _ in CODES.values()}
"""HTTP status → what it means here."""


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
    if route.takes:
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": {}} for kind in route.takes}}
    elif route.method == "POST":
        operation["requestBody"] = {"content": {"application/json": {"schema": _body(route)}}}
    return operation


def _body(route: Operation) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: field.schema() for name, field in route.body.items()},
        "required": [name for name, field in route.body.items() if field.required],
        "additionalProperties": False,
    }


def _parameters(route: Operation) -> list[dict[str, Any]]:
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    asked = route.query | (LIST if route.many else {})
    found = named + [
        {"name": name, "in": "query", "description": field.what, "schema": field.schema()}
        for name, field in asked.items()
    ]
    if route.handler is writes.start:
        what = "the same key again starts no second run"
        found.append({"name": "Idempotency-Key", "in": "header", "description": what, "schema": {"type": "string"}})
    return found


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
    refusals = {str(status): {"description": MEANING[status], "content": problem} for status in _refusals(route)}
    if route.scope is None:
        text = {"text/plain": {"schema": {"type": "string"}}}
        ok["content"] = text
        refusals["503"] = {"description": "Not ready: one line for each check that says no.", "content": text}
    elif route.path == "/metrics":
        ok["content"] = {"text/plain": {"schema": {"type": "string"}}}
    elif route.answer is None:
        ok["content"] = {"application/json": {"schema": {"type": "object"}}}
    return {str(route.status): ok} | refusals


def _refusals(route: Operation) -> list[int]:
    """What the route may answer instead: what any HTTP request can meet, and what is its own."""
    found = {400, 403, 408, 413, 415, 422, 431, 500, 503, *route.refuses}
    if route.scope is not None:
        found.add(401)
    if "{" in route.path or "after" in route.query or route.many:
        found.add(404)
    if route.scope == "events:write":
        found.add(429)
    return sorted(found)
