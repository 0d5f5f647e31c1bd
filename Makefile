# `make run` and `make test` are each the only command on a fresh machine.
.DEFAULT_GOAL := help
.PHONY: help run test test-postgres test-tools check format lock clean
BIN := .venv/bin
# Images often set it. Every process of Klix, of which there are many, would compile all that it imports anew: a second.
unexport PYTHONDONTWRITEBYTECODE
# What make test hands to pytest: make test PYTEST_ARGS="tests/calls -k barge"
PYTEST_ARGS ?=
# Two workers: half of the tests wait for real processes, while the other half computes. Browser tests come last.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

help:
	@echo "make run     install, start everything, place the demo call; Ctrl-C stops it"
	@echo "make test    install, run all tests"
	@echo "make test-postgres  the same on an embedded PostgreSQL"
	@echo "make test-long  kill real processes for minutes"
	@echo "make check   format, lint, types, layers, migrations, settings, tests"
	@echo "make format  write the format"
	@echo "make lock    lock the dependencies again"
	@echo "make clean   remove .venv and caches; var/ (your data) stays"

# The stamps: a second start installs nothing unless a lock file changed.
.venv/installed-run: requirements.txt
	@sh deploy/install.sh requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt
	@sh deploy/install.sh requirements-dev.txt
	@touch $@

run: .venv/installed-run
	@exec $(BIN)/python -m klix_site.launch

test-tools: .venv/installed-dev
	@sh deploy/browser.sh

test: test-tools
	@exec $(PYTEST) $(PYTEST_ARGS)

# Real processes killed in the middle of calls, evaluations and runs: minutes each.
test-long: test-tools
	@exec $(BIN)/python -m pytest -m long $(PYTEST_ARGS)

test-postgres: test-tools
	@KLIX_TEST_POSTGRES=1 exec $(BIN)/python -m pytest $(PYTEST_ARGS)

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING
	$(PYTEST) $(PYTEST_ARGS)

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# One lock for every platform and Python from 3.11 on; no address of a package index in it.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
lock:
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
