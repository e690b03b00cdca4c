"""What the Makefile's targets do: `python3 tools/dev.py VERB [ARGS]`. The standard library only.

A program of its own, and not shell lines in the Makefile, because it must say what is missing, tell each
phase and its time, run every phase even when one fails, and behave the same wherever `make` runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import environment
from environment import ROOT, VENV, tool

TESTS = ("-n", "auto", "--maxprocesses", "8", "--dist", "loadgroup")
CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache")
LEFT_BY_TOOLS = (".venv", "site", "dist", "build", *CACHES)


class Phases:
    """Runs phases one after the other, says each and its time, and remembers which failed."""

    def __init__(self, title: str) -> None:
        self.title, self.began, self.count = title, time.monotonic(), 0
        self.failed: list[str] = []

    def run(self, name: str, *command: object, show: bool = False) -> None:
        """Run one phase; its output is shown as it comes (`show`), or only when it fails."""
        self.count += 1
        began = time.monotonic()
        print(f"── {name} …" if show else f"── {name:<16}", end="\n" if show else "", flush=True)
        output = None if show else subprocess.PIPE
        done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False, text=True,
                              stdout=output, stderr=None if show else subprocess.STDOUT)  # fmt: skip
        verdict = f"failed ({done.returncode})" if done.returncode else "ok"
        print(f"{'── ' + name + ' ' if show else ''}{verdict}, {time.monotonic() - began:.1f} s", flush=True)
        if done.returncode:
            self.failed.append(name)
            print(done.stdout or "", flush=True)

    def close(self) -> int:
        """Print the closing line; the exit code."""
        took = time.monotonic() - self.began
        if self.failed:
            print(f"{self.title}: {len(self.failed)} of {self.count} phases failed after {took:.0f} s: "
                  f"{', '.join(self.failed)}")  # fmt: skip
            return 1
        print(f"{self.title}: all {self.count} phases passed in {took:.0f} s")
        return 0


def prepare(lock: str) -> None:
    """Make the environment and say so."""
    began = time.monotonic()
    if not (VENV / f"stamp-{lock}").exists():
        print(f"── making .venv from requirements/{lock}.txt …", flush=True)
    worked = environment.prepare(lock)
    state = "made" if worked else "is current"
    print(f"── environment {state}, {time.monotonic() - began:.1f} s", flush=True)


def lint_phases(phases: Phases) -> None:
    """What can be said without running the code."""
    phases.run("ruff check", tool("ruff"), "check", "--quiet")
    phases.run("ruff format", tool("ruff"), "format", "--check", "--quiet")
    phases.run("mypy", tool("mypy"))
    phases.run("lint-imports", tool("lint-imports"), "--no-logo")


def docs_phase(phases: Phases) -> None:
    """The documentation, strictly."""
    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # an advertisement, not a warning
    phases.run("docs", tool("python"), "-W", "ignore", "-m", "mkdocs", "build", "--strict", "--quiet")


def test(arguments: list[str]) -> int:
    """Everything that must hold before a change lands."""
    prepare("dev")
    phases = Phases("make test")
    lint_phases(phases)
    docs_phase(phases)
    phases.run("pytest", tool("python"), "-m", "pytest", *TESTS, "-m", "not long", *arguments, show=True)
    return phases.close()


def test_long(arguments: list[str]) -> int:
    """The rounds that take more than five minutes."""
    prepare("dev")
    phases = Phases("make test-long")
    phases.run("pytest", tool("python"), "-m", "pytest", *TESTS, "-m", "long", *arguments, show=True)
    return phases.close()


def lint(_: list[str]) -> int:
    """The checks that run no code."""
    prepare("dev")
    phases = Phases("make lint")
    lint_phases(phases)
    return phases.close()


def docs(_: list[str]) -> int:
    """Build the documentation into site/."""
    prepare("dev")
    phases = Phases("make docs")
    docs_phase(phases)
    return phases.close()


def demo(arguments: list[str]) -> int:
    """The demonstration; needs what users need, nothing of the workshop."""
    prepare("runtime")
    return _become(tool("eventflow"), "demo", *arguments)


def bench(arguments: list[str]) -> int:
    """The table of figures, limits measured in the same run."""
    prepare("dev")
    return _become(tool("python"), "-m", "bench", *arguments)


def sizes(_: list[str]) -> int:
    """Medians and the largest files and functions."""
    return _become(environment.find_python(), ROOT / "tools" / "sizes.py")


def lock(arguments: list[str]) -> int:
    """Resolve anew what pyproject.toml asks for, and write it down with hashes and without addresses.

    Locked versions are kept where they still fit; `make lock ARGS=--upgrade` takes the newest.
    """
    prepare("dev")
    resolve = (
        *(
            tool("uv"),
            "pip",
            "compile",
            "pyproject.toml",
            "--all-extras",
            "--universal",
            "--python-version",
            "3.11",
        ),
        *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--quiet"),
        *("--custom-compile-command", "make lock", *arguments),
    )
    runtime, dev = "requirements/runtime.txt", "requirements/dev.txt"
    phases = Phases("make lock")
    phases.run("runtime.txt", *resolve, "--group", "build", "-o", runtime)
    phases.run("dev.txt", *resolve, "--group", "dev", "-c", runtime, "-o", dev)
    return phases.close()


def clean(_: list[str]) -> int:
    """Remove what tools left in the checkout, the environment included."""
    for name in LEFT_BY_TOOLS:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for cache in [*ROOT.glob("*/**/__pycache__")]:
        shutil.rmtree(cache, ignore_errors=True)
    return 0


def _become(*command: object) -> int:
    """Be replaced by another program, so that signals and the terminal are its own."""
    sys.stdout.flush()
    os.chdir(ROOT)
    words = [str(part) for part in command]
    os.execv(words[0], words)


VERBS = {
    "test": test,
    "test-long": test_long,
    "lint": lint,
    "docs": docs,
    "demo": demo,
    "bench": bench,
    "sizes": sizes,
    "lock": lock,
    "clean": clean,
}


def main() -> int:
    """Do what the first argument names."""
    verb, *arguments = sys.argv[1:] or ["help"]
    if verb not in VERBS:
        print(f"unknown verb {verb!r}; one of: {', '.join(VERBS)}", file=sys.stderr)
        return 2
    try:
        return VERBS[verb](arguments)
    except environment.CannotPrepare as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
