"""What stands around a workflow: monitoring, access, AI. Read and checked; little of it is run yet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog import own
from eventflow.catalog.document import Expression
from eventflow.catalog.fields import EitherOf, Fields, Key, ListOf, Shape, not_yet
from eventflow.catalog.kinds import INVALID, Anything, Cel, Duration, Kind, Number, OneOf, Text
from eventflow.catalog.nodes import Node, Scalar
from eventflow.catalog.spelling import did_you_mean

if TYPE_CHECKING:
    from eventflow.catalog.document import Document

METRICS: Final = ("execution_time", "success_rate", "queue_time", "retries", "decisions")
STATS: Final = (
    "failure_rate", "success_rate", "timeout_rate", "runs", "p50_execution_time", "p95_execution_time", "ai_agreement",
)  # fmt: skip
CAPABILITIES: Final = ("choose", "fill", "summarise", "classify")
_PERCENT: Final = re.compile(r"(?<![\w.'\"])(\d+(?:\.\d+)?)\s*%")
_DURATION: Final = re.compile(r"(?<![\w.'\"])((?:\d+(?:ms|[smhd]))+)\b")


class Metric(Kind):
    """The name of a metric that is collected anyhow."""

    says = "a metric"

    def read(self, doc: Document, node: Node) -> Any:
        """The name."""
        name = Text().read(doc, node)
        if isinstance(name, str) and name not in METRICS:
            doc.report(
                "E203", node, f"no metric '{name}'", did_you_mean(name, METRICS) or "an own one is {name, value}"
            )
        return name

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string"}


class Alert(Kind):
    """A condition over the statistics of runs, with `10%` and `30m` as literals."""

    says = "a condition such as failure_rate > 10%"

    def read(self, doc: Document, node: Node) -> Any:
        """The condition."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return self.wrong(doc, node)
        text = _PERCENT.sub(lambda found: repr(float(found[1]) / 100), node.value)
        text = _DURATION.sub(lambda found: f"duration('{found[1]}')", text)
        doc.expressions.append(Expression(node, text, "alert", (), template=False))
        return node.value

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string"}


def _metric(doc: Document, fields: Fields) -> Fields:
    not_yet(doc, fields.of("value"), "monitoring.metrics with a value of its own")
    return fields


def _alert(doc: Document, fields: Fields) -> Fields:
    own.given(doc, fields, fields.get("action"), place="alert_with")
    return fields


MONITORING: Final = Shape(
    "monitoring",
    {
        "metrics": Key(
            ListOf(
                EitherOf(
                    Metric(),
                    Shape(
                        "metric",
                        {
                            "name": Key(Text(r"[a-z][a-z0-9_]*", "a metric's name"), "its name", needed=True),
                            "value": Key(Cel("metric"), "CEL: its value at the end of a run", needed=True),
                            "type": Key(OneOf("gauge", "counter", "histogram"), "default gauge"),
                        },
                        build=_metric,
                    ),
                )
            ),
            "names of metrics that are shown on the workflow's page",
        ),
        "alerts": Key(
            ListOf(
                Shape(
                    "alert",
                    {
                        "condition": Key(Alert(), "over the statistics of runs", needed=True),
                        "window": Key(Duration(), "of which runs; default 24h"),
                        "min_runs": Key(Number(1), "not before so many; default 10"),
                        "for": Key(Duration(), "must last this long"),
                        "repeat_every": Key(Duration(), "say it again"),
                        "action": Key(Text(), "a step of this file, or a registered action", needed=True),
                        "with": Key(Anything(), "its inputs"),
                    },
                    build=_alert,
                )
            ),
            "what to do when runs go wrong too often",
            later="monitoring.alerts",
        ),
    },
)


class Who(Text):
    """A person, a group or a role."""

    def read(self, doc: Document, node: Node) -> Any:
        """The text."""
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.isidentifier():
            said = f"'{node.value}' does not say whether it is a person, a group or a role"
            doc.report("E206", node, said, f"write user:{node.value}, group:{node.value} or role:{node.value}")
            return INVALID
        return super().read(doc, node)


WHO: Final = ListOf(Who(r"(user|group|role):\S+", "user:NAME, group:NAME or role:NAME"), or_one=True)
ACCESS: Final = Shape("access", {"run": Key(WHO, "who may start it"), "view": Key(WHO, "who may see it")})
AI_CONFIG: Final = Shape(
    "ai_config",
    {
        "agent": Key(Text(), "a name from the settings"),
        "persona": Key(Text(), "a name from the settings"),
        "capabilities": Key(ListOf(Text(), or_one=True), "choose, fill, summarise, classify"),
        "limits": Key(
            Shape(
                "limits",
                {
                    "timeout": Key(Duration(), "of one answer"),
                    "max_tokens": Key(Number(1), "of one answer"),
                    "max_cost_per_day": Key(Number(0, fraction=True), "of this workflow"),
                },
            ),
            "bounds of the model",
        ),
    },
)


def check_ai(doc: Document, config: Fields) -> None:
    """Capabilities outside the closed list have no effect; said only where a model is asked at all."""
    if config.get("capabilities") is None:
        return
    node = config.at("capabilities")
    for item in getattr(node, "items", [node]):
        if isinstance(item, Scalar) and item.text not in CAPABILITIES:
            doc.report("W232", item, f"no capability '{item.text}'", did_you_mean(item.text, CAPABILITIES))
