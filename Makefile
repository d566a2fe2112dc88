# make demo   sets everything up and shows three lanes at http://127.0.0.1:8600
# make test   sets up what the tests need and runs them all
.PHONY: help setup demo test check clean

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.egate-setup

help:
	@sed -n 's/^# //p' Makefile

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml setup.sh
	PYTHON=$(PYTHON) sh setup.sh
	@touch $@

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
