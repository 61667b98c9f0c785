# Everything a developer or a fresh machine needs. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
# Compiled once and kept, whatever the shell says: a fifth of `make check` was spent on compiling the same files anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready-$(shell uname -s)-$(shell uname -m)
# Another Python: make setup PYTHON=/opt/python3.12/bin/python3
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=
TESTS ?= tests
# Test files at once. Most of a flow test is waiting, so more than there are cores.
JOBS ?= 4
# What must name everything there is, wherever it stands.
COMPLETE := tests/test_architecture.py tests/contract/sandbox/test_points.py \
	tests/weather/test_switches.py::test_no_setting_of_a_simulator_is_forgotten_here \
	tests/mutants/test_mutants.py::test_each_has_its_place_in_the_code_as_it_is

.PHONY: help setup demo test large style units check audit bench chaos proof load kafka docs site screenshots lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make the environment in .venv from requirements.lock
	@:

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "coupled needs Python 3.11 or later and found none (Debian: apt install python3 python3-venv)." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment (Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "Setting up .venv with $$($(PYTHON) --version) ..."
	@test -x $(BIN)/python && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

demo: setup  ## both systems simulated, one full synchronisation, then live changes (ARGS=--once ends after the show)
	@$(BIN)/coupled demo $(ARGS)

test: setup  ## all tests; those on Apache Kafka if Maven and Java are there, those with other clients and of the documentation site if Node.js is, those in a browser if Chromium is, those of alerts and dashboards if Prometheus is (TESTS=tests/unit for some of them, JOBS=1 for one after the other)
	@$(BIN)/python deploy/kafka/run_kafka.py --fetch >/dev/null 2>&1 || true  # the closing lines of the tests say why
	@$(BIN)/python -m tests.support.strangers >/dev/null 2>&1 || true
	@$(BIN)/python -m tests.support.site --fetch >/dev/null 2>&1 || true
	@$(BIN)/python -m pytest $(TESTS) -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

large: setup  ## the tests that need minutes: a hundred thousand records in each table of a simulator
	@COUPLED_LARGE=1 $(BIN)/python -m pytest tests -m large $(ARGS)

style: setup  ## what can be told without running anything: style, types, layers
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: setup  ## what must hold before a commit, in under a minute: style and units, side by side
	@$(MAKE) -j2 --output-sync=target style units

units: setup  ## the unit tests, properties with a tenth of their examples
	@COUPLED_HASTE=10 $(BIN)/python -m pytest tests/unit $(COMPLETE) -q -n auto

audit: setup  ## are all locked packages still what was locked: hashes, versions that were withdrawn, known holes; asks the package registries only
	@$(BIN)/python -m tests.support.audit

bench: setup  ## measure on this machine
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: setup  ## kill the daemon 500 times, at named steps and at any moment, and check what is left (ARGS="--kills 40 --jobs 1", ARGS="--seed 7" replays a world)
	@$(BIN)/python -m tests.chaos $(ARGS)

proof: setup  ## the figures of docs/promises.md: 500 kills and 20,000 steps of the state machine, which takes hours (ARGS="--kills 40 --steps 2000")
	@$(BIN)/python -m tests.proof $(ARGS)

load: setup  ## twice what both systems take, for ten minutes: memory, lag, what is lost (ARGS="--minutes 3")
	@$(BIN)/python -m tests.load $(ARGS)

kafka: setup  ## Apache Kafka on 127.0.0.1:9092 from its own jars, until Ctrl-C (ARGS="--port 9093", ARGS="--nodes 3" for a cluster)
	@$(BIN)/python deploy/kafka/run_kafka.py $(ARGS)

docs: setup  ## write docs/reference/ from the code, the checklist of docs/differences.md from its tests, and the measured docs/api-cost.md
	@$(BIN)/python -m daemon.reference
	@$(BIN)/python -m tests.support.checklist
	@$(BIN)/python -m tests.support.api_cost

site: setup  ## the documentation as a site in build/site; every dead link is an error (ARGS=--serve shows it at http://127.0.0.1:8000 while you write)
	@$(BIN)/python -m tests.support.site $(ARGS)

screenshots: setup  ## take the pictures of docs/images anew, in Chromium: the tests of the administrator's day do, as they go
	@COUPLED_PICTURES=docs/images COUPLED_REQUIRE_CHROMIUM=1 $(BIN)/python -m pytest tests/browser/test_administrators_day.py -q $(ARGS)
	@$(BIN)/python -m tests.support.pictures

lock: setup  ## renew requirements.lock from pyproject.toml, and those of the clients of strangers, the audit and the site (ARGS=--upgrade for newer versions)
	@$(BIN)/uv pip compile --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --universal \
		--python-version 3.11 pyproject.toml -o requirements.lock --quiet $(ARGS)
	@cd tests/contract/strangers/python && $(CURDIR)/$(BIN)/uv --no-config pip compile --generate-hashes --no-emit-index-url \
		--no-emit-find-links --universal --python-version 3.11 requirements.in -o requirements.lock --quiet $(ARGS)
	@cd .ci && ../$(BIN)/uv --no-config pip compile --generate-hashes --no-emit-index-url --no-emit-find-links --universal \
		--python-version 3.11 audit.in -o audit.lock --quiet $(ARGS)
	@cd deploy/site && $(CURDIR)/$(BIN)/uv --no-config pip compile --generate-hashes --no-emit-index-url --no-emit-find-links --universal \
		--python-version 3.11 requirements.in -o requirements.lock --quiet $(ARGS)
	@for folder in tests/contract/strangers/node deploy/site; do \
		(cd $$folder && npm install --package-lock-only --no-audit --no-fund --loglevel=error) || exit 1; done

clean:  ## remove what can be made again, the environment included
	@rm -rf $(VENV) .coupled .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
