"""`StoreContract`: every sentence of `eventflow.plugin.store` as a test, for every backend alike.

    class TestMyStore(StoreContract):
        def make_store(self, place): return MyStore(place / "store")

Needs pytest, pytest-asyncio in mode `auto`, and hypothesis. No test asks which backend it runs on.
"""
# ruff: noqa: D102 - a test's name is its sentence

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from eventflow.testing.store.admission import AdmissionTests
from eventflow.testing.store.deliveries import DeliveryTests
from eventflow.testing.store.history import HistoryTests
from eventflow.testing.store.house import House, StoreSuite
from eventflow.testing.store.journal import JournalTests
from eventflow.testing.store.ledger import LedgerTests
from eventflow.testing.store.machine import Admission

__all__ = ["House", "StoreContract", "StoreSuite"]


class StoreContract(LedgerTests, AdmissionTests, JournalTests, DeliveryTests, HistoryTests):
    """The whole contract. A backend brings `make_store`, and `crash` where it can die harder than by `close`."""

    walks = 60
    """How many random walks the state machine takes."""
    steps = 40
    """How long each of them is."""

    def test_admission_is_what_the_model_says(self) -> None:
        machine = type("Machine", (Admission,), {"suite": self})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=self.walks, stateful_step_count=self.steps, deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
