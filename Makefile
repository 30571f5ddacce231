# Everything runs from .venv, which the first command makes from Python and a package index.
# `make PYTHON=python3.12 …` chooses the interpreter that .venv is made with.

PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)
PROVIDER ?= openai
BIN := .venv/bin
PROJECTS := core/pyproject.toml $(wildcard plugins/*/pyproject.toml)

.DEFAULT_GOAL := help
.PHONY: help ready demo test test-all check format lock clean

help:
	@echo 'make demo      batches through the gateway over emulators, with curl and the official client (PROVIDER=openai, azure, vertex, all);'
	@echo '               LIVE=1 uses the real service and your key'
	@echo 'make test      the whole suite but the tests marked slow'
	@echo 'make test-all  the whole suite'
	@echo 'make check     lint, format, types, import contracts'
	@echo 'make format    format, and fix what the linter can'
	@echo 'make lock      resolve requirements/dev.txt again (UPGRADE=1: to the newest versions)'
	@echo 'make clean     remove .venv and everything generated'

ready:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Batchyard needs Python 3.11 or newer and $(PYTHON) is %d.%d: choose one with make PYTHON=python3.12 ..." % sys.version_info[:2])'
	@$(PYTHON) scripts/bootstrap.py

demo: ready
	@$(BIN)/python -m scripts.demo $(PROVIDER) $(if $(LIVE),--live)

# one process more than most machines that check have cores: some tests wait, for processes or for the disk
test: ready
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m 'not slow' --durations 10

test-all: ready
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 10

check: ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: ready
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: ready
	$(BIN)/uv pip compile $(PROJECTS) requirements/dev.in --all-extras --output-file requirements/dev.txt \
		--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-package batchyard --no-emit-package batchyard-otel \
		--custom-compile-command 'make lock' --quiet $(if $(UPGRADE),--upgrade)

clean:
	rm -rf .venv build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
