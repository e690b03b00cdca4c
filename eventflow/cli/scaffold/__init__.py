"""What `eventflow init` writes: plain files, kept as files so that they are checked like any other document."""
