"""Put small faults into the code, one at a time, and count those that tests see:

    python scripts/mutate.py [--count 300] [--seed 0] [--only NAME]

Mutants are drawn from five packages, the same number of each, and every one is run
against its own package's tests in a copy of the tree: first the test file of the
module's name, then those that call the function. What was found is kept in the work
folder, so that a check that was cut goes on, and a later one runs only the mutants of
files that changed and the survivors. Counts go to ``benchmarks/results/mutation.json``.
Exits with 1 if fewer than 85 % of the mutants that are not equivalent die.

Equivalent mutants, whose behaviour differs in nothing that is promised, are listed by
hand in ``scripts/mutation/equivalent.json``, each with its reason.

Two tools were tried before this one was written. mutmut 3.8 changes arguments but
removes no statement (``fsync`` stays), leaves constants outside of functions as they
are, and draws no sample. cosmic-ray 8.7 has no removed statements and no return values,
makes up to seven mutants of one comparison, changes files in the checkout, and starts a
process for each mutant, which costs seconds of imports.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from mutation.check import Check, candidates, copy_tree, draw
from mutation.mutants import Mutant

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("project", "objectives", "motion", "segmentation", "io")
EQUIVALENT = Path(__file__).parent / "mutation" / "equivalent.json"
ENOUGH = 0.85  # of the mutants that are not equivalent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="mutants in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--packages", nargs="+", choices=PACKAGES, default=PACKAGES)
    parser.add_argument("--only", help="all mutants with this text in their names")
    parser.add_argument("--work", type=Path, help="folder of what was found so far")
    parser.add_argument("--out", type=Path, help="folder for mutation.json")
    options = parser.parse_args()
    temporary = Path(tempfile.gettempdir())
    work = options.work or temporary / f"motionseg-mutation-{os.getuid()}"
    copy_tree(CHECKOUT, work / "tree")
    check = Check(work)
    share = options.count // len(PACKAGES)
    rows = []
    for package in options.packages:
        if options.only:
            every = candidates(check.tree, package)
            chosen = [one for one in every if options.only in one.name]
        else:
            chosen = draw(check.tree, package, share, options.seed)
        rows += [row(check, one) for one in chosen]
    for one in rows:
        if one["result"] == "survived":
            print(f"SURVIVED {one['line']}: {one['name']}")
    if options.out and not options.only:
        write(options.out, rows, options.seed, check)
    counted = count(rows)
    print(json.dumps(counted))
    return int(
        counted["killed"] < ENOUGH * (counted["mutants"] - counted["equivalent"])
    )


def row(check: Check, mutant: Mutant) -> dict[str, Any]:
    """Return what became of a mutant."""
    found = check.verdict(mutant)
    reason = json.loads(EQUIVALENT.read_text()).get(mutant.name)
    result = found["result"]
    if reason and result == "survived":
        result = "equivalent"
    elif reason:
        print(f"not equivalent, {found['by']} sees it: {mutant.name}", flush=True)
    print(f"{result:10} {found['seconds']:6.1f} s  {mutant.name}", flush=True)
    row = {
        "package": mutant.file.split("/")[0], "name": mutant.name, "line": mutant.line,
        "operator": mutant.operator, "result": result, "by": found["by"],
    }  # fmt: skip
    return {**row, "reason": reason} if result == "equivalent" else row


def count(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many mutants ended in which way."""
    results = [one["result"] for one in rows]
    return {
        "mutants": len(results),
        "killed": results.count("killed") + results.count("timeout"),
        "survived": results.count("survived"),
        "equivalent": results.count("equivalent"),
    }


def write(folder: Path, rows: list[dict[str, Any]], seed: int, check: Check) -> None:
    """Write the counts of the packages, and every mutant on a line of its own."""
    from machine import here_and_now

    packages = {}
    for package in dict.fromkeys(one["package"] for one in rows):
        counted = count([one for one in rows if one["package"] == package])
        packages[package] = {
            **counted, "candidates": len(candidates(check.tree, package))
        }  # fmt: skip
    asked = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(
        asked, cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    head = {"seed": seed, "commit": commit.stdout.strip(), **here_and_now()}
    text = json.dumps({**head, "packages": packages}, indent=1)[:-2]
    lines = ",\n".join("  " + json.dumps(one) for one in rows)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mutation.json"
    path.write_text(f'{text},\n "mutants": [\n{lines}\n ]\n}}\n')


if __name__ == "__main__":
    sys.exit(main())
