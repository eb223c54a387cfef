# Two commands for a newcomer: `make study` and `make test`. Each does its own set-up.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: study test test-fast lint docs bench bench-quick clean

study: .venv/.installed
	$(BIN)/fewlabels study digits

test: .venv/.installed-dev
	$(BIN)/pytest -n 2

test-fast: .venv/.installed-dev
	$(BIN)/pytest -n 2 -m "not slow"

lint: .venv/.installed-dev
	$(BIN)/ruff check src tests benchmarks examples docs/conf.py
	$(BIN)/ruff format --check src tests benchmarks examples docs/conf.py
	$(BIN)/mypy

docs: .venv/.installed-docs
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -q -W --keep-going -E -b html docs site

bench: .venv/.installed
	$(BIN)/python -m benchmarks

bench-quick: .venv/.installed
	$(BIN)/python -m benchmarks --quick

clean:
	rm -rf .venv site benchmarks/.rivals

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "fewlabels needs Python 3.11 or newer; name one with: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

.venv/.installed-docs: .venv/.installed
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	@touch $@
