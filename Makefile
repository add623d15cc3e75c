# What people type. Each target sets up what it needs and is quick the second time.
SHELL := /bin/bash
VENV := .venv/bin
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help
BENCHMARKS := start_times step_cost netbox_ingest onboarding_rate lab_memory
.PHONY: help setup demo browser compose-reader dns-and-ntp machines test check proof bench up down clean lock wheel image test-debian13 test-machines test-containers

help:  ## Shows this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:
	@scripts/setup

browser: setup
	@scripts/browser

compose-reader:
	@scripts/compose-reader

dns-and-ntp:
	@scripts/dns-and-ntp

demo: setup  ## Starts everything and onboards a virtual rack while you watch
	@$(VENV)/edgewright demo

up: setup  ## Starts the control plane alone
	@$(VENV)/edgewright up

down: setup  ## Stops everything that demo, up or lab up started
	@$(VENV)/edgewright lab down
	@$(VENV)/edgewright down

machines: setup
	@scripts/machines

test: setup browser compose-reader dns-and-ntp machines  ## Runs the tests (a rotating sample of each matrix)
	@$(VENV)/pytest -m "not debian13 and not containers" $(PYTEST)

check: setup  ## Style, types, the dependency table, and that the wheel works alone
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/pyright
	@$(VENV)/lint-imports
	@scripts/check-wheel

proof: setup browser dns-and-ntp machines  ## Every cell of every matrix, the other systems, and the tables in docs/
	@EDGEWRIGHT_PROOF=1 $(VENV)/pytest $(PYTEST)

bench: setup  ## Every benchmark in its smallest form; FULL=1 measures and writes docs/benchmarks.md
	@failed=; for name in $(BENCHMARKS); do \
	  echo "== $$name"; $(VENV)/python -m benchmarks.$$name $(if $(FULL),--publish,--quick) || failed="$$failed $$name"; \
	done; [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

test-machines: machines  ## The lab's level `machines` alone, for real: needs root; `edgewright lab doctor` says what is missing
	@$(VENV)/pytest -m machines tests/lab/machines $(PYTEST)

test-debian13: setup  ## The same as an ordinary user on Debian 13 with its own Python
	@$(VENV)/pytest -m debian13

test-containers: setup compose-reader  ## Our image with the services, and the contracts against docker-compose.yml (needs an engine; a registry)
	@$(VENV)/pytest -m containers tests/containers $(PYTEST)

image: setup  ## Builds our container image with podman, on Debian packages
	@scripts/build-image

wheel: setup
	@$(VENV)/python -m build --wheel --outdir dist . >/dev/null

lock:  ## Pins the dependencies anew
	@scripts/lock

clean: ## Stops everything and removes what was built in this folder
	@[ ! -x $(VENV)/edgewright ] || $(VENV)/edgewright lab down || true
	@[ ! -x $(VENV)/edgewright ] || $(VENV)/edgewright down || true
	@rm -rf .venv dist build .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
