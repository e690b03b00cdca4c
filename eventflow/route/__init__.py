"""Reads batches, decides, commits: once per batch."""
