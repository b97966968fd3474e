# `make help` lists the targets. Everything real lives in scripts/ and the tools' own configuration.
.DEFAULT_GOAL := help
VENV := .venv/bin

help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

check: ## what continuous integration runs
	scripts/test

quick: ## format, lint, types, import contracts and unit tests only
	scripts/test check unit

dev: ## control plane with hot reload of the dashboard and two agents on the fake runtime; needs no root
	scripts/dev

up: ## start Mooring on this machine
	scripts/up

down: ## stop what `scripts/up --detach` started
	scripts/down

format: ## rewrite the sources in house format
	$(VENV)/ruff format . && $(VENV)/ruff check --fix .

migrations: ## write missing database migrations
	$(VENV)/python manage.py makemigrations --settings controlplane.settings.test

openapi: ## export the management API's document and the dashboard's types from it
	$(VENV)/python manage.py export_openapi --settings controlplane.settings.test
	npm --prefix frontend run types

bench: ## run latency beside another engine: make bench REFERENCE=unix:///run/docker.sock
	$(VENV)/python bench/run_latency.py --image mooring/starter --reference $(REFERENCE)

.PHONY: help check quick dev up down format migrations openapi bench
