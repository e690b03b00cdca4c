"""What is committed works anywhere: no place of one machine, no address of a registry, locks with hashes."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Put together from parts, so that this file does not find itself.
REGISTRIES = ["py" + "pi.org", "python" + "hosted", "npm" + "js.", "crates" + ".io", "proxy.golang" + ".org"]
PLACES = ["/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/", "/wo" + "rk/", "/tm" + "p/ef"]
RECORDED = ("samples", "fixtures", "recorded")  # folders of what others wrote; it is kept as it came


def committed() -> list[Path]:
    """Text files that git has, or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    files = [ROOT / name for name in listed.split("\0") if name]
    return [
        path for path in files if path.is_file() and not path.is_symlink() and b"\0" not in path.read_bytes()[:8000]
    ]


@pytest.mark.parametrize("word", [*REGISTRIES, *PLACES])
def test_nothing_names_one_machine_or_one_registry(word):
    ours = [path for path in committed() if not set(path.relative_to(ROOT).parts) & set(RECORDED)]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in ours
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if word in line
    ]
    assert found == []


def test_changelog_fragments_are_named_by_their_kind():
    fragments = [path.name for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md"]
    assert [
        name for name in fragments if not re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed|removed|security)\.md", name)
    ] == []


LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def locked(path: Path) -> dict[str, str]:
    """Each package of a lock with the text of its entry."""
    entries = re.split(r"^(?=[a-z0-9])", path.read_text(), flags=re.MULTILINE)
    return {entry.partition("==")[0]: entry for entry in entries[1:]}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_locks_carry_hashes_and_no_address(path):
    assert [name for name, entry in locked(path).items() if "--hash=sha256:" not in entry] == []
    assert "://" not in path.read_text()
    assert [line for line in path.read_text().splitlines() if line.startswith("-")] == []


def test_locks_are_as_new_as_the_project_file():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = [line for lines in project["project"]["optional-dependencies"].values() for line in lines]
    development = [line for line in project["dependency-groups"]["dev"] if isinstance(line, str)]
    runtime = [*project["project"]["dependencies"], *extras]
    for lock, wanted in (("runtime", runtime), ("dev", [*runtime, *development])):
        names = {re.match(r"[A-Za-z0-9._-]+", line)[0].lower().replace("_", "-") for line in wanted}
        missing = names - set(locked(ROOT / f"requirements/{lock}.txt")) - {"eventflow-router"}
        assert missing == set(), "run make lock"


def test_both_locks_agree():
    runtime, dev = (locked(ROOT / f"requirements/{name}.txt") for name in ("runtime", "dev"))
    version = re.compile(r"==(\S+)")
    differing = [name for name, entry in runtime.items() if version.search(entry)[1] != version.search(dev[name])[1]]
    assert differing == []
