# Needs nothing but python3 and make. `make demo` and `make test` set up what is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT ?= demo-out

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo gui test lint docs clean

help:
	@echo "make demo   set up, then make a synthetic angiogram, learn from it, write $(OUT)/report.html"
	@echo "make gui    the same, then open the result in napari"
	@echo "make test   linters, contracts and the whole test suite, as CI runs it"
	@echo "make lint   the linters and contracts alone"
	@echo "make docs   build the site into site/"
	@echo "make clean  remove what make has made"

demo: $(READY)
	$(BIN)/motionseg demo --out $(OUT)

gui: $(READY)
	$(BIN)/motionseg demo --out $(OUT) --gui

test: $(READY)
	@scripts/system_libraries.sh
	@scripts/check.sh $(BIN) lint tests

lint: $(READY)
	@scripts/check.sh $(BIN) lint

docs: $(READY)
	$(BIN)/mkdocs build --strict

# The stamp is younger than what it was made from, so that a change installs anew
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "Python 3.10 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Use: make PYTHON=python3.11"; exit 1; }
	@PYTHON=$(PYTHON) scripts/system_libraries.sh
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist site $(OUT) *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
