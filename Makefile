# Each target works alone in a fresh clone: the virtual environment is made on first need.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help study test test-slow test-ray check ui install clean

help:  ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 18

study: install  ## the README's study: two minutes on two cores
	$(BIN)/python -m studies.bn_placement

# Bytecode is kept: most of a test in a process of its own is imports.
test test-slow test-ray: export PYTHONDONTWRITEBYTECODE :=
test test-slow test-ray: export OMP_NUM_THREADS := 1
test: install  ## the suite, but for what takes minutes
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "not slow"

test-slow: install  ## the tests that take minutes
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "slow and not ray"

test-ray: .venv/.ray  ## real Ray clusters on this machine
	timeout 480 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m ray

check: install  ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

ui: install  ## MLflow's pages on runs/
	$(BIN)/mlflow ui --backend-store-uri sqlite:///$(CURDIR)/runs/mlflow.db --host 127.0.0.1 --port 5000

install: .venv/.installed  ## the virtual environment
.venv/.installed: pyproject.toml constraints.txt
	@echo "installing into .venv: torch and its libraries, about 5 GB the first time"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

.venv/.ray: .venv/.installed
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[ray]'
	touch $@

clean:  ## remove .venv AND runs
	rm -rf .venv runs
