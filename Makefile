# On a fresh machine with Python 3.10 or 3.11, every target sets up what it needs by itself, in .venv.
#
#   make demo     train, export and deploy three robots in three processes; results in runs/demo
#   make test     all tests
#   make lint     style and the layers between the packages
#   make bench    measure; prints a table and writes bench.json
#   make peers    install what `make bench` can compare with, in .venv-peers (Python 3.11; 2 GB)
#   make setup    only set up
#   make clean    remove what make made, except runs/
#
# PYTHON=/path/to/python chooses the interpreter for .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint bench peers clean

# A thread that waits for its siblings sleeps instead of spinning: beside other work on the machine, spinning makes torch 40 times slower.
export OMP_WAIT_POLICY ?= PASSIVE

PYTHON ?= python3.11 python3.10 python3 python
BIN := .venv/bin
READY := .venv/ready

# A name may be found and not run (shims of version managers), or have no venv (a package of its own in some distributions).
suitable := import sys, ensurepip, venv; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11)))
find_python = $(or $(firstword $(shell for each in $$(type -ap $(PYTHON)); do "$$each" -c '$(suitable)' 2>/dev/null && echo "$$each"; done)), \
  $(error fieldswarm needs Python 3.10 or 3.11 with its venv module, and found none as: $(PYTHON). Install one, or name it: make PYTHON=/path/to/python))

help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

setup: $(READY)

# PIP_CONSTRAINT, not -c: it holds for the packages that pip builds with as well.
$(READY): pyproject.toml constraints.txt
	$(BIN)/python -c '$(suitable)' 2>/dev/null || $(find_python) -m venv --clear .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --disable-pip-version-check -e '.[train,sim,security,log,dev]'
	touch $@

demo: $(READY)
	$(BIN)/fieldswarm demo

# One thread a process: the tests start teams of processes, and the arrays are small.
test: export OMP_NUM_THREADS := 1
test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

bench: $(READY)
	$(BIN)/python -m tests.benchmarks

peers: .venv-peers/ready

.venv-peers/ready: tests/benchmarks/peers/requirements.txt
	.venv-peers/bin/python -c '$(suitable)' 2>/dev/null || $(find_python) -m venv --clear .venv-peers
	.venv-peers/bin/python -m pip install --disable-pip-version-check -r $<
	touch $@

clean:
	rm -rf .venv .venv-peers build dist bench.json .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './runs/*' -prune -exec rm -rf {} +
