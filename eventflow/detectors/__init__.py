"""The shelf of detector types: one file each, its name is the type. Strangers to each other."""
