"""The nouns: what things are. Frozen values without I/O; read in one sitting.

event → record (where it lies in the log) → outcome (what a trigger made of it) → commit (what a batch changes)
→ run and journal (what an execution did). `workflow` is the document; `control` are the engine's own records.
"""
