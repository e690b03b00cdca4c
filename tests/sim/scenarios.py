"""All that is played, by name: one scenario per thing that has gone wrong in engines of this kind."""

import deciding
import executing
import judging

SCENARIOS = (*executing.SCENARIOS, *deciding.SCENARIOS, *judging.SCENARIOS)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
