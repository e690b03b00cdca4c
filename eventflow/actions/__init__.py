"""A shelf: what does one thing outside. One action per file, strangers to each other."""
