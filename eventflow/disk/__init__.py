"""The embedded SQLite, kept once for all who need it: one writer, group commit, full disk, failed sync."""
