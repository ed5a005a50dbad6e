"""Flow methods on real loops, without a truth: four measures against silver masks.

    MOTIONSEG_DATA=../angiodata python benchmarks/flow_real.py
    ... --patients p1 p2 p3 p4 --loops 6 --stride 3 --gaps 1 --weights own.safetensors

What is measured on a pair is in `real_pairs`. A loop's value is the mean of its pairs,
the table's the mean of its loops. The masks are a silver standard: they compare methods
and give no absolute accuracy. Methods that are not named keep the values of an earlier
report of the same pairs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bars import real_bars
from flow_methods import METHODS
from flow_rows import HERE, Row, Rows, earlier_report, measured, parser, write_report
from real_loops import data_folder
from real_pairs import GAPS, RealPair, measure, usable


def main() -> None:
    options = parse_options()
    loops = loops_of(data_folder(), options.patients, options.loops)
    pairs = [p for loop in loops for p in pairs_of(loop, options.gaps, options.stride)]
    sources = tuple(HERE / name for name in ("real_pairs.py", "vessel_motion.py"))
    rows = Rows("flow_real", options.cache, options.weights, sources)
    found = measured({p.key: p for p in pairs}, options.methods, measure, rows)
    table = {name: summary(found[name]) for name in options.methods}
    which = {
        "patients": options.patients,
        "loops": len(loops),
        "pairs": {f"gap {g}": sum(p.gap == g for p in pairs) for g in options.gaps},
        "stride": options.stride,
    }
    table = earlier_report(options.out, which).get("methods", {}) | table
    report = which | {
        "weights": options.weights.name if options.weights else "shipped",
        "rows": real_bars(table),
        "methods": table,
    }
    show(table)
    write_report(options.out, report)


def parse_options() -> argparse.Namespace:
    made = parser(__doc__, "flow_real")
    made.add_argument("--patients", nargs="+", default=["p5", "p6"])
    made.add_argument("--gaps", nargs="+", type=int, choices=GAPS, default=list(GAPS))
    made.add_argument("--loops", type=int, help="so many, spread over the patients")
    made.add_argument("--stride", type=int, default=1, help="every so manieth pair")
    return made.parse_args()


def loops_of(data: Path, patients: Sequence[str], count: int | None) -> list[Path]:
    """Return loops that have masks; `count` of them evenly spread if given."""
    loops = [p for name in patients for p in sorted(data.glob(f"{name}_*.dcm"))]
    if count and count < len(loops):
        chosen = np.linspace(0, len(loops) - 1, count).round().astype(int)
        loops = [loops[i] for i in chosen]
    return loops


def pairs_of(loop: Path, gaps: Sequence[int], stride: int) -> list[RealPair]:
    """Return every `stride`-th usable pair."""
    return [
        RealPair(loop, int(t), gap) for gap in gaps for t in usable(loop, gap)[::stride]
    ]


def summary(rows: list[Row]) -> dict[str, float]:
    """Return the mean over loops of the mean over pairs, by measure and gap."""
    by_loop: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, float):
                loops = by_loop.setdefault(f"{name}_{row['gap']}", {})
                loops.setdefault(row["loop"], []).append(value)
    return {
        name: float(np.mean([np.mean(values) for values in loops.values()]))
        for name, loops in sorted(by_loop.items())
    }


def show(table: dict[str, dict[str, float]]) -> None:
    names = sorted({name for row in table.values() for name in row})
    print(" " * 22 + " ".join(f"{name[-14:]:>14}" for name in names))
    for method, row in table.items():
        cells = " ".join(f"{row.get(name, float('nan')):14.3f}" for name in names)
        print(f"{METHODS[method].title:22}{cells}")


if __name__ == "__main__":
    main()
