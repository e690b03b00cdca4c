"""Every built-in action against the one contract: a real server on loopback, real programs."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from aiohttp import web

from eventflow.actions.debug import DebugLog
from eventflow.actions.http import HttpRequest
from eventflow.actions.shell import ShellRun
from eventflow.plugin import ActionContext
from eventflow.testing import ActionContract


class TestDebugLog(ActionContract):
    def action(self, place):
        return DebugLog(ActionContext(directory=place))

    def good(self):
        return {"message": "seen", "data": {"list": [1, None, "x"]}, "level": "warning"}


class TestHttpRequest(ActionContract):
    @pytest.fixture(autouse=True)
    async def server(self):
        """Answers at once, with an error, or, under `/long`, never."""
        self.asked = asyncio.Event()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield
        await runner.cleanup()

    async def answer(self, request):
        if request.path == "/long":
            self.asked.set()
            await asyncio.Event().wait()
        if request.path == "/500":
            return web.Response(status=500, text="no")
        return web.json_response({"got": (await request.read()).decode("utf-8", "replace")})

    def action(self, place):
        return HttpRequest(ActionContext(egress_allow=("127.0.0.1",), directory=place))

    def good(self):
        return {
            "method": "POST",
            "url": f"{self.url}/good",
            "query": {"q": "x"},
            "headers": {"x-one": "1"},
            "json": {"list": [1, None, "x"]},
            "auth": {"username": "anna", "password": "word"},
            "sign": "a secret of some length",
            "expect": [200],
        }

    def bad(self):
        return [
            {"url": f"{self.url}/500"},
            {"url": "http://127.0.0.1:1/nobody-listens"},
            {"url": "http://169.254.169.254/latest/meta-data"},
            {"url": "file:///etc/passwd"},
            {"url": ""},
            {"url": self.url, "headers": {"x": "a\r\nb: c"}},
            {"url": self.url, "auth": {"user": "anna"}},
            {"url": self.url, "sign": "whsec_%%%"},
        ]

    def long(self):
        return {"url": f"{self.url}/long"}

    async def begun(self):
        await self.asked.wait()


class TestHttpRequestWithText(TestHttpRequest):
    """The other way to give a body and who asks."""

    def good(self):
        return {"method": "PUT", "url": f"{self.url}/good", "body": "text", "auth": {"bearer": "token"}}


class TestShellRun(ActionContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.place = tmp_path

    def action(self, place):
        return ShellRun(ActionContext(shell_allow=("echo", sys.executable, "sh"), directory=place / "work"))

    def good(self):
        return {"argv": ["echo", '{"a": [1, null]}'], "env": {"ONE": "1"}, "parse": "json"}

    def bad(self):
        return [
            {"argv": ["rm", "-rf", "nothing"]},
            {"argv": [""]},
            {"argv": ["sh", "-c", "exit 3"]},
            {"argv": ["echo", "no json"], "parse": "json"},
            {"argv": ["echo"], "cwd": "../.."},
            {"argv": ["echo", "a\0b"]},
        ]

    def long(self):
        return {"argv": ["sh", "-c", f"echo > {self.place}/begun; sleep 600"]}

    async def begun(self):
        while not (self.place / "begun").exists():
            await asyncio.sleep(0.01)

    async def test_a_call_cancelled_while_it_starts_leaves_no_process(self, tmp_path):
        """At any turn of the loop: not started, half started, running."""
        script = f"sleep 600 & echo $! > {self.place}/part; mv {self.place}/part {self.place}/pid; wait"
        began = 0
        for turns in range(40):
            async with self.opened(tmp_path) as action:
                call = asyncio.create_task(self._run(action, {"argv": ["sh", "-c", script]}))
                for _ in range(turns):
                    await asyncio.sleep(0.0005)
                call.cancel()
                done, _ = await asyncio.wait([call], timeout=10)
                assert done
            if (self.place / "pid").exists():
                began += 1
                await gone(int((self.place / "pid").read_text()))
                (self.place / "pid").unlink()
        assert began


async def gone(process):
    """Wait until a process is no more, or nothing but an entry that init has not read."""
    state = Path(f"/proc/{process}/stat")
    for _ in range(500):
        try:
            if state.read_text().split()[2] == "Z":
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        await asyncio.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    pytest.fail("a program runs on although its step was cancelled")
