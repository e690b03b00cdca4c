"""Turns an expression into a predicate and many triggers into an index."""
