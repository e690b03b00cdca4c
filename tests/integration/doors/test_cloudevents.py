"""CloudEvents' own examples and conformance cases through `POST /events`."""

import itertools
import json
import re

import pytest
import yaml

from tests.integration.doors.payloads import FIXTURES

EXAMPLES = sorted((FIXTURES / "cloudevents/spec_examples").glob("*.json"))
FEATURE = (FIXTURES / "cloudevents/conformance/http-protocol-binding.feature").read_text()
PLACEHOLDER = "... base64 encoded string ..."  # stands in the document where data would be


def scenarios(text):
    """Each scenario of a feature with its request's text, the attributes and the data; outlines are expanded."""
    for part in re.split(r"^ *Scenario(?: Outline)?: ", text, flags=re.MULTILINE)[1:]:
        rows = [
            [cell.strip() for cell in line.strip().strip("|").split("|")] for line in part.splitlines() if "|" in line
        ]
        names = next((number for number, row in enumerate(rows) if row == ["contentType"]), None)
        assert names is not None, part
        for [kind] in rows[names + 1 :]:
            blocks = re.findall(r'"""\n(.*?)"""', part.replace("<contentType>", kind), re.DOTALL)
            named = {key: value.replace("<contentType>", kind) for key, value in rows[1:names]}
            yield part.splitlines()[0].replace("<contentType>", kind), blocks[0], named, json.loads(blocks[1])


CASES = list(scenarios(FEATURE))


@pytest.mark.parametrize(
    ("request_text", "attributes", "data"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
async def test_conformance_over_http(house, request_text, attributes, data):
    lines = [line.removeprefix("        ") for line in request_text.splitlines()]
    head = list(itertools.takewhile(bool, lines))
    headers = dict(line.split(": ", 1) for line in head[1:])
    body = "\n".join(lines[len(head) + 1 :]).encode()
    kind = headers.pop("Content-Type")
    sent = {name: value for name, value in headers.items() if name not in {"Host", "Content-Length"}}
    answer = await house.post(body, kind, **sent)
    assert (answer.status, answer.body) == (202, {"accepted": 1, "duplicates": 0})
    [event] = await house.records()
    assert event | attributes == event
    assert event["data"] == data


def test_there_are_four_cases():
    assert len(CASES) == 4


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_the_documents_examples(house, path):
    body = path.read_bytes()
    many = body.lstrip().startswith(b"[")
    events = json.loads(body) if many else [json.loads(body)]
    answer = await house.post(body, f"application/cloudevents{'-batch' if many else ''}+json")
    if PLACEHOLDER in body.decode():
        assert (answer.status, answer.body["detail"]) == (
            422,
            ("line 1: " if many else "") + "data_base64 is not base64",
        )
        return
    assert (answer.status, answer.body["accepted"]) == (202, len(events))
    for sent, stored in zip(events, await house.records(), strict=True):
        assert stored | {name: value for name, value in sent.items() if value is not None} == stored


@pytest.mark.parametrize("name", ["v03", "v0.3_v03_minimum", "v1", "v1.0_v1_minimum"])
async def test_versions_of_the_conformance_events(house, name):
    """0.3 is refused by its name, in both modes; 1.0 is taken."""
    text = (FIXTURES / f"cloudevents/conformance/{name}.yaml").read_text()
    for one in [one for one in yaml.load_all(text, yaml.BaseLoader) if one]:
        named = {key.lower(): value for key, value in one["ContextAttributes"].items() if isinstance(value, str)}
        kind = named.pop("datacontenttype", "application/json")
        data = one["Data"].encode()
        structured = await house.post(named | {"id": named["id"] + "s"}, "application/cloudevents+json")
        binary = await house.post(data, kind, **{f"ce-{key}": value for key, value in named.items()})
        answers = [structured, binary]
        if named["specversion"] == "0.3":
            assert [answer.status for answer in answers] == [422, 422]
            assert all("specversion '0.3' is not taken" in answer.body["detail"] for answer in answers)
        else:
            assert [answer.status for answer in answers] == [202, 202], binary.body
