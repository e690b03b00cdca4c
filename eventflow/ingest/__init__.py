"""Lets the outside in, and acknowledges nothing before the bus has it for good."""
