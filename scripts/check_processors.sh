#!/usr/bin/env bash
# The tests under other processors' conditions: each setting must be green, and its
# processor time is printed. An emulated smaller instruction set shows other rounding;
# bf16 switched off is what a processor without bf16 units computes in.
# usage: check_processors.sh BIN [PYTEST_WORDS ...]   SETTINGS="normal plain" for some
set -uo pipefail
cd "$(dirname "$0")/.."
bin=$1
shift
failed=()
# where nothing is kept, each of the many child processes compiles the package anew
unset PYTHONDONTWRITEBYTECODE
screen=()
[ -n "${DISPLAY:-}" ] || screen=(xvfb-run -a -s "-screen 0 1600x1000x24")

declare -A environment=(
  [normal]="OMP_NUM_THREADS=1"
  [plain]="OMP_NUM_THREADS=1 MOTIONSEG_BF16=off"
  [two]="OMP_NUM_THREADS=2 MOTIONSEG_BF16=off"
  [avx2]="OMP_NUM_THREADS=1 MOTIONSEG_BF16=off ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2"
  [small]="OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=AVX2"
  [rounding]="OMP_NUM_THREADS=1 MOTIONSEG_BF16=off PYTHONPATH=$PWD/scripts PYTEST_ADDOPTS=-pother_rounding"
)

for name in ${SETTINGS:-normal plain two avx2 small rounding}; do
  printf '== %s: %s\n' "$name" "${environment[$name]}"
  # a machine that does other work besides may take long for a test
  if ! env ${environment[$name]} "${screen[@]}" "$bin/python" scripts/processor_time.py \
    "$bin/python" -m pytest -q -n "${TEST_PROCESSES:-2}" --dist loadfile \
    --timeout 1500 "$@" </dev/null; then
    failed+=("$name")
  fi
done
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "All settings passed."
