#!/usr/bin/env bash
# The gates: every step has a name, all steps run, any failure fails.
# usage: check.sh BIN lint|tests ...
set -uo pipefail
cd "$(dirname "$0")/.."
bin=$1
shift
failed=()

step() {
  local name=$1
  shift
  printf '== %s\n' "$name"
  "$@" </dev/null || failed+=("$name")
}

lint() {
  step "ruff check" "$bin/ruff" check
  step "ruff format" "$bin/ruff" format --check
  step "mypy" "$bin/mypy"
  step "import contracts" "$bin/lint-imports"
  step "napari manifest" "$bin/npe2" validate napari_motionseg/napari.yaml
  step "links" "$bin/python" scripts/check_links.py
  # schemas that come with check-jsonschema; nothing is fetched
  local schemas=("$bin/check-jsonschema" --quiet --builtin-schema)
  step "workflows" "${schemas[@]}" vendor.github-workflows .github/workflows/*.yml
  step "dependabot" "${schemas[@]}" vendor.dependabot .github/dependabot.yml
  step "issue forms" "${schemas[@]}" vendor.github-issue-forms \
    .github/ISSUE_TEMPLATE/{bug,file,idea}.yml
  step "issue chooser" "${schemas[@]}" vendor.github-issue-config \
    .github/ISSUE_TEMPLATE/config.yml
  step "Read the Docs" "${schemas[@]}" vendor.readthedocs .readthedocs.yaml
  step "citation" "${schemas[@]}" vendor.citation-file-format CITATION.cff
}

tests() {
  # two processes of one thread each: half the time of one process with two
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
  # where nothing is kept, each of the many child processes compiles the package anew
  unset PYTHONDONTWRITEBYTECODE
  local pytest=("$bin/python" -m pytest -n "${TEST_PROCESSES:-2}" --dist loadfile)
  if [ -n "${DISPLAY:-}" ]; then
    step "pytest" "${pytest[@]}"
  else
    step "pytest, virtual screen" \
      xvfb-run -a -s "-screen 0 1600x1000x24" "${pytest[@]}"
  fi
}

for group in "$@"; do "$group"; done
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "All steps passed."
