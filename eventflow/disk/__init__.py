"""The embedded SQLite, kept once for all who need it: one writer, group commit, full disk, failed sync."""

from eventflow.disk.database import Database
from eventflow.disk.group import GroupCommit
from eventflow.disk.hold import Hold
from eventflow.disk.migrations import Migration, read_migrations
from eventflow.disk.reserve import Reserve
from eventflow.disk.writer import Writer

__all__ = ["Database", "GroupCommit", "Hold", "Migration", "Reserve", "Writer", "read_migrations"]
