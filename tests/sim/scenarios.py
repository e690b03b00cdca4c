"""All that is played, by name: one scenario per thing that has gone wrong in engines of this kind."""

import deciding
import executing

SCENARIOS = (*executing.SCENARIOS, *deciding.SCENARIOS)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
