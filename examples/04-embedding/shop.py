"""A shop that tells its eventflow about orders, and waits until their runs are over."""
# ruff: noqa: ASYNC110, TID251 - somebody else's program, which may wait as it likes

import asyncio
from pathlib import Path

from eventflow import Event, Eventflow

HERE = Path(__file__).parent
ORDERS = [("order-1", "ann", 250), ("order-2", "bob", 12)]


async def main() -> None:
    settings = {"data_dir": str(HERE / "state"), "workflows": [str(HERE / "workflows")]}
    async with Eventflow(settings, doors=False) as flow:
        for number, customer, total in ORDERS:
            draft = flow.event("order.created", {"total": total}, source="shop", subject=customer)
            await flow.emit(Event(id=number, source="shop", type=draft.type, time=draft.time,
                                  subject=customer, data=draft.data))  # fmt: skip
            print(f"order {number} of {customer} over {total}: stored")
        while not await flow.store.runs(1, status=["succeeded"]):
            await asyncio.sleep(0.05)
        for run in await flow.store.runs(10, status=["succeeded"]):
            print(f"thanked {run.inputs['customer']}")


asyncio.run(main())
