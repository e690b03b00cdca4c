"""Takes runs under lease, asks `advance` what is next, does it, writes it down."""
