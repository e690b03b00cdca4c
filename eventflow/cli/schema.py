"""`eventflow schema`: the JSON Schema of documents and settings, for editors; needs no server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from eventflow.cli.doors import Door, options

KINDS = ("workflow", "detector", "settings")


@click.command()
@click.argument("kind", type=click.Choice(KINDS), default="workflow")
@click.option(
    "--write", type=click.Path(path_type=Path, file_okay=False),
    help="Write all three into this folder as KIND.json instead, and print the line that editors read.",
)  # fmt: skip
@options
def command(door: Door, kind: str, write: Path | None) -> None:
    """Print the JSON Schema of KIND: workflow (default), detector or settings.

    An editor with the YAML language server takes it from a comment on top of the document:

    # yaml-language-server: $schema=schemas/workflow.json
    """
    if write is None:
        click.echo(json.dumps(_schema(kind), indent=2, ensure_ascii=False))
        return
    write.mkdir(parents=True, exist_ok=True)
    written = []
    for name in KINDS:
        file = write / f"{name}.json"
        file.write_text(json.dumps(_schema(name), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(file)
    if door.as_json:
        door.print_json({"written": [str(file) for file in written]})
        return
    for file in written:
        click.echo(f"# yaml-language-server: $schema={file}")


def _schema(kind: str) -> dict[str, Any]:
    if kind == "settings":
        return _settings()
    from eventflow.catalog import schema

    if kind == "detector":
        return schema.detector()
    from eventflow.app.known import action, action_names, wants

    actions = {name: wanted.schema for name in action_names() if action(name) is True and (wanted := wants(name))}
    return schema.workflow(actions)


def _settings() -> dict[str, Any]:
    """The schema of the settings file: where a setting is read by code of ours, a text is allowed too."""
    from pydantic.json_schema import GenerateJsonSchema

    from eventflow.settings import Settings

    class Written(GenerateJsonSchema):
        """As the file holds it, not as the model does."""

        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
            """Read by code that says nothing about it: anything."""
            return {}

        def function_before_schema(self, schema: Any) -> dict[str, Any]:
            """A duration, a size, an address, one path for a list of them."""
            return {"anyOf": [super().function_before_schema(schema), {"type": ["string", "integer"]}]}

        def model_schema(self, schema: Any) -> dict[str, Any]:
            """What closes a mapping belongs to the mapping, not to the text that is allowed in its place."""
            made = super().model_schema(schema)
            if "anyOf" in made:
                made["anyOf"][0] |= {key: made.pop(key) for key in list(made) if key == "additionalProperties"}
            return made

    made = Settings.model_json_schema(schema_generator=Written)
    return {"$schema": Written.schema_dialect, **made, "title": "eventflow settings"}
