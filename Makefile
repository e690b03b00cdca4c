# Two commands matter: `make demo` shows it, `make test` proves it. Both need git, python3, make and a package
# registry, and put everything they install into .venv here. ARGS goes on: make test ARGS="-k route".

PYTHON ?= python3
VERBS := demo test test-long bench lint docs lock sizes clean

.PHONY: help $(VERBS)

help:
	@echo "make demo        events streamed through real workflows, live (ARGS go to eventflow demo)"
	@echo "make test        everything that must hold: ruff, mypy, import rules, docs, tests"
	@echo "make test-long   the rounds above five minutes"
	@echo "make bench       the table of figures"
	@echo "make lint        the checks that run no code     make docs   the documentation, into site/"
	@echo "make lock        resolve the dependencies anew   make sizes  how large files and functions are"
	@echo "make clean       remove .venv and what tools left"

$(VERBS):
	@$(PYTHON) tools/dev.py $@ $(ARGS)
