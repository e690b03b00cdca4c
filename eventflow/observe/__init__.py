"""Owns the name of every metric, span and log event, so that they are documented and tested."""
