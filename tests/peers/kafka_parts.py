"""What a real Kafka is made of, found or brought: Java, its jars by Maven, OpenSSL for certificates.

Brought once and kept in a folder outside the checkout (`EVENTFLOW_TEST_CACHE`, else `~/.cache/eventflow-tests`), so
that a fresh clone starts a broker without a network. Where something can't be brought, `Missing` says what to install.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

VERSION = "4.4.0"
SCALA = "2.13"
JRE, MAVEN = "openjdk-17-jre-headless", "maven"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_{SCALA}</artifactId>
      <version>{VERSION}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.5</version></dependency>
  </dependencies></project>
"""


class Missing(Exception):
    """A part can't be had here; the message says which, why, and what a person can do."""


def cache() -> Path:
    """The folder that outlives a run."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(os.environ.get("EVENTFLOW_TEST_CACHE") or Path(base) / "eventflow-tests")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@contextmanager
def alone():
    """One process at a time brings parts; the others then find them there."""
    with (cache() / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def program(name: str, package: str) -> str:
    """The program's path; Debian's package is installed if it is not there and this may be done."""
    if found := shutil.which(name):
        return found
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Missing(f"{name} is not on the path; install it (Debian: apt-get install {package})")
    _install(package)
    if found := shutil.which(name):
        return found
    raise Missing(f"{name} is not on the path although {package} is installed")


def java() -> str:
    """A Java that runs the broker: `JAVA_HOME`'s, the path's, one unpacked before, or Debian's, brought now."""
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin/java").exists():
        return str(Path(home) / "bin/java")
    if found := shutil.which("java"):
        return found
    with alone():
        if unpacked := _unpacked():
            return unpacked
        if shutil.which("apt-get") is None:
            raise Missing("java is not on the path; install Java 17 or later, or set JAVA_HOME")
        if os.geteuid() == 0:
            return program("java", JRE)
        return unpack_java()


def unpack_java() -> str:
    """Debian's Java without being root: download the package, unpack it, mend the links that lead into /etc."""
    root = cache() / "java"
    with tempfile.TemporaryDirectory(dir=cache()) as made:
        _run("apt-get", "download", JRE, cwd=made, why=f"{JRE} can't be downloaded")
        _run("dpkg", "-x", str(next(Path(made).glob("*.deb"))), f"{made}/root", cwd=made, why="the package is broken")
        for link in [path for path in Path(made, "root").rglob("*") if path.is_symlink()]:
            if (target := link.readlink()).is_absolute():
                link.unlink()
                link.symlink_to(root / target.relative_to("/"))
        shutil.rmtree(root, ignore_errors=True)
        Path(made, "root").rename(root)
    if unpacked := _unpacked():
        return unpacked
    raise Missing(f"{JRE} was unpacked to {root}, but does not start")


def _unpacked() -> str | None:
    for found in sorted((cache() / "java").glob("usr/lib/jvm/*/bin/java")):
        if subprocess.run([found, "-version"], capture_output=True, check=False).returncode == 0:
            return str(found)
    return None


def jars() -> str:
    """The class path of a broker: sorted and absolute, as the archive of classes wants it the same each time."""
    folder = Path(os.environ.get("EVENTFLOW_TEST_KAFKA_JARS") or cache() / f"kafka-{VERSION}")
    if not folder.is_dir():
        with alone():
            if not folder.is_dir():
                _resolve(folder)
    return ":".join(sorted(str(path.resolve()) for path in folder.glob("*.jar")))


def _resolve(folder: Path) -> None:
    maven = program("mvn", MAVEN)
    with tempfile.TemporaryDirectory(dir=cache()) as made:
        Path(made, "pom.xml").write_text(POM)
        _run(maven, "-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=libs", "-DincludeScope=runtime",
             cwd=made, why="Maven can't bring Kafka's jars")  # fmt: skip
        Path(made, "libs").rename(folder)


def _install(package: str) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run("apt-get", "update", "-q", env=quiet, why="Debian's list of packages can't be read")
    _run("apt-get", "install", "-y", "-q", "--no-install-recommends", package, env=quiet,
         why=f"{package} can't be installed")  # fmt: skip


def _run(*command: str, why: str, **where) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600, **where)
    if done.returncode:
        raise Missing(f"{why}: {(done.stdout + done.stderr).strip()[-600:]}")
