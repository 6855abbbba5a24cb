# Every command of the project; CI and people run the same ones.
# `make` alone lists them. They need make, python3 (3.11 or newer) and, on the
# first run, the network; what else is missing is installed (as root) or named.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS   += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := help

PYTHON  ?= python3
WORKERS ?= 0
PYTEST_ARGS ?=
INPUTS  ?= 1000000
FAULTS  ?= 100
MINUTES ?= 60
SEED    ?=

VENV   := .venv
PY     := $(VENV)/bin/python
LOCKED := $(VENV)/.locked
STAMP  := $(VENV)/.installed
ENV    := .local/env
PACKAGES := schemas topics register workers ops bench tests
LOCK_FLAGS := --quiet --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
              --no-emit-trusted-host --strip-extras --allow-unsafe

.PHONY: help venv up workers down clean status demo test lint fmt types pytest prepare \
        properties faults soak bench bench-smoke guard fuzz docs lock

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP) ## the virtual environment in .venv, exactly as locked

# The environment is made anew only when the lock changed, and the project is
# installed into it again only when its metadata changed. The editable install is
# a plain path entry (compat), so that new packages need no second install.
$(LOCKED): requirements-dev.lock
	@echo "venv: creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "venv: $(PYTHON) is older than 3.11; run: make venv PYTHON=python3.11" >&2; exit 1; }
	@if ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "venv: installing Debian's python3-venv"; \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3-venv; \
	  else \
	    echo "venv: $(PYTHON) has no venv module; run: sudo apt-get install -y python3-venv" >&2; exit 1; \
	  fi; \
	fi
	@$(PYTHON) -m venv --clear $(VENV)
	@echo "venv: installing requirements-dev.lock (hashes checked, about 20 s)"
	@$(PY) -m pip install --disable-pip-version-check --no-input --quiet \
	  --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@

$(STAMP): $(LOCKED) pyproject.toml
	@echo "venv: installing the project itself (editable)"
	@$(PY) -m pip install --disable-pip-version-check --no-input --quiet \
	  --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
	@touch $@

up: venv ## start Kafka and PostgreSQL, make topics and tables; WORKERS=1 starts the workers too
	@$(PY) -m ops.stack up $(if $(filter-out 0,$(WORKERS)),--workers)

workers: venv ## run the workers in the foreground (needs `make up`)
	@test -f $(ENV) || { echo "workers: there is no $(ENV); run: make up" >&2; exit 1; }
	@echo "workers: starting with $(ENV); Ctrl-C stops them"
	@set -a; . ./$(ENV); set +a; exec $(PY) -m workers

down: venv ## stop everything that `make up` started; the data stays
	@$(PY) -m ops.stack down

clean: venv ## stop everything and remove the data
	@$(PY) -m ops.stack clean

status: venv ## what is running, and where
	@$(PY) -m ops.stack status

demo: venv ## the register from start to end, in one go
	@$(PY) -m ops.demo

test: lint types prepare pytest ## everything CI checks: lint, types, all tests
	@$(MAKE) guard

lint: venv ## ruff: rules and format
	@echo "lint: ruff check"
	@$(VENV)/bin/ruff check .
	@echo "lint: ruff format --check"
	@$(VENV)/bin/ruff format --check .

types: venv ## mypy --strict over code and tests
	@echo "types: mypy"
	@$(VENV)/bin/mypy

prepare: venv ## fetch what tests and stack run on (Java, Kafka's jars, PostgreSQL, node)
	@$(PY) -m ops.stack prepare
	@bash ops/bootstrap/node.sh

# Two files at a time: most tests wait for servers, and each process starts its own.
pytest: venv ## the tests alone; PYTEST_ARGS='-k name' picks some
	@echo "pytest: tests/ $(PYTEST_ARGS)"
	@$(VENV)/bin/pytest -n 2 --dist loadfile $(PYTEST_ARGS)

properties: venv ## the rules against a second, naive model, for an hour or two
	@HYPOTHESIS_PROFILE=long $(VENV)/bin/pytest -n 2 --timeout 0 tests/properties

faults: venv ## break a whole register again and again (20 min); FAULTS=100 SEED=1 repeats a run
	@$(PY) -m tests.faults.harness --faults $(FAULTS) $(if $(SEED),--seed $(SEED))

fmt: venv ## format the code and fix what ruff can
	@echo "fmt: ruff format, ruff check --fix"
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

soak: venv ## an hour of load: what grows that should not? MINUTES=5 tries it
	@$(PY) -m bench.soak --minutes $(MINUTES)

bench: venv ## everything against its ceilings and against peers (45 min); QUICK=1, FULL=1, ONLY=rates
	@$(PY) -m bench $(if $(QUICK),--quick) $(if $(FULL),--full) $(addprefix --only ,$(ONLY))

guard: venv ## fail if the service became much slower against its yardsticks (a minute)
	@echo "guard: a short benchmark against bench/floor.toml"
	@$(PY) -m bench.guard

bench-smoke: venv ## a short benchmark that proves the yardsticks run
	@$(PY) -m bench.smoke

fuzz: venv ## spoilt events through decoding, rules and store (20 min); INPUTS=9999 SEED=1 repeats a run
	@$(PY) -m tests.fuzz --inputs $(INPUTS) $(if $(SEED),--seed $(SEED))

docs: venv ## generate schemas, AsyncAPI, notices, decision table, traceability
	@$(PY) -m schemas.docs
	@$(PY) -m ops.notice
	@$(PY) -m ops.traceability

lock: ## resolve requirements*.in anew into the hashed locks
	@echo "lock: making .local/pip-tools"
	@$(PYTHON) -m venv .local/pip-tools
	@.local/pip-tools/bin/python -m pip install --disable-pip-version-check --quiet pip-tools
	@echo "lock: requirements.lock"
	@.local/pip-tools/bin/pip-compile $(LOCK_FLAGS) --upgrade -o requirements.lock requirements.in
	@echo "lock: requirements-dev.lock"
	@.local/pip-tools/bin/pip-compile $(LOCK_FLAGS) --upgrade -o requirements-dev.lock requirements-dev.in
	@for peer in bench/peers/*/requirements.in; do \
	  echo "lock: $${peer%.in}.lock"; \
	  (cd "$$(dirname "$$peer")" && "$(CURDIR)/.local/pip-tools/bin/pip-compile" $(LOCK_FLAGS) \
	    --upgrade -o requirements.lock requirements.in); \
	done
