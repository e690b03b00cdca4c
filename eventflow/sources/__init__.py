"""A shelf: what turns the outside into events. One source per file, strangers to each other."""
