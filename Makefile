# Two commands for a newcomer: `make demo` and `make test`. Both set up .venv first.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# A screen for GUI tests where there is none; 24 bits, or OpenGL finds no visual
SCREEN := $(if $(DISPLAY),,xvfb-run -a -s "-screen 0 1600x1000x24")

.PHONY: help demo gui test test-processors test-determinism test-lowest test-mutants lint docs screenshots screenshots-docks bench-flow bench-masks bench-measure bench-fewshot bench-motion bench-ablation bench-explorer bench-interactive bench-clicks bench-train bench-dicom bench-archive clean
help:
	@echo "make demo  make gui  make test  make test-processors  make test-determinism  make test-lowest  make test-mutants  make docs  make screenshots  make screenshots-docks  make bench-flow  make bench-masks  make bench-measure  make bench-fewshot  make bench-motion  make bench-ablation  make bench-explorer  make bench-interactive  make bench-clicks  make bench-train  make bench-dicom  make bench-archive  make clean"

$(READY): pyproject.toml constraints.txt setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "napari-motionseg needs Python 3.11 or newer; this is $$($(PYTHON) -V). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@PYTHON=$(PYTHON) scripts/system_libraries.sh
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --prefer-binary -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/motionseg demo --out demo-out

gui: $(READY)
	$(BIN)/motionseg demo --out demo-out --gui

lint: $(READY)
	@scripts/check.sh $(BIN) lint

test: $(READY)
	@scripts/system_libraries.sh
	@scripts/dicom_tools.sh
	@scripts/check.sh $(BIN) lint tests

# Several times the whole suite: other precision, threads and instruction sets
test-processors: $(READY)
	@scripts/system_libraries.sh
	@scripts/check_processors.sh $(BIN)

# Every training twice from one seed; a quarter of an hour on two cores
test-determinism: $(READY)
	$(BIN)/python scripts/check_determinism.py --out benchmarks/results/determinism.json
	$(BIN)/python benchmarks/render.py

# The lowest versions that pyproject.toml admits, in an environment of their own
test-lowest: $(READY)
	@scripts/test_lowest.sh $(BIN)

# Small faults in the code, and whether the tests see them; half an hour on a quiet core
test-mutants: $(READY)
	$(BIN)/python scripts/mutate.py --out benchmarks/results
	$(BIN)/python benchmarks/render.py

docs: $(READY)
	$(BIN)/mkdocs build --strict
	$(BIN)/python scripts/check_links.py --site site
	$(BIN)/python scripts/check_search.py site

screenshots: $(READY)
	$(SCREEN) $(BIN)/python scripts/screenshots.py
	$(SCREEN) $(BIN)/python scripts/screenshots_explorer.py
	$(SCREEN) $(BIN)/python scripts/screenshot_guess.py
	$(SCREEN) $(BIN)/python scripts/screenshot_guide.py
	$(SCREEN) $(BIN)/python scripts/screenshot_measure.py
	@scripts/dicom_tools.sh
	$(SCREEN) $(BIN)/python scripts/screenshot_archive.py
	$(SCREEN) $(BIN)/python scripts/path_gif.py
	$(BIN)/python scripts/figure_measure.py

# Every dock in both themes, at two sizes and two scalings, to be looked at
screenshots-docks: $(READY)
	$(if $(DISPLAY),,xvfb-run -a -s "-screen 0 3840x2400x24") $(BIN)/python scripts/screenshots_docks.py --out screenshots-out

# An hour or two on two cores, a few minutes with PAIRS=24; a run that was cut goes on
# where it stopped. Real loops are read from the folder that MOTIONSEG_DATA names
PAIRS ?= 200
bench-flow: $(READY)
	$(BIN)/python benchmarks/flow_signal.py --only synthetic
	$(BIN)/python benchmarks/flow_synthetic.py --pairs $(PAIRS)
	$(BIN)/python benchmarks/flow_errors.py --pairs $(PAIRS)
	@if [ -n "$$MOTIONSEG_DATA" ]; then $(BIN)/python benchmarks/flow_real.py; \
	  $(BIN)/python benchmarks/flow_signal.py --only real; \
	  else echo "MOTIONSEG_DATA is not set: rows of real loops stay as they are"; fi
	@if [ -f benchmarks/flow_speed.py ]; then $(BIN)/python benchmarks/flow_speed.py; fi
	$(BIN)/python benchmarks/flow_truth.py
	$(BIN)/python benchmarks/synthesis_speed.py
	$(BIN)/python benchmarks/render.py

# Ten minutes on two cores. Drawn masks are read from the folder that MOTIONSEG_GOLD
# names, real loops from MOTIONSEG_DATA
bench-masks: $(READY)
	$(BIN)/python benchmarks/masks.py
	$(BIN)/python benchmarks/render.py

# Diameters and stenoses of a phantom, and vessels that move; a quarter of an hour
bench-measure: $(READY)
	$(BIN)/python benchmarks/measure.py
	$(BIN)/python benchmarks/measure_moving.py
	$(BIN)/python benchmarks/render.py

bench-fewshot: $(READY)
	$(BIN)/python benchmarks/fewshot.py
	$(BIN)/python benchmarks/render.py

# Hours on a core; a quarter of an hour with
# MOTION="--steps 500 --schedules probe --draws 9-16"; with a GPU the paper's budget:
# MOTION="--steps 38800 --width 64 --labels 1". Real loops from MOTIONSEG_DATA
MOTION ?=
bench-motion: $(READY)
	$(BIN)/python benchmarks/motion.py $(MOTION)
	$(BIN)/python benchmarks/render.py

# Hours on two cores; ABLATIONS="objective" for one of them
ABLATIONS ?= objective flow kernel neighbourhood guidance nets
bench-ablation: $(READY)
	$(BIN)/python benchmarks/ablation.py $(ABLATIONS)
	$(BIN)/python benchmarks/cube_grouping.py
	$(BIN)/python benchmarks/cube_grouping.py --kind affine-own
	$(BIN)/python benchmarks/render.py

# Two minutes; times are those of two threads, whatever the machine has
bench-explorer: $(READY)
	OMP_NUM_THREADS=2 $(SCREEN) $(BIN)/python benchmarks/explorer.py
	$(BIN)/python benchmarks/render.py

# Half an hour on two cores; real loops as above, and only p5 and p6
bench-interactive: $(READY)
	$(BIN)/python benchmarks/interactive.py
	@if [ -n "$$MOTIONSEG_DATA" ]; then $(BIN)/python benchmarks/interactive.py --groups p5,p6; \
	  else echo "MOTIONSEG_DATA is not set: rows of real loops stay as they are"; fi
	$(SCREEN) $(BIN)/python benchmarks/interactive_window.py
	$(BIN)/python benchmarks/render.py

# Half an hour on two cores, five minutes with CLICKS="--pictures 6 --every 14"; drawn
# masks from MOTIONSEG_GOLD, real loops from MOTIONSEG_DATA
CLICKS ?=
bench-clicks: $(READY)
	$(BIN)/python benchmarks/clicks.py $(CLICKS)
	$(SCREEN) $(BIN)/python benchmarks/clicks_window.py
	$(BIN)/python benchmarks/render.py

# Half an hour on two cores; drawn masks from MOTIONSEG_GOLD, real loops from
# MOTIONSEG_DATA. With --setting avx2, as on a processor without bf16
bench-train: $(READY)
	$(BIN)/python benchmarks/train.py --setting avx2 --threads 2 --draws synthetic-9310,synthetic-9311
	$(BIN)/python benchmarks/train.py --threads 2
	$(BIN)/python benchmarks/render.py

# An hour on two cores
bench-archive: $(READY)
	$(BIN)/python benchmarks/archive.py
	$(BIN)/python benchmarks/render.py

# Five minutes; real loops from MOTIONSEG_DATA, validators as scripts/dicom_tools.sh has
# unpacked them
bench-dicom: $(READY)
	@scripts/dicom_tools.sh
	MOTIONSEG_DICOM_TOOLS=$${MOTIONSEG_DICOM_TOOLS-.dicom-tools} $(BIN)/python benchmarks/dicom_seg.py
	$(BIN)/python benchmarks/render.py

clean:
	rm -rf $(VENV) build dist site demo-out .pytest_cache .mypy_cache .ruff_cache
