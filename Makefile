# `make run` builds and serves; `make test` installs what the tests need and runs all of them.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BINARY := target/release/phoenix-server
VENV := .venv
WEB := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)

.PHONY: help run build web test test-rust test-web test-clients test-tools lint format documents bench clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

run: build ## Build the UI and the release binary, and serve on http://localhost:6006
	$(BINARY) serve

build: web ## Build the UI and the release binary
	cargo build --release --locked

web: web/dist/index.html ## Build the UI

web/node_modules/.package-lock.json: web/package-lock.json
	npm ci --prefix web --no-audit --no-fund
	@touch $@

web/dist/index.html: web/node_modules/.package-lock.json $(filter-out web/package-lock.json,$(WEB))
	npm run --prefix web build

test: test-tools web test-rust test-web test-clients ## Install what the tests need and run all tests

test-rust: web ## Rust tests, on SQLite and on a Postgres of their own
	tests/postgres.sh cargo test --locked

test-web: web/node_modules/.package-lock.json ## Unit tests of the UI
	npm test --prefix web

test-clients: web $(VENV)/installed tests/clients/node/node_modules/.package-lock.json ## Real clients and a real browser
	cargo build --locked
	PHOENIX_TEST_BINARY=$(CURDIR)/target/debug/phoenix-server $(VENV)/bin/pytest -q tests/clients
	tests/postgres.sh bash -c 'PHOENIX_TEST_DATABASE_URL=$$TEST_POSTGRES_URL \
	    PHOENIX_TEST_BINARY=$(CURDIR)/target/debug/phoenix-server $(VENV)/bin/pytest -q tests/clients'

test-tools: $(VENV)/installed tests/clients/node/node_modules/.package-lock.json ## Install Postgres, Chromium and the real clients
	tests/install.sh

$(VENV)/installed: tests/clients/requirements.txt
	tests/install.sh
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check -r $<
	@touch $@

tests/clients/node/node_modules/.package-lock.json: tests/clients/node/package-lock.json
	npm ci --prefix tests/clients/node --no-audit --no-fund
	@touch $@

lint: web/node_modules/.package-lock.json ## Formatting and lints of both languages
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	npm run --prefix web lint

format: ## Format the Rust code
	cargo fmt

documents: ## Write the documents that the binary prints, and the types made from them
	cargo build
	target/debug/phoenix-server schema openapi > web/src/api/openapi.json
	target/debug/phoenix-server schema graphql > web/src/api/schema.graphql
	target/debug/phoenix-server schema access > tests/it/access.txt
	target/debug/phoenix-server schema roles > docs/roles.md
	target/debug/phoenix-server schema env > .env.example
	npm run --prefix web generate

bench: build ## Measure this server and the peer side by side (BENCH_ARGS=--quick for a short run)
	tests/install.sh
	cargo bench --locked --bench peer -- $(BENCH_ARGS)

clean: ## Remove everything that was built or installed here
	cargo clean
	rm -rf $(VENV) web/dist web/node_modules tests/clients/node/node_modules
