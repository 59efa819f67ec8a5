# `make run` and `make test` need Python 3.11+ and make, nothing else. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
UV ?= uv
# Two tests at a time unless told otherwise: most of them wait for the database, and small machines have two cores.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup dev run test lint bench soak lock messages clean

help: ## Show what there is to make
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(VENV)/.installed ## Make the environment alone; afterwards .venv/bin/magflow is the command

dev: $(VENV)/.dev ## Make the environment with everything that tests and lint need

run: setup ## Start MagFlow: database, web application and worker; prints the address
	@exec $(BIN)/magflow up

test: dev ## Run the whole suite
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not soak"

lint: dev ## Style, types, import contracts, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -d templates ]; then $(BIN)/djlint templates --quiet --lint; fi

bench: dev ## Measure sales, lists and generation beside hand-written SQL; a week and a quarter of stock sync: build/season.md
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.season --report build/season.md

soak: dev ## The long figures of the gates (hours)
	$(BIN)/python -m pytest -n $(JOBS) -m soak --timeout 0

lock: ## Renew requirements/*.txt from pyproject.toml (needs uv)
	$(UV) pip compile $(LOCK) --group build -o requirements/run.txt
	$(UV) pip compile $(LOCK) --group build --group test --group lint -c requirements/run.txt -o requirements/dev.txt

LOCK := pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

messages: dev ## Bring new texts into the catalogues of magflow/translations, and compile them
	$(BIN)/pybabel --quiet extract -F babel.cfg $(WORDS) --no-location --sort-output -o messages.pot .
	$(BIN)/pybabel --quiet update -i messages.pot -d magflow/translations --no-fuzzy-matching --ignore-obsolete \
		--ignore-pot-creation-date --width 120
	$(BIN)/pybabel --quiet compile -d magflow/translations
	@rm messages.pot

WORDS := -k _l -k lazy_gettext -k lazy_pgettext:1c,2 -k lazy_ngettext:1,2

clean: ## Remove the environment and every cache; the shop's data is elsewhere and stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# Each stamp is newer than what it was made from, so that nothing is done twice and a change is never missed.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "MagFlow needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: requirements/run.txt $(VENV)/.python
	$(PIP) install --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/.installed: pyproject.toml packaging_share.py $(VENV)/.run
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.installed
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
