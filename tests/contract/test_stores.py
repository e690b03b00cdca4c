"""Every store against the one contract."""

from eventflow.stores.sqlite import SqliteStore
from eventflow.testing.store import StoreContract


class TestSqliteStore(StoreContract):
    def make_store(self, place):
        return SqliteStore(place / "store.db")

    async def crash(self, store):
        """As `kill -9` leaves it: nothing is finished, nothing copied out of the log, the lock is the system's."""
        store._database.abandon()
        store._hold.release()
