"""Readiness is of who is served: a second eventflow at the topic is told elsewhere."""

from types import SimpleNamespace
from typing import Any

from eventflow.console.reads import health, ready


async def test_a_rival_turns_no_sender_away() -> None:
    def call(**trouble: str) -> Any:
        return SimpleNamespace(house=SimpleNamespace(trouble=lambda: trouble))

    assert (await ready(call(rival="stop one"))).status == 200
    assert (await ready(call(rival="stop one", bus="away"))).text == "bus: away\n"
    assert (await health(call(rival="stop one"))).trouble == {"rival": "stop one"}
