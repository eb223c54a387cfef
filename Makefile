# Two commands for a newcomer: `make study` and `make test`. Each does its own set-up.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: study test lint bench bench-quick clean

study: .venv/.installed
	$(BIN)/fewlabels study digits

test: .venv/.installed-dev
	$(BIN)/pytest -n 2

lint: .venv/.installed-dev
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

bench: .venv/.installed
	$(BIN)/python -m benchmarks

bench-quick: .venv/.installed
	$(BIN)/python -m benchmarks --quick

clean:
	rm -rf .venv benchmarks/.rivals

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "fewlabels needs Python 3.11 or newer; name one with: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@
