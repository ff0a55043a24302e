# Each target works alone in a fresh clone: the virtual environment is made on first need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: study test test-slow test-ray check ui install clean
study: install
	$(BIN)/python -m studies.bn_placement

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "not slow"

test-slow: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "slow and not ray"

test-ray: install
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[ray]'
	OMP_NUM_THREADS=1 timeout 480 $(BIN)/python -m pytest -m ray

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

ui: install
	$(BIN)/mlflow ui --backend-store-uri sqlite:///$(CURDIR)/runs/mlflow.db --host 127.0.0.1 --port 5000

install: .venv/.installed
.venv/.installed: pyproject.toml constraints.txt
	@echo "installing into .venv: torch and its libraries, about 5 GB the first time"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv runs
