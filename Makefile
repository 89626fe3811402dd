PYTHON ?= python3
ARGS ?=
LAUNCH = $(PYTHON) -m launcher
.DEFAULT_GOAL := help
.PHONY: help run test test-deep bench check engines clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## the whole platform on http://127.0.0.1:8000, in the foreground; Ctrl-C stops it
	@$(LAUNCH) run

test: ## the whole suite, in two sets at once on engines of their own; ARGS="ledger -k balance" for a part of it
	@$(LAUNCH) test $(ARGS)

test-deep: ## tens of thousands of random operations on contracts and pool against a plain model; about ten minutes
	@SOKE_DEEP=$${SOKE_DEEP:-450} $(LAUNCH) test contracts/tests/test_books.py -q $(ARGS)

bench: ## the benchmarks on engines of their own
	@$(LAUNCH) bench $(ARGS)

check: ## ruff, mypy and the layers of the rooms
	@$(LAUNCH) exec -- sh -ec 'ruff check . && ruff format --check -q . && mypy . && lint-imports'

engines: ## only PostgreSQL, Valkey and the development chain, in the foreground
	@$(LAUNCH) engines

clean: ## remove everything that was made here, the data in var/ included
	rm -rf .venv node_modules var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find locale -name '*.mo' -delete
