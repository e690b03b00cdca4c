"""The committed reference is what the code says, and the JSON Schema takes what the catalogue takes."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from eventflow.catalog import reference

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "tests/fixtures/documents"


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_page_is_up_to_date(name):
    committed = (ROOT / "docs/reference" / name).read_text()
    assert committed == reference.PAGES[name](), "python -m eventflow.catalog.reference docs/reference"


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(reference.schema())
    assert json.loads(json.dumps(reference.schema())) == reference.schema()


@pytest.mark.parametrize("name", ["brief", "quality_gate", "latency_incident"])
def test_the_schema_takes_good_documents(name):
    document = yaml.safe_load((FIXTURES / f"good/{name}.yaml").read_text())
    assert [error.message for error in jsonschema.Draft202012Validator(reference.schema()).iter_errors(document)] == []


@pytest.mark.parametrize(
    "name", ["unknown_top_key", "misspelt_step_key", "timeout_bare_number", "version_number", "no_steps"]
)
def test_the_schema_refuses_broken_ones(name):
    document = yaml.safe_load((FIXTURES / f"broken/{name}.yaml").read_text())
    assert list(jsonschema.Draft202012Validator(reference.schema()).iter_errors(document))
