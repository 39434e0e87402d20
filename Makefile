# A machine with Python >= 3.11 and make is enough: `make demo` and `make test` install the rest.
PYTHON ?= python3
UV ?= uv
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DOCS := $(VENV)/.docs
BENCH := $(VENV)/.bench
FUZZ := .fuzz

# What is imported is compiled once, not by each of the processes that tests start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all test-slow fuzz docs lint format bench lock clean

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Install the library and its pinned dependencies into .venv

demo: install ## Train on the real digits, score them beside baselines, draw pictures into runs/
	$(BIN)/lowerbound fit digits --latent-dim 10 --out runs/digits --overwrite
	$(BIN)/lowerbound fit digits --latent-dim 2 --out runs/digits-2d --overwrite --no-baselines
	$(BIN)/lowerbound evaluate runs/digits digits
	@echo
	@echo "Walk through the latent space of runs/digits-2d at http://127.0.0.1:8000:"
	@echo "  $(BIN)/lowerbound serve runs/digits-2d"

test: install ## Run the tests that a change waits for, and the examples in docstrings: minutes
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test-all: install ## Run these and the other rows of tables and checks of seconds: all but the slow ones
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow"

test-slow: install ## Run the tests that take minutes each
	$(BIN)/python -m pytest -m slow --timeout 3600

fuzz: $(FUZZ)/.installed ## Fuzz every reader of files for SECONDS each (60); what is found is in fuzz/found/
	PYTHONPATH=src $(FUZZ)/bin/python fuzz/readers.py all

docs: $(DOCS) ## Run all examples of the documentation and build its site into site/
	$(BIN)/python -m pytest -n $(WORKERS) src
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: install ## Check style, format, types, that imports run one way, and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

format: install ## Put the code into the common format
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

bench: $(BENCH) ## Measure all workloads beside other libraries, an hour; writes docs/performance.*
	$(BIN)/python benchmarks/performance.py

lock: ## Pin the dependencies anew in requirements.lock, -serve.lock and -docs.lock (needs uv)
	$(UV) pip compile pyproject.toml --extra dev --universal --python-version 3.11 --fork-strategy fewest --upgrade --quiet \
		--generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements.lock
	$(UV) pip compile pyproject.toml --extra serve -c requirements.lock --universal --python-version 3.11 --upgrade --quiet \
		--generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements-serve.lock
	sed -n 's/^docs = \[\(.*\)\]/\1/p' pyproject.toml | tr -d '" ' | tr , '\n' | \
		$(UV) pip compile - -c requirements.lock --universal --python-version 3.11 --upgrade --quiet \
		--generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements-docs.lock

clean: ## Remove caches and build outputs; runs/ and .venv stay
	rm -rf build dist site .coverage .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): requirements.lock pyproject.toml | $(BIN)/pip
	@echo "Installing lowerbound into $(VENV) (the first time takes a minute or two) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(DOCS): requirements-docs.lock $(INSTALLED)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-docs.lock
	@touch $@

$(BENCH): pyproject.toml $(INSTALLED)
	@echo "Installing the libraries to compare with (PyTorch is large; a CPU build of it does) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check '.[bench]'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# An environment of its own: atheris comes for some versions of Python only.
$(FUZZ)/.installed: requirements.lock $(INSTALLED)
	@$(BIN)/python -m venv $(FUZZ)
	@$(FUZZ)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(FUZZ)/bin/python -m pip install -qq --disable-pip-version-check atheris
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "lowerbound needs Python 3.11 or later, but PYTHON=$(PYTHON) is $$($(PYTHON) --version 2>&1):" \
			"name a later one, as in 'make install PYTHON=python3.12'." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
