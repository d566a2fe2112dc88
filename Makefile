# make demo   sets everything up and shows three lanes at http://127.0.0.1:8600
# make test   sets up what the tests need and runs them all
# make soak   a thousand random days; make scenarios: the whole library, long ones too
# make decisions  what every scenario decides, against what is on record for it
# make planted  a bug of each kind, and after how many random days the soak finds it
# make check  ruff, mypy --strict and the import contracts
# make chaos  10,000 power cuts, 1,000 kills of all that carries records (half an hour)
# make fuzz   fuzzes every parser of documents and readers until coverage stops growing
# make faults   every fault of the record's way, one by one, with what was lost and doubled
# make tampering  ten thousand random changes in each kind of centre database: all are found
# make mutants     breaks tables, guard, policy and what else lets a wrong one pass (minutes)
# make arrows  which room of a package imports which
# make safety-doc  makes docs/safety.md again from tables, guard and invariants
# make clean  removes what setup made
.PHONY: help setup prepare demo test check chaos faults fuzz soak scenarios decisions planted tampering mutants arrows \
	safety-doc clean

PYTHON ?= python3
EGATE := .venv/bin/egate
STAMP := .venv/.egate-setup
MODELS := ../shared/data/models
DEMO ?=

help:
	@sed -n 's/^# //p' Makefile

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml sim/pyproject.toml setup.sh
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
	@sh tests/run.sh $(TESTS)

chaos: setup
	$(EGATE) chaos --power-cuts 10000 --json
	$(EGATE) chaos --kills 1000 --records 100000 --json

fuzz: setup
	.venv/bin/python tests/fuzz/run.py $(FUZZ)

# A random day that fails is named with the command that plays it again.
SEEDS ?= 1000
soak: setup
	@$(EGATE) sim soak --seeds $(SEEDS) --jobs 2

scenarios: setup
	@$(EGATE) sim library $(SCENARIOS)

decisions: setup
	@.venv/bin/python tests/sim/day/decisions.py $(SCENARIOS)

# One bug of each kind, planted: after how many random days the soak finds it.
planted: setup
	@.venv/bin/python tests/sim/search/seeded.py $(KINDS)

mutants: setup
	@.venv/bin/python tests/mutation/mutate.py $(MUTANTS)

arrows: setup
	@.venv/bin/python tests/test_architecture.py

safety-doc: setup
	@$(EGATE) safety doc --write docs/safety.md

clean:
	rm -rf .venv build *.egg-info sim/*.egg-info sim/build .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz

faults: setup
	.venv/bin/pytest -q -rA tests/sync/gate/test_links.py tests/sync/test_mosquitto.py \
		tests/sync/test_record_end_to_end.py tests/sync/centre/test_stalled_collector.py \
		tests/sync/gate/test_set_back.py tests/sync/centre/test_centre.py \
		tests/sim/chaos/test_power_cuts.py tests/gate_agent/records/test_storage_faults.py

tampering: setup
	PYTHONPATH=tests/sync .venv/bin/python tests/sync/centre/tampering.py $(or $(CHANGES),10000)
