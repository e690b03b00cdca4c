"""Random workflows for hypothesis: every kind of step, nested, with conditions, retries, waits and bad actions."""

from hypothesis import strategies as st

from eventflow.model.workflow import (
    Action,
    Case,
    Conditions,
    Decision,
    Fallback,
    Loop,
    Parallel,
    Retry,
    Step,
    Workflow,
)
from tests.unit.execute.play import S

RESULTS = ("ok", "ok", "ok", "error", "503", "hang")
WORDS = ("next", "continue", "end", "fail", "cancel")


class Draw:
    """One workflow in the making: names are counted, so that they are unique in the document."""

    def __init__(self, draw):
        self.draw, self.count = draw, 0

    def pick(self, *options):
        return self.draw(st.sampled_from(options))

    def chance(self, one_in):
        return self.draw(st.integers(1, one_in)) == 1

    def name(self):
        self.count += 1
        return f"s{self.count}"

    def steps(self, depth, least=0, most=4):
        names = [self.name() for _ in range(self.draw(st.integers(least, most)))]
        return tuple(self.step(name, names, depth) for name in names)

    def step(self, name, names, depth):
        kinds = ("action", "action", "action", "inside", "decision") + (("parallel", "loop") if depth else ())
        kind = self.pick(*kinds)
        return Step(
            name=name, do=getattr(self, kind)(names, depth), if_=self.condition() if self.chance(6) else None,
            timeout=self.pick(2 * S, 30 * S) if self.chance(5) else None,
            retry=self.retry() if kind == "action" and self.chance(3) else None,
            conditions=self.conditions(names) if self.chance(2) else Conditions(),
            max_visits=self.pick(1, 2, 3) if self.chance(3) else None,
        )  # fmt: skip

    def condition(self):
        return self.pick("true", "false", "steps.s1.status == 'success'", "size(steps) > 0", "steps.s1.outputs.n > 0")

    def retry(self):
        return Retry(max_attempts=self.pick(1, 2, 3), initial=S, backoff=self.pick("none", "fixed", "exponential"))

    def conditions(self, names):
        def target():
            return self.pick(*WORDS, *names) if self.chance(2) else None

        return Conditions(
            success=target(), failure=target(), timeout=target(), skipped=target(), cancelled=target()
        )  # fmt: skip

    def action(self, names, depth):
        uses = self.pick("t.safe", "t.safe", "t.unsafe")
        return Action(uses=uses, with_={"x": self.pick(1, "${{ size(steps) }}", "${{ steps.s1.status }}")})

    def inside(self, names, depth):
        return self.pick(
            Action(uses="wait.duration", with_={"duration": "3s"}),
            Action(uses="event.emit", with_={"type": "a.b", "data": "${{ run.id }}"}),
            Action(uses="run.annotate", with_={"n": 1}),
            Action(uses="workflow.run", with_={"workflow": "test/child", "wait": True}),
            Action(uses="workflow.run", with_={"workflow": "test/child", "wait": False}),
            Action(uses="wait.event", with_={"event": "x", "timeout": "5s"}),
        )

    def decision(self, names, depth):
        def case(n):
            then = self.pick("next", *WORDS, *names)
            return Case(name=f"c{n}", when=self.condition() if self.chance(2) else None, then=then)

        human = self.chance(3)
        return Decision(
            cases=tuple(case(n) for n in range(2)), default="c0", by="human" if human else "rule",
            timeout=5 * S if human else None,
        )  # fmt: skip

    def parallel(self, names, depth):
        branches = {f"b{n}": self.steps(depth - 1, most=2) for n in range(self.draw(st.integers(0, 3)))}
        return Parallel(
            branches=branches, join=self.pick("all", "any", 1, 2), on_branch_failure=self.pick("wait", "cancel"),
            max_parallel=self.pick(None, 1, 2),
        )  # fmt: skip

    def loop(self, names, depth):
        how = self.pick({"for_each": "[1, 2, 3]"}, {"while_": "loop.index < 2"}, {"until": "loop.index > 0"})
        return Loop(
            steps=self.steps(depth - 1, most=2), **how, max_parallel=self.pick(1, 2), max_iterations=4,
            on_item_failure=self.pick("stop", "continue"), delay=self.pick(0, 0, S),
        )  # fmt: skip


@st.composite
def programs(draw):
    """A workflow and, by (step path, visit, attempt), how each call ends."""
    it = Draw(draw)
    steps = it.steps(2, least=1)
    fallback = tuple(Fallback(action=it.pick("t.page", steps[0].name)) for _ in range(draw(st.integers(0, 2))))
    workflow = Workflow(
        id="test/one", name="one", steps=steps, fallback=fallback, retry=Retry(initial=S),
        timeout=it.pick(None, None, 20 * S, 120 * S), outputs={"n": "${{ size(steps) }}"},
    )  # fmt: skip
    return workflow, draw(st.randoms(use_true_random=False)).random()
