"""What makes an embedding a good start: `motionseg evaluate ablation`, by name.

    python benchmarks/ablation.py flow                 # synthetic loops, anywhere
    MOTIONSEG_DATA=../angiodata python benchmarks/ablation.py objective flow

On real loops: motion and labels of patients p1 to p4, tested on p5 and p6. A run that
was cut goes on: checkpoints and rows are kept in a scratch folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import here_and_now

from napari_motionseg.evaluation.ablations import ABLATIONS

RESULTS = Path(__file__).parent / "results"
ROOM = Path(tempfile.gettempdir()) / "motionseg-bench"


def main() -> None:
    options = parse_options()
    data = os.environ.get("MOTIONSEG_DATA")
    words = ["--steps", str(options.steps), "--labels", options.labels]
    words += ["--seeds", str(options.seeds), "--stride", str(options.stride)]
    if data:
        words += ["--train", "p1,p2,p3,p4", "--test", options.test]
    for name in options.names:
        kind = "real" if data else "synthetic"
        out = options.room / f"ablation-{kind}-{name}-{'-'.join(words[1:8:2])}"
        command = [sys.executable, "-m", "napari_motionseg", "evaluate", "ablation"]
        where = ["--data", data] if data else []
        command += [name, "--out", str(out), *where, *words]
        subprocess.run(command, check=True)
        keep(name, words, out)


def keep(name: str, words: list[str], folder: Path) -> None:
    """Write an ablation's summary with machine and date."""
    report = {
        "name": name,
        "question": ABLATIONS[name].question,
        "words": words,
        "rows": sum(1 for _ in (folder / "rows.jsonl").open()),
        "summary": json.loads((folder / "summary.json").read_text()),
        **here_and_now(),
    }
    path = RESULTS / f"ablation_{name}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", choices=list(ABLATIONS))
    parser.add_argument("--test", default="p5,p6", help="patients; synthetic: all")
    parser.add_argument("--steps", type=int, default=500, help="of each pretraining")
    parser.add_argument("--labels", default="1")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--stride", type=int, default=8, help="of test frames")
    parser.add_argument("--room", type=Path, default=ROOM, help="scratch of rows")
    return parser.parse_args()


if __name__ == "__main__":
    main()
