"""Every marked block of README.md and docs/ is run, as docs/howto/document-with-tests.md says."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"^<!-- test(?::\s*(?P<options>[^>]*?))?\s*-->\n+```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
READY_WITHIN = 60  # seconds; only so that a server that never gets ready is named and not waited for forever


@dataclass
class Block:
    """A marked block: the language of its fence, its text, the options of its mark."""

    language: str
    text: str
    options: dict[str, str]


@dataclass
class Command:
    """A line to be run and what it prints, where the page says."""

    line: str
    expected: str


def blocks(page: str) -> list[Block]:
    found = []
    for match in BLOCK.finditer(page):
        pairs = [option.partition("=") for option in (match["options"] or "").split()]
        found.append(Block(match["language"], match["text"], {name: value for name, _, value in pairs}))
    return found


def commands(text: str) -> list[Command]:
    """Lines that begin with `$ `; `> ` goes on with the line above; all others are output."""
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:], ""))
        elif line.startswith("> ") and not found[-1].expected:
            found[-1].line += "\n" + line[2:]
        else:
            found[-1].expected += line + "\n"
    return found


def agrees(expected: str, printed: str) -> bool:
    """Whether the output is what the page shows, `…` standing for anything."""
    parts = [re.escape(part) for part in expected.strip().split("…")]
    return re.fullmatch(".*".join(parts), printed.strip(), re.DOTALL) is not None


class Reader:
    """Somebody who follows a page from top to bottom, in one empty directory."""

    def __init__(self, folder: Path) -> None:
        self.here, self.home, self.running = folder / "here", folder / "home", []
        for made in (self.here, self.home):
            made.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVENTFLOW_", "PYTEST_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        self.environment = kept | {
            "PATH": path,
            "HOME": str(self.home),
            "NO_COLOR": "1",
            "TERM": "dumb",
            "COLUMNS": "120",
        }

    def follow(self, block: Block) -> None:
        if "file" in block.options:
            target = self.here / block.options["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        elif block.language == "python":
            self.run(Command(f"python - <<'END OF BLOCK'\n{block.text}\nEND OF BLOCK", ""), block.options)
        else:
            assert block.language == "console", f"no way to run a block of {block.language}; say file=NAME"
            for command in commands(block.text):
                self.run(command, block.options)

    def run(self, command: Command, options: dict[str, str]) -> None:
        if command.line.endswith(" &"):
            return self.start(command.line.removesuffix(" &"), options.get("until", ""))
        done = subprocess.run(
            ["bash", "-c", command.line], cwd=self.here, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=READY_WITHIN * 2,
        )  # fmt: skip
        assert done.returncode == int(options.get("exit", "0")), f"$ {command.line}\n{done.stdout}"
        if command.expected:
            assert agrees(command.expected, done.stdout), (
                f"$ {command.line}\n{done.stdout}\n-- the page has:\n{command.expected}"
            )
        return None

    def start(self, line: str, until: str) -> None:
        """Leave a command running, and go on once it has printed `until`."""
        output = self.home / f"output-{len(self.running)}"
        with output.open("w") as file:
            process = subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=self.here, env=self.environment,
                                       stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                       start_new_session=True)  # fmt: skip
        self.running.append(process)
        deadline = time.monotonic() + READY_WITHIN
        while until not in output.read_text():
            assert process.poll() is None, f"$ {line} &\nended with {process.returncode}:\n{output.read_text()}"
            assert time.monotonic() < deadline, f"$ {line} &\nhas not printed {until!r}:\n{output.read_text()}"
            time.sleep(0.05)

    def leave(self) -> None:
        """End what is still running: first politely."""
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


@pytest.fixture
def reader(tmp_path):
    somebody = Reader(tmp_path)
    yield somebody
    somebody.leave()


def follow(reader: Reader, page: str) -> None:
    for block in blocks(page):
        reader.follow(block)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page.read_text())], ids=lambda page: page.name)
def test_the_page_does_what_it_says(page, reader):
    follow(reader, page.read_text())


# ------------------------------------------------------------------------------------------- the mechanism itself

FENCE = "```"


def test_output_that_differs_fails(reader):
    with pytest.raises(AssertionError, match="the page has"):
        follow(reader, f"<!-- test -->\n{FENCE}console\n$ echo one\ntwo\n{FENCE}\n")


def test_a_command_that_fails_fails(reader):
    with pytest.raises(AssertionError, match="false"):
        follow(reader, f"<!-- test -->\n{FENCE}console\n$ false\n{FENCE}\n")


def test_unmarked_blocks_are_left_alone(reader):
    follow(reader, f"{FENCE}console\n$ false\n{FENCE}\n")


def test_a_command_in_the_background_is_awaited_and_ended(reader):
    page = f"<!-- test: until=ready -->\n{FENCE}console\n$ sh -c 'sleep 0.2; echo ready; exec sleep 600' &\n{FENCE}\n"
    follow(reader, page)
    [process] = reader.running
    assert process.poll() is None
    reader.leave()
    assert process.poll() is not None


def test_a_server_that_ends_early_is_named(reader):
    with pytest.raises(AssertionError, match="ended with 1"):
        follow(reader, f"<!-- test: until=ready -->\n{FENCE}console\n$ false &\n{FENCE}\n")
