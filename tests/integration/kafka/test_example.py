"""The example on the suite's own broker: its README is followed, with another address."""

import shutil
from pathlib import Path

import pytest
import yaml

from tests.docs.test_snippets import Reader, follow

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/05-kafka"


@pytest.fixture
def reader(tmp_path):
    somebody = Reader(tmp_path)
    yield somebody
    somebody.leave()


def test_the_example_does_what_it_says(kafka, topic, reader):
    shutil.copytree(EXAMPLE, reader.here, dirs_exist_ok=True)
    reader.environment["EVENTFLOW_BUS__URL"] = f"kafka://{kafka.bootstrap}/orders-{topic}"
    follow(reader, (EXAMPLE / "README.md").read_text().replace("<!-- kafka:", "<!-- test:"))


def test_the_page_does_what_it_says(kafka, topic, reader):
    reader.environment["EVENTFLOW_BUS__URL"] = f"kafka://{kafka.bootstrap}/page-{topic}"
    follow(reader, (ROOT / "docs/howto/kafka.md").read_text().replace("<!-- kafka:", "<!-- test:"))


def test_the_compose_file_is_one_broker_on_loopback():
    [service] = yaml.safe_load((EXAMPLE / "compose.yaml").read_text())["services"].values()
    assert service["ports"] == ["127.0.0.1:9092:9092"]
    assert service["environment"]["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:9092"
