"""Takes runs under lease, asks `advance` what is next, does it, writes it down. The door is `executor.Executor`.

`advance` is the pure heart; `executor`, `hand` and `calls` are what moves it. This file imports neither, so that who
wants the heart alone (dry run, explain, tests) does not load the rest.
"""
