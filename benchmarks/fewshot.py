"""Few labels: starts and peers on the same labelled frames, by `motionseg evaluate`.

    python benchmarks/fewshot.py                       # synthetic loops, anywhere
    MOTIONSEG_DATA=../angiodata python benchmarks/fewshot.py --stride 4

On real loops: labels of patients p1 to p4, tested on p5 and p6; one label in twice as
many draws, and by the paper's own schedule; what all labels give; and one labelled
frame of each loop of p5 and p6, tested on its other frames. A run that was cut goes on:
rows are kept in a scratch folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from itertools import chain
from pathlib import Path

from machine import here_and_now

RESULTS = Path(__file__).parent / "results"
ROOM = Path(tempfile.gettempdir()) / "motionseg-bench"


def main() -> None:
    options = parse_options()
    data = os.environ.get("MOTIONSEG_DATA")
    one, all_labels = ("--labels", "1"), ("--labels", "all", "--seeds", "1")
    runs = {"fewshot_synthetic": []}
    if data:
        within = ["--data", data, "--test", options.test]
        across = [*within, "--train", "p1,p2,p3,p4"]
        runs = {
            "fewshot_across": across,
            "fewshot_one": [*across, *one, "--seeds", str(2 * options.seeds)],
            "fewshot_paper": [*across, *one, "--recipe", "paper", "--peers", ""],
            "fewshot_all": [*across, *all_labels, "--starts", "default", "--peers", ""],
            "fewshot_within": [*within, "--within", *one],
        }
    common = {
        "--labels": options.labels,
        "--seeds": str(options.seeds),
        "--stride": str(options.stride),
        "--starts": options.starts,
        "--peers": options.peers,
    }
    for name, words in runs.items():
        if options.only and name not in options.only:
            continue
        others = {k: v for k, v in common.items() if k not in words}
        evaluate(name, [*words, *chain(*others.items())], options.room)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", help="names of runs")
    parser.add_argument("--test", default="p5,p6", help="patients; synthetic: all")
    parser.add_argument("--labels", default="0,1,5,10")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--stride", type=int, default=1, help="of test frames")
    parser.add_argument("--starts", default="scratch,default")
    parser.add_argument("--peers", default="random-forest,frangi")
    parser.add_argument("--room", type=Path, default=ROOM, help="scratch of rows")
    return parser.parse_args()


def evaluate(name: str, words: list[str], room: Path) -> None:
    """Run the command, and keep its summary with machine and date."""
    out = room / f"{name}-{'-'.join(words[-8:]).replace(',', '+').replace('/', '_')}"
    command = [sys.executable, "-m", "napari_motionseg", "evaluate", "fewshot"]
    subprocess.run([*command, "--out", str(out), *words], check=True)
    summary = json.loads((out / "summary.json").read_text())
    count = sum(1 for _ in (out / "rows.jsonl").open())
    report = {"words": words, "rows": count, "summary": summary} | here_and_now()
    report["words"] = [w for w in words if w != os.environ.get("MOTIONSEG_DATA")]
    (RESULTS / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
