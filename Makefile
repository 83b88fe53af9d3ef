# make run and make test are all a newcomer needs; each does its own set-up. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Trust the certificates this machine trusts, as pip does.
export UV_SYSTEM_CERTS := 1

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv || echo .cache/uv/bin/uv)
INSTALLED := $(VENV)/.installed

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: $(INSTALLED)  ## set up, train if the data are new, migrate, serve
	@exec $(BIN)/bot run

test: $(INSTALLED)  ## everything that must hold: linters, types, unit to browser
	@$(MAKE) --no-print-directory lint
	@$(BIN)/bot train --if-needed
	@$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

lint: $(INSTALLED)  ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(INSTALLED)  ## let ruff put the code in form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

train: $(INSTALLED)  ## train the model for the present data
	@$(BIN)/bot train

bench: $(INSTALLED)  ## measure turns, memory, start and training; see docs/operations.md
	@$(BIN)/python -m bench.turns

bench-desk: $(INSTALLED)  ## load the desk: 300 visitors, 20 coaches, 50 live chats; see docs/bench-desk.md
	@$(BIN)/python -m bench.desk_load

lock:  ## resolve the dependencies anew into requirements.lock
	@$(MAKE) --no-print-directory uv
	@$(UV) pip compile pyproject.toml --group dev --python-version 3.12 --generate-hashes --no-emit-index-url \
	  --no-emit-package tensorflow --custom-compile-command "make lock" --upgrade -q -o requirements.lock

clean:  ## remove the environment, caches and models; data in var/ stay
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .rasa results var/models
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

uv:
	@if ! command -v $(UV) >/dev/null 2>&1; then \
	  echo "Fetching uv, which builds the environment ..."; \
	  python3 -m venv .cache/uv 2>/dev/null || { rm -rf .cache/uv; \
	    echo "python3 cannot make environments here. On Debian: apt-get install python3-venv"; exit 1; }; \
	  .cache/uv/bin/pip install --quiet --disable-pip-version-check uv; \
	fi

$(INSTALLED): requirements.lock pyproject.toml packaging/tensorflow-standin/pyproject.toml packaging/tensorflow-standin/setup.py \
              $(shell find packaging/tensorflow-standin/src -name '*.py')
	@$(MAKE) --no-print-directory uv
	@echo "Setting up the environment in $(VENV) (a minute or two the first time) ..."
	@$(UV) venv --quiet --allow-existing --python "$$(cat .python-version)" $(VENV)
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes requirements.lock
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --reinstall ./packaging/tensorflow-standin
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --editable .
	@touch $(INSTALLED)

.PHONY: help run test lint format train bench bench-desk lock clean uv
