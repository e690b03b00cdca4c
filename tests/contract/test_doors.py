"""The three public doors are frozen: a name that is gone or new is a decision, and is made here as well."""

import importlib
import subprocess
import sys

import pytest

DOORS = {
    "eventflow": ["Event", "Eventflow", "EventflowError", "__version__"],
    "eventflow.plugin": [
        "Action", "ActionContext", "ActionError", "Attempt", "Bus", "ComponentError", "Delivery", "Detector",
        "DetectorContext", "Draft", "Explanation", "Fit", "History", "Journal", "Ledger", "Overloaded", "Pull",
        "Refused", "Rows", "Scores", "SettingsError", "Source", "SourceContext", "StorageBusy", "StorageDamaged",
        "StorageError", "StorageFull", "StorageHeld", "StorageLost", "Store", "Subscription", "Survives",
    ],
    "eventflow.testing": [
        "ActionContract", "BusContract", "DetectorContract", "PullContract", "SourceContract", "StoreContract",
    ],
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_the_names_of_a_door(door):
    assert sorted(importlib.import_module(door).__all__) == DOORS[door]


@pytest.mark.parametrize(("door", "name"), [(door, name) for door, names in DOORS.items() for name in names])
def test_behind_each_name_there_is_something(door, name):
    assert getattr(importlib.import_module(door), name) is not None


@pytest.mark.parametrize("door", DOORS)
def test_another_name_is_an_attribute_error(door):
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = importlib.import_module(door).no_such_name


@pytest.mark.parametrize("door", DOORS)
def test_looking_at_a_door_loads_nothing_heavy(door):
    """In a process of its own: without the test tools, the web server and the database."""
    heavy = {"pytest", "hypothesis", "aiohttp", "apsw", "pydantic"}
    code = f"import sys, {door}; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
