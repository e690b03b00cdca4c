"""A shelf: what remembers commits and journals. One store per file, strangers to each other."""
