"""Parallel steps and loops."""

import pytest

from tests.unit.execute.play import T0, Play, S, bad, ok, play, workflow


def parallel(config, names="abc", after=""):
    branches = ", ".join(f"b{name}: [{{name: {name}, uses: t.{name}}}]" for name in names)
    return f"steps: [{{name: p, type: parallel, config: {{branches: {{{branches}}}, {config}}}}}{after}]"


@pytest.mark.parametrize(
    ("config", "failing", "path", "end"),
    [
        ("join: all", "", ["a", "b", "c", "p"], "succeeded"),
        ("join: all", "b", ["a", "b!", "c", "p!"], "failed"),
        ("join: all, on_branch_failure: cancel", "", ["a", "b", "c", "p"], "succeeded"),
        ("join: 2", "b", ["a", "b!", "c", "p"], "succeeded"),
        ("join: 2", "bc", ["a", "b!", "c!", "p!"], "failed"),
        ("join: any", "ab", ["a!", "b!", "c", "p"], "succeeded"),
        ("join: any", "abc", ["a!", "b!", "c!", "p!"], "failed"),
        ("join: 4", "", ["a", "b", "c", "p!"], "failed"),
        ("join: all, max_parallel: 1", "", ["a", "b", "c", "p"], "succeeded"),
    ],
)
def test_joins(config, failing, path, end):
    run = play(parallel(config), {name: bad() for name in failing})
    assert [p.removeprefix("p/") for p in run.path] == path
    assert run.end[0] == end


def test_all_branches_start_before_any_ends():
    run = Play(workflow(parallel("join: all")), {"a": "hangs", "b": "hangs", "c": "hangs"}).go()
    assert [call[0] for call in run.calls] == ["a", "b", "c"]


def test_max_parallel_bounds_them():
    run = Play(workflow(parallel("join: all, max_parallel: 2")), {"a": "hangs", "b": "hangs", "c": "hangs"}).go()
    assert [call[0] for call in run.calls] == ["a", "b"]


def test_enough_successes_break_off_the_rest():
    run = Play(workflow(parallel("join: any")), {"a": "hangs", "b": ok(), "c": "hangs"}).go()
    assert run.path == ["p/b", "p/a-", "p/c-", "p"]
    assert not run.hung
    assert run.end == ("succeeded", None)
    assert run.views["p"]["outputs"] == {"branches": {"ba": "cancelled", "bb": "success", "bc": "cancelled"}}


def test_what_is_begun_and_broken_off_in_one_turn_is_not_called():
    text = parallel("join: any, max_parallel: 2", "ab").replace("uses: t.b", "uses: t.b, if: 'false'")
    run = Play(workflow(text)).go()
    assert run.path == ["p/b?", "p/a-", "p"]
    assert run.calls == []


def test_cancel_breaks_off_the_others_at_the_first_failure_that_decides():
    run = Play(
        workflow(parallel("join: all, on_branch_failure: cancel")), {"a": "hangs", "b": bad(), "c": "hangs"}
    ).go()
    assert run.path == ["p/b!", "p/a-", "p/c-", "p!"]
    assert run.views["a"]["status"] == "cancelled"
    assert run.views["p"]["error"]["step"] == "b"


def test_wait_collects_every_verdict():
    text = parallel("join: all", after=", {name: z, uses: t.z}")
    text = text.replace("name: p,", "name: p, conditions: {failure: continue},")
    run = play(text, {"a": bad(), "b": ok(), "c": bad()})
    assert run.path == ["p/a!", "p/b", "p/c!", "p!", "z"]
    assert [run.views[name]["status"] for name in "abc"] == ["failure", "success", "failure"]
    assert run.end == ("succeeded", None)


def test_a_branch_has_handlers_and_its_handled_failure_is_a_failure():
    text = """
steps:
  - name: p
    type: parallel
    config:
      branches:
        one: [{name: a, uses: t.a, conditions: {failure: h}}, {name: b, uses: t.b}, {name: h, uses: t.h}]
        two: [{name: c, uses: t.c}]
"""
    run = play(text, {"a": bad()})
    assert sorted(run.path) == ["p!", "p/a!", "p/c", "p/h"]
    assert run.end == ("failed", "step_failed")


def test_fail_inside_a_branch_ends_the_branch():
    text = parallel("join: any", "ab").replace("uses: t.a", "uses: t.a, conditions: {success: fail}")
    assert play(text).end == ("succeeded", None)


def test_a_timeout_of_the_whole_breaks_off_what_is_under_way():
    run = Play(workflow(parallel("join: all").replace("name: p,", "name: p, timeout: 5s,")), {"a": "hangs"}).go()
    assert run.now == T0 + 5 * S
    assert run.path == ["p/b", "p/c", "p/a-", "p%"]
    assert not run.hung


# --- loops -----------------------------------------------------------------------------------------------------------


def loop(config, body="{name: a, uses: t.a, with: {x: '${{ loop.item }}'}}", after=""):
    return f"steps: [{{name: l, type: loop, config: {{{config}, steps: [{body}]}}}}{after}]"


def test_for_each_goes_over_a_list_in_order():
    run = play(loop("for_each: '[10, 20, 30]'"))
    assert run.path == ["l[0]/a", "l[1]/a", "l[2]/a", "l"]
    assert [call[-1] for call in run.calls] == [{"x": 10}, {"x": 20}, {"x": 30}]
    assert [call[3] for call in run.calls] == [f"run_x/l[{n}]/a/1" for n in range(3)]


def test_as_names_the_item():
    body = "{name: a, uses: t.a, with: {x: '${{ host + loop.host + string(loop.index) }}'}}"
    run = play(loop('for_each: \'["p", "q"]\', as: host', body))
    assert [call[-1]["x"] for call in run.calls] == ["pp0", "qq1"]


def test_an_empty_list_is_a_success():
    assert play(loop("for_each: '[]'")).path == ["l"]


def test_the_list_is_fixed_when_the_loop_begins():
    run = Play(workflow("inputs: {n: {}}\n" + loop("for_each: inputs.n")), {"a": "hangs"}, inputs={"n": [1, 2]}).go()
    assert run.course.open["l"].items == [1, 2]


def test_max_parallel_rounds():
    run = Play(workflow(loop("for_each: '[1, 2, 3]', max_parallel: 2")), {"a": "hangs"}).go()
    assert [call[3] for call in run.calls] == ["run_x/l[0]/a/1", "run_x/l[1]/a/1"]


def test_stop_starts_no_further_round():
    run = play(loop("for_each: '[1, 2, 3]'"), {"a": [ok(), bad(), ok()]})
    assert run.path == ["l[0]/a", "l[1]/a!", "l!"]
    assert run.end == ("failed", "step_failed")


def test_continue_goes_on_after_a_failed_round():
    run = play(loop("for_each: '[1, 2, 3]', on_item_failure: continue"), {"a": [ok(), bad(), ok()]})
    assert run.path == ["l[0]/a", "l[1]/a!", "l[2]/a", "l"]
    assert run.views["l"]["outputs"] == {"rounds": 3, "failures": 1}


def test_rounds_are_seen_from_outside_by_number_and_from_inside_as_the_current_one():
    seen = "{all: '${{ steps.l.items.map(i, i.a.outputs.n) }}', here: '${{ steps.a.status }}'}"
    after = f", {{name: z, uses: t.z, with: {seen}}}"
    body = "{name: a, uses: t.a}, {name: b, uses: t.b, with: {now: '${{ steps.a.outputs.n }}'}}"
    run = play(loop("for_each: '[1, 2]'", body, after), {"a": [ok(n=5), ok(n=6)]})
    assert [call[-1] for call in run.calls if call[0] == "b"] == [{"now": 5}, {"now": 6}]
    assert run.calls[-1][-1] == {"all": [5, 6], "here": "pending"}


def test_while_is_asked_before_each_round():
    run = play(loop("while: loop.index < 3", "{name: a, uses: t.a}"))
    assert run.path == ["l[0]/a", "l[1]/a", "l[2]/a", "l"]
    assert play(loop("while: 'false'", "{name: a, uses: t.a}")).path == ["l"]


def test_until_is_asked_after_each_round_and_sees_it():
    run = play(
        loop("until: steps.a.outputs.ok", "{name: a, uses: t.a}"), {"a": [ok(ok=False), ok(ok=False), ok(ok=True)]}
    )
    assert run.path == ["l[0]/a", "l[1]/a", "l[2]/a", "l"]


def test_delay_lies_between_rounds_and_survives_a_crash():
    run = Play(
        workflow(loop("until: steps.a.outputs.ok, delay: 10s", "{name: a, uses: t.a}")),
        {"a": [ok(ok=False), ok(ok=True)]},
    )
    run.go(jump=False)
    run.read_again()
    run.later("9s").go(jump=False)
    assert len(run.calls) == 1
    run.later("1s").go(jump=False)
    assert run.end == ("succeeded", None)
    assert run.now == T0 + 10 * S


@pytest.mark.parametrize("config", ["while: 'true', max_iterations: 5", "until: 'false', max_iterations: 5"])
def test_max_iterations_ends_a_loop_that_does_not_end(config):
    run = play(loop(config, "{name: a, uses: t.a}"))
    assert len(run.calls) == 5
    assert run.end == ("failed", "max_iterations")


def test_max_iterations_refuses_a_longer_list_before_the_first_round():
    run = play(loop("for_each: '[1, 2, 3]', max_iterations: 2"))
    assert run.calls == []
    assert run.end == ("failed", "max_iterations")


@pytest.mark.parametrize(
    "config", ["for_each: '5'", "for_each: steps.none.x", "while: '1'", "until: steps.a.outputs.no"]
)
def test_a_loop_whose_expression_is_wrong_fails(config):
    assert play(loop(config, "{name: a, uses: t.a}")).end == ("failed", "expression")


def test_loops_nest_and_parallel_nests_in_loops():
    text = """
steps:
  - name: o
    type: loop
    config:
      for_each: '[1, 2]'
      steps:
        - name: i
          type: loop
          config:
            for_each: '[loop.item, loop.item * 10]'
            as: inner
            steps:
              - name: p
                type: parallel
                config:
                  branches:
                    x: [{name: a, uses: t.a, with: {v: '${{ inner + item }}'}}]
                    y: [{name: b, uses: t.b}]
  - {name: z, uses: t.z, with: {v: '${{ steps.o.items[1].i.items[0].a.status }}'}}
"""
    run = play(text)
    assert [call[-1]["v"] for call in run.calls if call[0] == "a"] == [2, 11, 4, 22]
    assert [call[3] for call in run.calls if call[0] == "a"][-1] == "run_x/o[1]/i[1]/p/a/1"
    assert run.calls[-1][-1] == {"v": "success"}


def test_many_quick_rounds_are_cut_into_turns():
    run = play(loop("for_each: '" + str(list(range(900))) + "'", "{name: a, uses: run.annotate}"))
    assert run.end == ("succeeded", None)
    assert run.appends > 2
    assert len(run.views["l"]["items"]) == 900


def test_a_second_visit_of_a_loop_counts_its_rounds_anew_and_gives_new_keys():
    text = loop("for_each: '[1, 2]'", after=", {name: z, uses: t.z, conditions: {failure: l}}").replace(
        "name: l,", "name: l, max_visits: 2,"
    )
    run = play(text, {"z": [bad(), ok()]})
    assert run.end == ("succeeded", None)
    assert [call[3] for call in run.calls if call[0] == "a"] == [
        "run_x/l[0]/a/1", "run_x/l[1]/a/1", "run_x/l[0]/a/2", "run_x/l[1]/a/2",
    ]  # fmt: skip
