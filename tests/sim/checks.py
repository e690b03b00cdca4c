"""What must be true when all faults are over: one function per promise, its docstring is the promise.

A check looks at the log, the store and what the outside saw, and gives a sentence for each broken promise. Those of
events, ledger and memory are in `checks_log`, those of runs and calls in `checks_runs`.
"""

import checks_log
import checks_runs

ALL = (*checks_log.ALL, *checks_runs.ALL)
