# make demo   sets everything up and shows three lanes at http://127.0.0.1:8600
# make test   sets up what the tests need and runs them all
# make soak   a thousand random days; make scenarios: the whole library, long ones too
# make check  ruff, mypy --strict and the import contracts
# make chaos  1,000 kills of everything that carries records; nothing may be lost (20 minutes)
# make clean  removes what setup made
.PHONY: help setup prepare demo test check chaos clean soak scenarios

PYTHON ?= python3
EGATE := .venv/bin/egate
STAMP := .venv/.egate-setup
MODELS := ../shared/data/models
DEMO ?=

help:
	@sed -n 's/^# //p' Makefile

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml setup.sh
	@PYTHON=$(PYTHON) sh setup.sh
	@touch $@

# Models converted and checked, photographs fetched; a second run finds them there.
prepare: setup
	@$(EGATE) models prepare
	@if [ -d $(MODELS) ]; then $(EGATE) models add $(MODELS); fi
	@$(EGATE) sim photos

demo: prepare
	@$(EGATE) demo $(DEMO)

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

test: prepare
	@sh tests/packages.sh
	@$(MAKE) --no-print-directory check
	.venv/bin/python -m pytest $(TESTS)

chaos: setup
	$(EGATE) chaos --kills 1000 --records 100000 --json

# A random day that fails is named with the command that plays it again.
SEEDS ?= 1000
soak: setup
	@$(EGATE) sim soak --seeds $(SEEDS) --jobs 2

scenarios: setup
	@for file in $$(find sim/scenarios -name '*.toml' | sort); do \
		echo "$$file"; $(EGATE) sim run $$file > /dev/null || exit 1; done

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
