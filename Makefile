# `make help` lists the commands. Everything that they need, they install into .venv and .local.

PYTHON := $(shell for each in python3.13 python3 python; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$each" && break; done)
BIN := .venv/bin
# A file stays in one worker: some of its tests share a process or a folder. Their order stays as
# well: otherwise the files with the fewest tests come last, and some of those take the longest.
RUN_TESTS := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help run demo test conformance rules-table bench load api-docs check package checkov sdk deploy-local deploy packages destroy lock audit format clean setup setup-tests setup-peers setup-checkov setup-gateway setup-bench setup-node setup-supply need-python

help: ## What the commands do
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

run: setup ## Run Ciborium on this machine until Ctrl-C
	@exec $(BIN)/python -m infra.local.run

demo: setup setup-peers ## The same, with an OAuth2-protected MCP server to try it with
	@exec $(BIN)/python -m infra.local.run --demo

test: setup-tests ## Run all tests
	$(RUN_TESTS)

conformance: setup setup-node ## Run the official MCP conformance suite against a running Ciborium
	$(BIN)/python -m tests.conformance.run

rules-table: setup-tests ## Run the tests of the MCP rules and write docs/mcp-conformance.md
	$(BIN)/python -m tests.conformance.table

bench: setup setup-peers setup-gateway setup-bench ## Measure, and write docs/performance.md; ONLY=warm,growth for these alone
	$(BIN)/python -m tests.bench.run $(ONLY)

load: setup setup-peers ## Load the local run for five minutes (MINUTES=1) and see that it stays flat
	$(BIN)/python -m tests.bench.load

api-docs: setup ## Record the API's examples and write docs/api.md from the routes and wire types
	$(BIN)/python -m pytest -q tests/functional/test_api_examples.py --write-examples
	$(BIN)/python -m infra.api_reference

check: setup ## Format, lint, types, import directions, templates
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint infra/data.yaml

package: setup setup-supply ## Build what is deployed, into .build
	$(BIN)/python -m infra.package

lock: setup-supply ## Write requirements*.txt of requirements*.in; UPGRADE=… names what shall be newer
	@$(PYTHON) -m infra.lock

audit: package ## Build the package; its licences, and known vulnerabilities of what is in it
	@$(BIN)/python -m infra.audit

checkov: package setup-checkov ## Build the package and look for what is insecure in its template
	.local/venvs/checkov/bin/python -m checkov.main --config-file infra/checkov.yaml

sdk: setup ## Build the SDK's wheel, with the ciborium command, into dist
	$(BIN)/python -m infra.package_sdk

deploy-local: setup setup-supply ## Deploy the package to a local AWS and keep it running until Ctrl-C
	@exec $(BIN)/python -m infra.deploy_local

deploy: setup setup-supply ## Deploy STAGE=… to the AWS account whose credentials are here, after showing what would change
	@$(BIN)/python -m infra.deploy

packages: setup ## List the packages that were deployed to the AWS account, and can be again
	@$(BIN)/python -m infra.packages

destroy: setup ## Remove STAGE=… again; its data stays unless DATA=delete
	@$(BIN)/python -m infra.destroy

format: setup ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean: ## Remove what was installed and built; keeps .local/state
	rm -rf .venv .build dist .local/venvs .local/node .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

setup: need-python
	@$(PYTHON) infra/local/environments.py project aws

setup-tests: need-python
	@$(PYTHON) infra/local/environments.py project aws peers supply node

setup-peers: need-python
	@$(PYTHON) infra/local/environments.py peers

setup-checkov: need-python
	@$(PYTHON) infra/local/environments.py checkov

setup-gateway: need-python
	@$(PYTHON) infra/local/environments.py gateway

setup-supply: need-python
	@$(PYTHON) infra/local/environments.py supply

setup-bench: need-python
	@$(PYTHON) infra/local/environments.py bench

setup-node: need-python
	@$(PYTHON) infra/local/environments.py node

need-python:
	@test -n "$(PYTHON)" || { echo "Ciborium needs Python 3.11 or newer, and there is none on the PATH." >&2; exit 1; }
