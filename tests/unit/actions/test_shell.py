"""shell.run starts what is allowed and nothing else, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from eventflow.actions.shell import OUTPUT_LIMIT, ShellRun
from eventflow.errors import ActionError
from eventflow.plugin import ActionContext, Attempt

ATTEMPT = Attempt(run="run_x", workflow="w", step="s", visit=1, number=1, idempotency_key="run_x/s/1")


def action(tmp_path: Path, *allow: str) -> ShellRun:
    return ShellRun(ActionContext(shell_allow=allow, directory=tmp_path / "work"))


async def call(shell: ShellRun, **with_: object) -> dict[str, object]:
    return await shell.run(ShellRun.Inputs.model_validate(with_), ATTEMPT)


async def test_nothing_is_allowed_by_default(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"shell\.allow") as caught:
        await call(action(tmp_path), argv=["echo", "hi"])
    assert caught.value.code == "not-allowed"


@pytest.mark.parametrize("wanted", ["/bin/../bin/sh", "./sh", "sh "])
async def test_another_spelling_of_an_allowed_program_is_another_program(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(ActionError):
        await call(action(tmp_path, "sh"), argv=[wanted, "-c", "true"])


async def test_arguments_are_never_read_by_a_shell(tmp_path: Path) -> None:
    nasty = "$(touch owned); `touch owned`; a && touch owned"
    got = await call(action(tmp_path, "echo"), argv=["echo", nasty])
    assert got["stdout"] == nasty + "\n"
    assert not list(tmp_path.rglob("owned"))


async def test_the_environment_is_the_given_one_and_the_directory_is_empty_and_goes(tmp_path: Path) -> None:
    os.environ["CANARY"] = "must not be seen"
    try:
        code = "import json,os; print(json.dumps([dict(os.environ), os.listdir('.'), os.getcwd()]))"
        shell = action(tmp_path, sys.executable)
        got = await call(shell, argv=[sys.executable, "-I", "-c", code], env={"A": "1"}, parse="json")
    finally:
        del os.environ["CANARY"]
    environment, files, where = got["json"]  # type: ignore[misc]
    assert set(environment) <= {"A", "PATH", "LANG", "LC_CTYPE", "IDEMPOTENCY_KEY"}
    assert environment["A"] == "1"
    assert environment["IDEMPOTENCY_KEY"] == "run_x/s/1"
    assert files == []
    assert not Path(where).exists()


async def test_an_exit_code_is_an_error_with_the_end_of_what_was_said(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="exit code 3: it broke") as caught:
        await call(action(tmp_path, "sh"), argv=["sh", "-c", "echo it broke >&2; exit 3"])
    assert caught.value.code == "exit"


async def test_a_flood_of_output_is_cut_and_the_program_still_ends(tmp_path: Path) -> None:
    got = await call(action(tmp_path, "sh"), argv=["sh", "-c", "head -c 5000000 /dev/zero"])
    assert len(str(got["stdout"])) == OUTPUT_LIMIT


async def test_what_is_no_json_says_so(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="did not print JSON"):
        await call(action(tmp_path, "echo"), argv=["echo", "{"], parse="json")


async def test_a_cancelled_step_kills_the_whole_group(tmp_path: Path) -> None:
    shell = action(tmp_path, "sh")
    mark = tmp_path / "pid"
    script = f"sleep 1000 & echo $! > {mark}.part; mv {mark}.part {mark}; wait"
    task = asyncio.ensure_future(call(shell, argv=["sh", "-c", script]))
    while not mark.exists():
        assert not task.done()
        await asyncio.sleep(0.01)
    child = int(mark.read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(500):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"the grandchild {child} is still alive")


@pytest.mark.parametrize("cwd", ["..", "/etc", "a/../../..", "missing"])
async def test_no_way_out_of_the_working_directory(tmp_path: Path, cwd: str) -> None:
    with pytest.raises(ActionError) as caught:
        await call(action(tmp_path, "pwd"), argv=["pwd"], cwd=cwd)
    assert caught.value.code == "cwd"
