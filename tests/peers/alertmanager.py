"""A real Prometheus and a real Alertmanager for the tests, as Debian ships them: found, or unpacked without being root.

    async with Monitoring(folder, hook="http://127.0.0.1:8080/in/alerts", token="…") as monitoring:
        monitoring.hosts["a"] = 9            # above 5: the alert Hot of host a fires
        await monitoring.until(lambda: …)
        monitoring.hosts["a"] = 0            # and is resolved

Packages are unpacked once, into the folder that outlives a run; where they can't be had, `Missing` says why.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import aiohttp
from aiohttp import web

from tests.peers.kafka_parts import Missing, alone, cache

PACKAGES = {"prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager"}
SHARED = "/usr/share/prometheus/alertmanager"
HERE = "./" * (len(SHARED) // 2)
"""Debian's Alertmanager reads its templates from a fixed folder of the system. In the unpacked copy that folder is the
one it is started in: a path of the same length."""
PROMETHEUS = """
global: {{scrape_interval: {every}, evaluation_interval: {every}, scrape_timeout: {every}}}
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}
rule_files: [rules.yml]
scrape_configs:
  - {{job_name: room, static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]}}
"""
RULES = """
groups:
  - name: rooms
    rules:
      - alert: Hot
        expr: temperature > 5
        labels: {severity: page, service: cooling}
        annotations: {summary: "host {{ $labels.host }} – <hot> & \\"dry\\"", value: "{{ $value }}"}
"""
ALERTMANAGER = """
route:
  {{receiver: eventflow, group_by: [alertname], group_wait: {wait}, group_interval: {group}, repeat_interval: {again}}}
receivers:
  - name: eventflow
    webhook_configs:
      - url: {hook}
        http_config: {{authorization: {{credentials: {token}}}}}
"""


def program(name: str) -> str:
    """The path of one of the two programs; its package is brought and unpacked if it is not there."""
    if found := shutil.which(name):
        return found
    unpacked = cache() / name / "usr/bin" / name
    with alone():
        if not unpacked.exists():
            _unpack(name, PACKAGES[name])
    return str(unpacked)


def _unpack(name: str, package: str) -> None:
    if shutil.which("apt-get") is None:
        raise Missing(f"{name} is not on the path and there is no apt-get to bring Debian's package {package}")
    with tempfile.TemporaryDirectory(dir=cache()) as made:
        # Lists and archives of our own, so that neither root nor an earlier `apt-get update` is needed.
        own = ["-o", f"Dir::State::Lists={cache()}/apt-lists", "-o", f"Dir::Cache={made}/apt-cache", "-q"]
        for folder in (cache() / "apt-lists/partial", Path(made, "apt-cache/archives/partial")):
            folder.mkdir(parents=True, exist_ok=True)
        if _ran("apt-get", "download", package, cwd=made):
            why = _ran("apt-get", *own, "update", cwd=made) or _ran("apt-get", *own, "download", package, cwd=made)
            if why:
                raise Missing(f"Debian's package {package} can't be had: {why}")
        found = next(Path(made).glob("*.deb"))
        if why := _ran("dpkg-deb", "-x", str(found), f"{made}/root", cwd=made):
            raise Missing(f"{found.name} can't be unpacked: {why}")
        unpacked = Path(made, "root/usr/bin", name)
        unpacked.write_bytes(unpacked.read_bytes().replace(SHARED.encode(), HERE.encode()))
        shutil.rmtree(cache() / name, ignore_errors=True)
        Path(made, "root").rename(cache() / name)


def _ran(*command: str, cwd: str) -> str:
    """Empty when it ended well, else the end of what it said."""
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, timeout=300)
    return "" if done.returncode == 0 else (done.stderr or done.stdout or "it failed")[-400:]


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Monitoring:
    """Prometheus that watches `hosts` (name → temperature) and an Alertmanager that tells the hook."""

    def __init__(self, folder: Path, hook: str, token: str, *, every="200ms", wait="100ms", group="500ms", again="4h"):
        self.folder, self.hosts = folder, {}
        self.programs = {name: program(name) for name in PACKAGES}
        self.ports = dict(zip(("exporter", "alertmanager", "prometheus"), free_ports(3), strict=True))
        self.processes: dict[str, subprocess.Popen] = {}
        folder.mkdir(parents=True, exist_ok=True)
        words = {
            "hook": hook,
            "token": token,
            "every": every,
            "wait": wait,
            "group": group,
            "again": again,
            **self.ports,
        }
        (folder / "prometheus.yml").write_text(PROMETHEUS.format(**words))
        (folder / "alertmanager.yml").write_text(ALERTMANAGER.format(**words))
        (folder / "rules.yml").write_text(RULES)
        for template in Path(self.programs["prometheus-alertmanager"]).parents[2].glob(f"{SHARED[1:]}/*.tmpl"):
            shutil.copy(template, folder)

    async def __aenter__(self):
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.ports["exporter"]).start()
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
        try:
            await self._start_both()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _start_both(self) -> None:
        self.start_alertmanager()
        self._start(
            "prometheus",
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=prometheus-data",
            "--rules.alert.resend-delay=1s",
            f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}",
        )
        for name in ("alertmanager", "prometheus"):
            await self.until(lambda name=name: self._is_ready(name))

    async def __aexit__(self, *_):
        for name in self.processes:
            self.kill(name)
        await self._session.close()
        await self._runner.cleanup()

    def start_alertmanager(self) -> None:
        """Start it, also again after a kill, over the same data."""
        self._start(
            "prometheus-alertmanager",
            "--config.file=alertmanager.yml",
            "--storage.path=alertmanager-data",
            "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{self.ports['alertmanager']}",
        )

    def kill(self, name: str) -> None:
        """SIGKILL, and wait for its end."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait()

    def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as out:
            self.processes[name] = subprocess.Popen(
                [self.programs[name], *arguments], cwd=self.folder, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip

    async def _metrics(self, _: web.Request) -> web.Response:
        lines = [f'temperature{{host="{name}"}} {value}' for name, value in self.hosts.items()]
        return web.Response(text="# TYPE temperature gauge\n" + "\n".join(lines) + "\n")

    async def _is_ready(self, name: str) -> bool:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with self._session.get(f"http://127.0.0.1:{self.ports[name]}/-/ready") as answer:
                return answer.status == 200
        return False

    async def counted(self, metric: str) -> float:
        """The sum of one of Alertmanager's own metrics, over its webhooks."""
        async with self._session.get(f"http://127.0.0.1:{self.ports['alertmanager']}/metrics") as answer:
            text = await answer.text()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.startswith(metric) and 'integration="webhook"' in line
        )

    async def alerts(self) -> list[dict]:
        """What Alertmanager holds now."""
        async with self._session.get(f"http://127.0.0.1:{self.ports['alertmanager']}/api/v2/alerts") as answer:
            return json.loads(await answer.text())

    async def until(self, holds, timeout: float = 60.0) -> None:
        """Wait until something holds that nobody tells; what both programs said is in the error."""
        try:
            async with asyncio.timeout(timeout):
                while not await holds():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            logs = "\n".join(path.read_text()[-1500:] for path in self.folder.glob("*.log"))
            raise AssertionError(f"not in {timeout} s\n{logs}") from None
