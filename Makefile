# Everything that is done to this project is a target here; `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# What is installed shows how far it is: the first time takes a minute or more, and a mute one looks as if it hung.
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --require-hashes --progress-bar on
# How many packages a lock holds.
COUNT = $$(grep -c '^[a-z].*==' $(1))
# Without isolation the backend comes from the lock, and nothing is fetched that is not in it.
INSTALL_CHECKOUT := $(PIP) install --no-deps --no-build-isolation --editable .
UV_VERSION := 0.13.9
# As many test processes as cores, up to four: more would mostly start up.
WORKERS := --numprocesses logical --maxprocesses 4 --dist worksteal

# Empty: the newest Python on the PATH that can make virtual environments.
PYTHON ?=

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

# --- Setting up: each stamp stands for what was installed from the files it depends on -----------------------------

$(BIN)/python:
	@tools/make-venv $(VENV) $(PYTHON)

$(VENV)/.run: pyproject.toml $(LOCKS)/run.txt $(wildcard src/plain_lines/*) | $(BIN)/python
	@echo "Installing what Dayfile runs on ($(LOCKS)/run.txt): $(call COUNT,$(LOCKS)/run.txt) packages, about 100 MB to" \
		"download the first time, one to three minutes."
	@$(INSTALL) -r $(LOCKS)/run.txt
	@$(INSTALL_CHECKOUT)
	@touch $@

$(VENV)/.dev: $(LOCKS)/dev.txt $(LOCKS)/cloud.txt $(LOCKS)/postgresql.txt $(LOCKS)/dask.txt $(LOCKS)/otel.txt \
		$(VENV)/.run
	@echo "Installing what it is tested and checked with ($(LOCKS)/dev.txt): $(call COUNT,$(LOCKS)/dev.txt) packages," \
		"about 140 MB to download the first time, one to three minutes."
	@$(INSTALL) -r $(LOCKS)/dev.txt -r $(LOCKS)/cloud.txt -r $(LOCKS)/postgresql.txt -r $(LOCKS)/dask.txt \
		-r $(LOCKS)/otel.txt
	@touch $@

# Twilio's own clients, as tests/compat/*/ lock them. Those from npm only where there is npm: their tests are skipped
# elsewhere, and say so.
CLIENTS := $(VENV)/clients
NODE_CLIENTS := $(if $(shell command -v npm),$(patsubst tests/compat/%/package.json,$(CLIENTS)/%/.installed,$(wildcard tests/compat/*/package.json)))
NPM := npm ci --ignore-scripts --no-audit --no-fund --loglevel error --fetch-retries 1 --fetch-retry-mintimeout 1000

$(CLIENTS)/python-%/.installed: tests/compat/python-%/requirements.txt | $(VENV)/.dev
	@echo "Installing Twilio's client python-$* ($<)"
	@rm -rf $(@D)
	@$(INSTALL) --no-deps --target $(@D) -r $<
	@touch $@

$(CLIENTS)/%/.installed: tests/compat/%/package.json tests/compat/%/package-lock.json
	@echo "Installing Twilio's client $* ($<)"
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@cd $(@D) && $(NPM) >/dev/null
	@touch $@

.PHONY: clients
clients: $(CLIENTS)/python-9.0.0/.installed $(NODE_CLIENTS) ## Install Twilio's own clients, which tests/compat runs

# A real object store, for the tests that need one; they are skipped where it is missing, and say so.
SWIFT := $(VENV)/servers/swift

$(SWIFT)/.installed: $(LOCKS)/swift.txt | $(VENV)/.dev
	@echo "Installing an object store to test with ($(LOCKS)/swift.txt)"
	@rm -rf $(@D)
	@$(INSTALL) --target $(@D) -r $<
	@touch $@

.PHONY: servers
servers: $(SWIFT)/.installed ## Install the object store that tests run against

# The checker of accessibility, for the tests of pages; they do without it where it is missing, and say so.
AXE := $(VENV)/axe

$(AXE)/.installed: tests/axe/package.json tests/axe/package-lock.json
	@echo "Installing the checker of accessibility (tests/axe)"
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@cd $(@D) && $(NPM) >/dev/null
	@touch $@

.PHONY: axe
axe: $(if $(shell command -v npm),$(AXE)/.installed) ## Install the checker of accessibility that tests of pages run

$(VENV)/.bench: $(LOCKS)/bench.txt $(VENV)/.run
	@echo "Installing what it is measured against ($(LOCKS)/bench.txt)"
	@$(INSTALL) -r $(LOCKS)/bench.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/.dev ## Make .venv with everything that running and developing need

# --- Using it ------------------------------------------------------------------------------------------------------

.PHONY: run
run: $(VENV)/.run ## Start a server with made-up records and show what to try
	@$(BIN)/dayfile demo

.PHONY: demo-cluster
demo-cluster: $(VENV)/.dev servers ## Run the demo on a cluster on this machine while its hosts are killed, and compare
	@$(BIN)/python -m tests.e2e.demo_cluster $(ARGS)

.PHONY: test
test: $(VENV)/.dev ## Run the tests, a few minutes on two cores; ARGS="-k sealing" passes options on
	@$(MAKE) --no-print-directory clients || echo "Not all clients could be installed: their tests are skipped." >&2
	@$(MAKE) --no-print-directory servers || echo "No object store could be installed: its tests are skipped." >&2
	@$(MAKE) --no-print-directory axe || echo "No checker of accessibility could be installed: its test is skipped." >&2
	@$(BIN)/python -m pytest $(WORKERS) -m "not slow" $(ARGS)

.PHONY: test-all
test-all: $(VENV)/.dev clients servers axe ## Run all tests, with those marked slow and many more cases of every property
	@HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest $(WORKERS) $(ARGS)

.PHONY: test-compat
test-compat: $(VENV)/.dev clients ## Run Twilio's own clients through everything that docs/compat.md has in its table
	@$(BIN)/python -m pytest $(WORKERS) tests/compat $(ARGS)

.PHONY: check
check: $(VENV)/.dev ## Check format, lint, types, layers and spelling
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell

.PHONY: fix
fix: $(VENV)/.dev ## Put format and lint right where that can be done without thinking
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

.PHONY: bench
bench: $(VENV)/.bench ## Measure what docs/performance.md claims, in less than ten minutes on two idle cores
	@for name in records intake job sealing; do echo "== bench/$$name.py"; $(BIN)/python "bench/$$name.py"; done

.PHONY: screenshots
screenshots: $(VENV)/.dev ## Take the pictures of the console in docs/images anew, with chromium
	@$(BIN)/python -m tests.e2e.screenshots

.PHONY: lock
lock: $(BIN)/python ## Compile requirements/ anew from pyproject.toml, with releases that are at least a week old
	@echo "Looking up the newest releases of everything: a minute or two."
	@$(PIP) install uv==$(UV_VERSION)
	@$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --group build -o $(LOCKS)/run.txt
	@$(BIN)/uv pip compile --quiet --upgrade --group dev -c $(LOCKS)/run.txt -o $(LOCKS)/dev.txt
	@$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --extra cloud -c $(LOCKS)/run.txt -o $(LOCKS)/cloud.txt
	@$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --extra postgresql -c $(LOCKS)/run.txt -o $(LOCKS)/postgresql.txt
	@$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --extra dask -c $(LOCKS)/run.txt -c $(LOCKS)/dev.txt -o $(LOCKS)/dask.txt
	@$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --extra otel -c $(LOCKS)/run.txt -c $(LOCKS)/dev.txt -o $(LOCKS)/otel.txt
	@$(BIN)/uv pip compile --quiet --upgrade --group swift -c $(LOCKS)/dev.txt -o $(LOCKS)/swift.txt
	@$(BIN)/uv pip compile --quiet --upgrade --group bench -c $(LOCKS)/run.txt -c $(LOCKS)/dev.txt -o $(LOCKS)/bench.txt

.PHONY: build
build: $(VENV)/.run ## Build the wheel into dist/
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

.PHONY: release
release: $(VENV)/.run ## Build wheel and source archive into dist/, look into them, and try the wheel in an empty environment
	@$(BIN)/python tools/release.py $(ARGS)

.PHONY: clean
clean: ## Remove what the other targets made: .venv, dist, caches; never data
	@rm -rf $(VENV) dist build src/dayfile/model/*.so .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis .import_linter_cache
	@find src tests -name __pycache__ -prune -exec rm -rf {} +
