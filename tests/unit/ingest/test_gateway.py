"""What the gateway does for the whole process."""

import subprocess
import sys

import pytest

CYCLE = """
import resource
from eventflow.buses.memory import MemoryBus
from eventflow.ingest.gateway import Gateway

def faults():
    lines = [bytes(1000) for _ in range(1000)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        body = b"\\n".join(lines)
        b"".join(body.split(b"\\n"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

gateway = Gateway(MemoryBus())
faults()
print(faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc gives memory back so soon")
def test_the_memory_of_one_batch_serves_the_next():
    """A batch of 1 MB is split and joined: its pages are taken from the system once, not each time
    (24,000 then)."""
    done = subprocess.run([sys.executable, "-c", CYCLE], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100
