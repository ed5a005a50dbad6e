#!/usr/bin/env bash
# Run the tests without the window, and then tests that open and use all docks, with the
# lowest versions that pyproject.toml admits, in an environment of their own.
# Dependencies of dependencies have the newest versions that fit (uv's lowest-direct).
# torch is not the lowest: it is what constraints.txt pins, because a plain older torch
# would be a build with gigabytes of CUDA. Its lower bound is not tried here.
# usage: test_lowest.sh BIN [FOLDER]   BIN has uv or can install it
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1
folder=${2:-${TMPDIR:-/tmp}/napari-motionseg-lowest}
python=${PYTHON:-$bin/python}
mkdir -p "$folder"

[ -x "$bin/uv" ] || "$bin/python" -m pip install --quiet uv
"$bin/python" -c 'import packaging' 2>/dev/null || "$bin/python" -m pip install --quiet packaging
grep '^torch==' constraints.txt >"$folder/torch.txt"
"$bin/uv" pip compile --quiet --resolution lowest-direct --python "$python" \
  --extra test --extra peers --extra opencv --override "$folder/torch.txt" \
  -o "$folder/all.txt" pyproject.toml
"$bin/python" scripts/untried_bounds.py "$folder/all.txt"
# torch and its CUDA libraries aside: pip takes the build for processors
grep -vE '^ *#|^(torch|triton|nvidia-|cuda-)' "$folder/all.txt" >"$folder/rest.txt"

"$python" -m venv --clear "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet -r "$folder/torch.txt"
# the list is whole; with dependencies uv would replace torch by what monai likes best
"$bin/uv" pip install --quiet --no-deps --python "$folder/venv/bin/python" -r "$folder/rest.txt"
"$bin/uv" pip install --quiet --python "$folder/venv/bin/python" --no-deps -e .

export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
"$folder/venv/bin/python" -m pytest -n "${TEST_PROCESSES:-2}" --dist loadfile \
  -p no:pytest-qt -p no:napari --ignore tests/gui --ignore tests/test_wheel.py ${TEST_WORDS:-}

"$bin/uv" pip install --quiet --python "$folder/venv/bin/python" -c constraints.txt PyQt6
screen=()
[ -n "${DISPLAY:-}" ] || screen=(xvfb-run -a -s "-screen 0 1600x1000x24")
# an old napari calls what newer versions of its own dependencies deprecate
"${screen[@]}" "$folder/venv/bin/python" -m pytest \
  -W ignore::DeprecationWarning -W ignore::FutureWarning \
  tests/gui/test_autosaved_dock.py tests/gui/test_docks.py tests/gui/test_plugin_preferences.py
