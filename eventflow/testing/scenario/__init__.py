"""Runs the `tests:` of workflow documents: the real router, executor and store on a clock that nobody waits for.

`clock` is the time, `stand_in` what actions are replaced by, `stage` the house of one test, `script` what is given,
`record` what came of it, `verdict` holds that against what is expected, `suite` goes through documents, `rehearsal` is
the dry run, `junit` the report for CI. `eventflow.testing.plugin` is the way for pytest.
"""
