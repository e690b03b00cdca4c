"""What all tests share: a skip is a failure where nobody watches, and one profile for hypothesis."""

import os

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.peers.kafka_fixtures"]

SKIPS_FORBIDDEN = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

# No deadline: how fast this machine is today is nothing a property promises. In CI the examples are the same each
# time, so that a red run means the change and not the dice.
settings.register_profile(
    "eventflow",
    deadline=None,
    derandomize=SKIPS_FORBIDDEN,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("eventflow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn a skipped test into a failed one in CI, unless it is marked `optional`."""
    report = yield
    expected = hasattr(report, "wasxfail") or item.get_closest_marker("optional") is not None
    if SKIPS_FORBIDDEN and report.skipped and not expected:
        report.outcome = "failed"
        report.longrepr = f"skipped, and skips are forbidden here: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """The same for a whole file that skips itself."""
    report = yield
    if SKIPS_FORBIDDEN and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, and skips are forbidden here: {_reason(report.longrepr)}"
    return report


def _reason(longrepr) -> str:
    return longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
