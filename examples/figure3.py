"""Figure 3 of Ma et al. (2019) on a synthetic loop, or on one of your own.

    python examples/figure3.py OUT
    python examples/figure3.py OUT loop.dcm 20,210,305

The network is the one that ships; on the synthetic loop the anchor is on a vessel.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_motionseg import SynthesisConfig
from napari_motionseg.embedding import separation
from napari_motionseg.embedding.figure3 import FigureSettings, figure3_job, write_panels
from napari_motionseg.io import read_cine
from napari_motionseg.jobs import run
from napari_motionseg.motion import FlowSettings
from napari_motionseg.synthesis import synthesize_cine


def main(
    folder: Path, models: Sequence[str] = ("default",), size: int = 384, **flow: str
) -> float:
    """Draw the figure of a synthetic loop; return the AUC of similarity."""
    loop = synthesize_cine(SynthesisConfig(size=size, frames=10), seed=4)
    t = int(loop.masks[:-2].sum(axis=(1, 2)).argmax())
    inside = distance_transform_edt(loop.masks[t])  # the middle of the thickest vessel
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    anchor = (t, int(row), int(column))

    settings = FigureSettings(flow=FlowSettings(gap=1, **flow))
    panels = run(figure3_job(loop.cine, models, [anchor], settings))
    print(write_panels(folder, panels, settings)[0])
    similarity = panels[0].row.pictures["similarity"]
    auc = separation(similarity, loop.masks[t] > 0).auc
    print(f"AUC of similarity to {anchor} for the vessels of its frame: {auc:.3f}")
    return auc


def own(folder: Path, loop: Path, anchor: str) -> None:
    """Draw the figure of a file."""
    t, row, column = (int(number) for number in anchor.split(","))
    settings = FigureSettings()
    job = figure3_job(read_cine(loop), ["default"], [(t, row, column)], settings)
    print(write_panels(folder, run(job), settings)[0])


if __name__ == "__main__":
    words = sys.argv[1:]
    folder = Path(words[0] if words else "figure3-out")
    own(folder, Path(words[1]), words[2]) if len(words) == 3 else main(folder)
