"""The demo with its default settings: time of each stage, agreement with the truth.

python benchmarks/demo.py --out benchmarks/results/demo.json
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from machine import here_and_now

from napari_motionseg.demo import DemoSettings, demo_job
from napari_motionseg.jobs import run

RESULT = Path(__file__).parent / "results" / "demo.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(demo_job(DemoSettings(), folder))
    row = result.row()
    report = {
        **result.mean(),
        "dice_all_frames": row["dice_all_frames"],
        "frames": int(result.filled.sum()),
        "seconds": result.times,
        **here_and_now(),
    }
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
