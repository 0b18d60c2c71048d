# One door to everything. It needs git, make and Python 3.11 or later; uv is used when it is there.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ROWS ?=
PYTEST_ARGS ?=
DEMO_ARGS ?=
CLUSTER = cd tests && $(abspath $(BIN))/python -m e2e.cluster

# The newest Python that is good enough: a name on the PATH may be a stub that does not run, so each is asked.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$name; break; }; done)
UV ?= $(shell command -v uv 2>/dev/null)

# Where an image sets this, every command would compile all of its modules anew: more than half of a short one's time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo test e2e cluster-up cluster-down check format bench docs clean lock

help: ## say what there is
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | awk -F '\t' '{ printf "make %-12s %s\n", $$1, $$2 }'

demo: $(STAMP) ## upgrade a real application under real traffic, the usual way and then with Lockage
	$(BIN)/lockage demo $(if $(ROWS),--rows $(ROWS)) $(DEMO_ARGS)

test: $(STAMP) ## run all tests (under 20 minutes on 2 cores)
	$(BIN)/pytest -n 2 --dist worksteal $(PYTEST_ARGS) || { test $$? = 1 && \
		echo "what failed is tried once more, one test at a time: only what fails again counts" && \
		$(BIN)/pytest --last-failed --last-failed-no-failures=none $(PYTEST_ARGS); }

e2e: $(STAMP) ## run the tests on Kubernetes: on LOCKAGE_E2E_KUBECONFIG's cluster, else, as root, on one of our own
	cd tests && $(abspath $(BIN))/python -m e2e $(PYTEST_ARGS)

cluster-up: $(STAMP) ## start the tests' own Kubernetes cluster, as root, and print its kubeconfig's path
	@$(CLUSTER) up

cluster-down: $(STAMP) ## end it, and leave nothing of it
	@$(CLUSTER) down

check: $(STAMP) ## format, lint, types, import rules and the fast tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-logo
	$(BIN)/pyright
	$(BIN)/pytest -q -n 2 -m "not real and not slow and not e2e" $(PYTEST_ARGS)

format: $(STAMP) ## write the format that check asks for, and repair what lint can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(STAMP) ## print every table of figures that the documentation quotes
	$(BIN)/python benchmarks

docs: $(STAMP) ## render the pages that come from code
	$(BIN)/python -m lockage.interfaces.error_codes > docs/errors.md
	$(BIN)/python -m lockage.interfaces.causes > docs/causes.md
	$(BIN)/python -m lockage.interfaces.hazard_page docs/hazards.md
	$(BIN)/python -m lockage.interfaces.schemas docs/schemas

install: $(STAMP) ## install into .venv what requirements.lock says; the other targets do it by themselves

$(STAMP): requirements.lock pyproject.toml
ifeq ($(PYTHON),)
	@echo "Lockage needs Python 3.11 or later, and none was found as python3 or python3.11 to python3.14." >&2
	@echo "hint: install one, or name one: make $(or $(MAKECMDGOALS),help) PYTHON=/path/to/python3" >&2
	@exit 1
else
ifneq ($(UV),)
	test -x $(BIN)/python || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
else
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module." >&2; \
		echo "hint: install it (Debian, Ubuntu: apt-get install python3-venv), or install uv" >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
endif
	@touch $@
endif

lock: ## write requirements.lock, and that of the image, anew from pyproject.toml (needs uv)
	uv pip compile --universal --generate-hashes --group dev --no-header pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --no-annotate --no-header -c requirements.lock pyproject.toml -o requirements-run.lock

clean: ## remove what was installed and cached here; state of Lockage itself is not touched
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
