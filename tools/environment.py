"""The checkout's own `.venv`: made from the lock with hashes, and known by a stamp to be current.

A thing of its own because both commands of the Makefile begin here, and because it must run before anything
is installed: the standard library only. With a current stamp it costs two file reads.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)
QUIETLY = ("install", "--quiet", "--disable-pip-version-check")
CANDIDATES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3", "python")


class CannotPrepare(Exception):
    """The environment cannot be made; the text says what is missing and what to do."""


def tool(name: str) -> Path:
    """Where a program of the environment lies."""
    return VENV / "bin" / name


def prepare(lock: str) -> bool:
    """Make `.venv` hold what `requirements/<lock>.txt` says, and the project; True when there was work."""
    if _is_current(lock):
        return False
    with _alone():
        if _is_current(lock):  # somebody else has made it while we waited
            return False
        _make_venv()
        _install(lock)
        (VENV / f"stamp-{lock}").write_text(_stamp(lock))
    return True


def _is_current(lock: str) -> bool:
    """Whether this lock is installed, or the one for development, which holds everything."""
    return any(_stored(name) == _stamp(name) for name in {lock, "dev"})


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One at a time: two commands of a fresh checkout may be called at once."""
    handle = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _stored(lock: str) -> str | None:
    stamp = VENV / f"stamp-{lock}"
    return stamp.read_text() if stamp.exists() and tool("python").exists() else None


def _stamp(lock: str) -> str:
    """What the environment depends on: the lock, the project file, and where the checkout lies (shebangs)."""
    digest = hashlib.sha256(str(ROOT).encode())
    for file in (ROOT / "requirements" / f"{lock}.txt", ROOT / "pyproject.toml"):
        digest.update(file.read_bytes())
    return digest.hexdigest()


# ------------------------------------------------------------------------------------- the interpreter


def _make_venv() -> None:
    here = VENV / "checkout"
    if _fits(tool("python")) and here.exists() and here.read_text() == str(ROOT):
        return
    python = find_python()
    uv = shutil.which("uv")
    if uv is not None:
        _run(uv, "venv", "--quiet", "--clear", "--python", python, VENV)
    else:
        _venv_by_python(python)
    here.write_text(str(ROOT))


def _venv_by_python(python: str) -> None:
    try:
        _run(python, "-m", "venv", "--clear", VENV)
    except CannotPrepare as error:
        raise CannotPrepare(
            f"{error}\n{python} cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv"
        ) from None


def find_python() -> str:
    """A Python that is new enough: the one that runs this, else the first of the usual names on PATH."""
    if sys.version_info >= OLDEST:
        # Not sys.executable: that may be the one in .venv, which is about to be cleared.
        return str(getattr(sys, "_base_executable", sys.executable))
    for name in CANDIDATES:
        found = shutil.which(name)
        if found is not None and _fits(Path(found)):
            return found
    here = ".".join(map(str, sys.version_info[:3]))
    raise CannotPrepare(
        f"eventflow needs Python {OLDEST[0]}.{OLDEST[1]} or newer; {sys.executable} is {here}, and none of"
        f" {', '.join(CANDIDATES)} on PATH is new enough. Install one, or name it:"
        " make PYTHON=/path/to/python3.12 test"
    )


def _fits(python: Path) -> bool:
    """Whether it is there, runs (a pyenv shim may not) and is new enough."""
    if not python.exists():
        return False
    check = f"import sys, venv; sys.exit(sys.version_info < {OLDEST})"
    return subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0


# ------------------------------------------------------------------------------------- the packages


def _install(lock: str) -> None:
    """By uv where it can be had, since it is ten times faster; else, and where uv fails, by pip."""
    uv = _uv()
    if uv is None:
        _install_by((tool("python"), "-m", "pip", *QUIETLY), lock)
        return
    try:
        _install_by((uv, "pip", "install", "--quiet", "--python", tool("python")), lock)
    except CannotPrepare:
        if not tool("pip").exists():
            raise
        _install_by((tool("python"), "-m", "pip", *QUIETLY), lock)


def _install_by(installer: tuple[str | Path, ...], lock: str) -> None:
    _run(*installer, "--require-hashes", "-r", ROOT / "requirements" / f"{lock}.txt")
    _run(*installer, "--no-deps", "--no-build-isolation", "-e", ROOT)


def _uv() -> str | Path | None:
    if tool("uv").exists():
        return tool("uv")
    found = shutil.which("uv")
    if found is not None:
        return found
    try:
        _pip_install_uv()
    except CannotPrepare:
        return None
    return tool("uv")


def _pip_install_uv() -> None:
    """Uv itself, at the locked version with the locked hashes, into `.venv`."""
    lines = (ROOT / "requirements" / "dev.txt").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("uv=="))
    end = next(number for number in range(start, len(lines)) if not lines[number].endswith("\\"))
    only_uv = VENV / "uv.txt"
    only_uv.write_text("\n".join(lines[start : end + 1]) + "\n")
    _run(tool("python"), "-m", "pip", *QUIETLY, "--require-hashes", "--no-deps", "-r", only_uv)


def _run(*command: str | Path) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    # The system's certificates, as pip and git use them: a company's registry may be signed by its own.
    variables = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true", **clean}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise CannotPrepare(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{said}")
