"""Figure 3 of Ma et al. (2019) on a synthetic loop, or on one of your own.

    python examples/figure3.py OUT [LOOP FRAME,ROW,COLUMN]

The embedding is `motion-xa`, which motion alone has taught.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_motionseg import SynthesisConfig, synthesize_cine
from napari_motionseg.embedding.figure3 import FigureSettings, figure3_job, write_panels
from napari_motionseg.embedding.separation import separation
from napari_motionseg.errors import MotionSegError
from napari_motionseg.io import read_cine
from napari_motionseg.jobs import run
from napari_motionseg.motion import FlowSettings


def main(folder: Path, size: int = 384, **flow: str) -> float:
    """Draw the figure of a synthetic loop; return the AUC of similarity."""
    loop = synthesize_cine(SynthesisConfig(size=size, frames=10), seed=4)
    t = int(loop.masks[:-2].sum(axis=(1, 2)).argmax())
    inside = distance_transform_edt(loop.masks[t])  # the middle of the thickest vessel
    row, column = map(int, np.unravel_index(int(inside.argmax()), inside.shape))
    settings = FigureSettings(flow=FlowSettings(gap=1, **flow))
    panels = run(figure3_job(loop.cine, ["motion-xa"], [(t, row, column)], settings))
    print(write_panels(folder, panels, settings)[0])
    auc = separation(panels[0].row.pictures["similarity"], loop.masks[t] > 0).auc
    print(f"AUC of similarity for the vessels of frame {t}: {auc:.3f}")
    return auc


def own(out: Path, loop: Path, anchor: tuple[int, int, int] | None) -> None:
    """Draw the figure of a file."""
    job = figure3_job(read_cine(loop), ["motion-xa"], [anchor] if anchor else [])
    print(write_panels(out, run(job), FigureSettings())[0])


def place(text: str) -> tuple[int, int, int]:
    """Read ``frame,row,column``."""
    t, row, column = map(int, text.split(","))
    return t, row, column


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", default="figure3-out", type=Path)
    parser.add_argument("loop", nargs="?", type=Path, help="a file of your own")
    parser.add_argument("anchor", nargs="?", type=place, help="frame,row,column in it")
    given = vars(parser.parse_args())
    try:
        own(**given) if given["loop"] else main(given["out"])
    except (MotionSegError, OSError) as error:
        parser.error(str(error))
