"""Benchmarks: what eventflow costs, as ratios to limits that run beside it."""
