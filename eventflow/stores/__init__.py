"""Where position, memory, runs and their journals are kept: one module or package per store."""
