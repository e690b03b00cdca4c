"""The way through the steps: names, targets, backward targets, handlers, steps that nothing leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow.catalog.spelling import nearest
from eventflow.model.order import WORDS, handlers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.catalog.document import Document
    from eventflow.catalog.nodes import Node
    from eventflow.catalog.steps import Read
    from eventflow.catalog.targets import Target
    from eventflow.model.workflow import Workflow

_FAILING: Final = ("failure", "timeout", "cancelled")


def every(steps: tuple[Read, ...]) -> Iterator[Read]:
    """Every step, nested ones included, in the order of the document."""
    for step in steps:
        yield step
        for body in step.bodies:
            yield from every(body)


def check(doc: Document, workflow: Workflow, steps: tuple[Read, ...]) -> None:
    """Note everything wrong with names and targets."""
    first: dict[str, Read] = {}
    for step in every(steps):
        if step.name in first:
            line = first[step.name].fields.at("name").line
            doc.report(
                "E208",
                step.fields.at("name"),
                f"step '{step.name}' is already there in line {line}",
                "names are unique in the whole file",
            )
        first.setdefault(step.name, step)
    taken = handlers(workflow)
    for block in blocks(steps):
        _targets(doc, block, first, taken)
        _unreachable(doc, block, taken, {fallback.action for fallback in workflow.fallback})
    if taken:
        found = [step for step in every(steps) if step.name in taken]
        doc.report("N002", found[0].fields.at("name"), f"taken for handlers: {', '.join(step.name for step in found)}")


def blocks(steps: tuple[Read, ...]) -> Iterator[tuple[Read, ...]]:
    """Every list of steps: the workflow's own, and those of branches and loops."""
    yield steps
    for step in every(steps):
        yield from step.bodies


def _targets(doc: Document, block: tuple[Read, ...], names: dict[str, Read], taken: frozenset[str]) -> None:
    places = {step.name: place for place, step in enumerate(block)}
    for place, step in enumerate(block):
        for status, target in (*step.targets.items(), *(("then", target) for target in step.then)):
            if target.name in WORDS:
                continue
            if target.name not in places:
                _lost(doc, target, names, places)
                continue
            to_handler = status in _FAILING and target.name in taken
            origin = place if step.name not in taken else _origin(block, step.name)
            there = block[places[target.name]]
            if to_handler and places[target.name] < place and not there.fields.given("max_visits"):
                said = f"'{target.name}' is taken for a handler and skipped, though it stands before '{step.name}'"
                doc.report("W236", target.node, said, f"to go back to it, add max_visits: 3 to step '{target.name}'")
            if places[target.name] <= origin and not to_handler and not there.fields.given("max_visits"):
                said = "itself" if there is step else f"'{target.name}', which lies before it"
                doc.report(
                    "E214",
                    target.node,
                    f"step '{step.name}' leads back to {said}",
                    f"add max_visits: 3 to step '{target.name}'",
                )


def _origin(block: tuple[Read, ...], handler: str) -> int:
    """The last step of the list whose failure leads to a handler: where its own targets count from."""
    leading = [
        place for place, step in enumerate(block)
        if any(step.targets[status].name == handler for status in _FAILING if status in step.targets)
    ]  # fmt: skip
    return max(leading, default=-1)


def _lost(doc: Document, target: Target, names: dict[str, Read], places: dict[str, int]) -> None:
    if target.name in names:
        said = f"'{target.name}' lies in another list of steps"
        doc.report("E215", target.node, said, "a step can go to a step of its own list, or to end, fail, cancel")
        return
    close = nearest(target.name, (*places, *WORDS))
    advice = (
        f"did you mean '{close}'?" if close else f"add a step '{target.name}', or write next, continue, end or fail"
    )
    if target.name.startswith("next"):
        advice = "did you mean 'next'?"
    doc.report("E212", target.node, f"there is no step '{target.name}'", advice)


def _unreachable(doc: Document, block: tuple[Read, ...], taken: frozenset[str], fallbacks: set[str]) -> None:
    places = {step.name: place for place, step in enumerate(block)}
    todo = [_after(block, -1, taken), *(places[name] for name in fallbacks if name in places)]
    seen: set[int] = set()
    while todo:
        place = todo.pop()
        if place is None or place in seen:
            continue
        seen.add(place)
        todo.extend(_ways(block, place, places, taken))
    reached = {block[place].name for place in seen}
    for step in block:
        if step.name not in reached:
            doc.report(
                "W220", _name(step), f"nothing leads to step '{step.name}'", "name it as a target, or take it out"
            )


def _name(step: Read) -> Node:
    return step.fields.at("name")


def _after(block: tuple[Read, ...], place: int, taken: frozenset[str]) -> int | None:
    return next((n for n in range(place + 1, len(block)) if block[n].name not in taken), None)


def _ways(block: tuple[Read, ...], place: int, places: dict[str, int], taken: frozenset[str]) -> Iterator[int | None]:
    step = block[place]
    following = _after(block, place, taken)
    words = [target.name for target in (*step.targets.values(), *step.then)]
    yield from (places[word] for word in words if word in places)
    if {"next", "continue"} & set(words):
        yield following
    decides = bool(step.then) and len(step.then) == len(getattr(step.step and step.step.do, "cases", ()))
    leaves = decides or "success" in step.targets
    skips = step.fields.given("if") and "skipped" not in step.targets
    if step.name not in taken and (not leaves or skips):
        yield following
