"""The pictures on which clicks are measured: synthetic, drawn, and of real loops."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from napari_motionseg.cine.field_of_view import find_field_of_view
from napari_motionseg.evaluation import read_references
from napari_motionseg.evaluation.mask_sets import read_mask_set
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.part_stills import part_stills

SEED = 93_000_000  # far from the seeds of all trainings
SILVER_STRIDE, BORDER_PX = 12, 16
LEAST_TREE_PX = 500


def synthetic(count: int, seed: int) -> list[dict]:
    """Return frames of the package's synthetic loops, with parts and flow."""
    made = part_stills(count, 512, seed, SynthesisConfig.preset("xa-coronary"))
    return [
        {
            "frame": made.pictures[n].numpy(),
            "parts": made.parts[n].numpy(),
            "vessels": made.vessels[n].numpy(),
            "flow": made.flow[n].numpy(),
            "field": find_field_of_view(made.pictures[n].numpy()).mask,
        }
        for n in range(count)
    ]


def tree_pictures(count: int) -> list[tuple]:
    """Return frames of synthetic loops with the masks of their vessels."""
    made = synthetic(count, SEED + 3)
    pairs = [(one["frame"], one["vessels"]) for one in made]
    return [(frame, truth) for frame, truth in pairs if truth.sum() >= LEAST_TREE_PX]


def drawn_pictures(every: int) -> dict:
    """Return pictures with drawn masks, by the name of their set.

    Every second patient is left out: corrections of clicks were developed on them.
    """
    folder = os.environ.get("MOTIONSEG_GOLD")
    if not folder:
        print("MOTIONSEG_GOLD is not set: rows of drawn masks stay as they are")
        return {}
    found = {}
    for path in sorted(Path(folder).glob("*.npz")):
        pictures = read_mask_set(path, path)
        patients = sorted({p.group for p in pictures}, key=lambda n: (len(n), n))
        pictures = [p for p in pictures if p.group in patients[1::2]][::every]
        found[f"drawn: {path.stem}"] = [
            (p.image.astype(np.float32) / 255, p.mask) for p in pictures
        ]
    return found


def silver_pictures(every: int) -> dict:
    """Return frames of real loops with masks that a network made."""
    folder = os.environ.get("MOTIONSEG_DATA")
    if not folder:
        print("MOTIONSEG_DATA is not set: rows of real loops stay as they are")
        return {}
    found = []
    inner = slice(BORDER_PX, -BORDER_PX)
    for loop in read_references(folder, ["p5", "p6"]):
        for t in loop.shown[:: SILVER_STRIDE * every]:
            frame = loop.cine.normalized(int(t))[inner, inner]
            found.append((frame, loop.masks[t][inner, inner].astype(bool)))
    return {"silver: p5, p6": found}
