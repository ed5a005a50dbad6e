"""How well the network that ships segments without any label.

    python benchmarks/masks.py                          # frozen synthetic sets
    MOTIONSEG_GOLD=../gold python benchmarks/masks.py   # and sets of drawn masks
    MOTIONSEG_DATA=../angiodata python benchmarks/masks.py    # and real loops, silver

The folder MOTIONSEG_GOLD holds npz files with images, masks and groups; see
`motionseg evaluate masks`. Rows whose folder is not named stay as they were.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from machine import here_and_now

from napari_motionseg.evaluation import read_references
from napari_motionseg.evaluation.frozen_sets import FROZEN_SETS, frozen_set, set_hash
from napari_motionseg.evaluation.mask_evaluation import evaluate_masks_job
from napari_motionseg.evaluation.mask_sets import MaskedPicture, read_mask_set
from napari_motionseg.jobs import run
from napari_motionseg.models.class_names import CATHETER, VESSEL
from napari_motionseg.segmentation import load_segmentation

RESULTS = Path(__file__).parent / "results" / "masks.json"
GOLD, DATA = "MOTIONSEG_GOLD", "MOTIONSEG_DATA"
PICTURES = 16  # of each frozen set
# SHA-256 over pictures and masks, frozen before the weights were trained. Processors
# differ in last digits, so that another machine's set may differ in a few pixels
FROZEN = {
    "quiet": "a35d423cde1d09e18f7ae492abf4a23acefe220598bae83cdbf68fe53f192c5c",
    "exact": "04188109714fd41cf06ec3d98dc0868d2838ce5fbfeefc1de76470b2ad6a51ac",
    "outlined": "37b01c4b7568b09840eb61d6b0140afb2dadc9f3b93f6a32696fb4da54193fef",
    "cameras": "effff6783319ac1080407b5f23794b54c11a8d4f9f9e34a877e8863a454fb997",
    "empty": "34edba738c7538a2525d3b6a4cf52c444c8b7d0f79397b9c10b78e6a80e32e3c",
    "catheters": "5dd66fdf5a08fcf23398bd044b84779ec210ec285debd0376c5d7f2bf6b5bebc",
    "cerebral": "c6f3086c9275b7db3f5c5edc6e3fc2e279fbac4a8aea56e0f98047da59cbcc6b",
    "renal": "94d42f73809b84fc4fcc987e59a65e6cd4d7cf89dac5b40bb0586a4e142defb1",
    "leg": "fa0dc630cc5560a7f3e989b210650fdc71129ac842c5f86d54967cdd5d79555e",
    "iliac": "9398b264d4cbee61078d642cdba8b6c4ba163dfd7d5f4ef177ef48e8430e83f9",
}
CLASS_OF = {"synthetic: catheters": CATHETER}  # of each set; the others show vessels
ENLARGED_SIDE = 512  # smaller pictures are measured at this side as well
BORDER_PX = 16  # of real loops, where silver masks end
SILVER_STRIDE = 12


def main() -> None:
    options = parse_options()
    sets: dict[str, Callable[[], list[MaskedPicture]]] = {
        f"synthetic: {name}": partial(frozen_set, name, options.pictures)
        for name in FROZEN_SETS
    }
    sets |= gold_sets(options.every) | silver_sets(options.groups)
    chosen = {n: s for n, s in sets.items() if not options.only or options.only in n}
    report = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rows": {}}
    network = load_segmentation(options.model)
    for name, make in chosen.items():
        pictures = make()
        row = measured(pictures, network, number=CLASS_OF.get(name, VESSEL))
        if name in CLASS_OF:  # how much of it is called vessel
            taken = measured(pictures, network, number=VESSEL)
            row["called_vessel"] = taken["measures"]["recall"]
        if name.startswith("synthetic: "):
            row["frozen"] = FROZEN[name.split(": ")[1]] == set_hash(pictures)
        report["rows"][name] = row | here_and_now()
        side = min(min(p.image.shape) for p in pictures)
        if name.startswith("drawn: ") and side < ENLARGED_SIDE:
            enlarged = measured(pictures, network, ENLARGED_SIDE)
            report["rows"][f"{name}, enlarged to 512 px"] = enlarged | here_and_now()
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default", help="checkpoint")
    parser.add_argument("--only", help="part of the names of the sets to measure")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="of each set")
    parser.add_argument("--every", type=int, default=1, help="drawn picture, of a set")
    parser.add_argument("--groups", default="p5,p6", help="patients of real loops")
    return parser.parse_args()


def measured(
    pictures: list[MaskedPicture],
    network,
    side: int | None = None,
    number: int = VESSEL,
) -> dict:
    """Return the summary of one set; the reliability diagram stays in it."""
    return run(evaluate_masks_job(pictures, network, side=side, number=number))


def gold_sets(every: int) -> dict[str, Callable[[], list[MaskedPicture]]]:
    """The sets of drawn masks that there are, every so many pictures of each."""
    folder = os.environ.get(GOLD)
    if not folder:
        print(f"{GOLD} is not set: rows of drawn masks stay as they are")
        return {}
    paths = sorted(Path(folder).glob("*.npz"))
    return {f"drawn: {p.stem}": partial(drawn, p, every) for p in paths}


def drawn(path: Path, every: int) -> list[MaskedPicture]:
    """Every so many pictures of one npz."""
    return read_mask_set(path, path)[::every]


def silver_sets(groups: str) -> dict[str, Callable[[], list[MaskedPicture]]]:
    """Frames of real loops with silver masks, if their folder is named."""
    folder = os.environ.get(DATA)
    if not folder:
        print(f"{DATA} is not set: rows of real loops stay as they are")
        return {}
    names = groups.split(",")
    return {f"silver: {', '.join(names)}": partial(silver, folder, names)}


def silver(folder: str, groups: list[str]) -> list[MaskedPicture]:
    """Frames of real loops, their borders left out."""
    inner = np.s_[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]
    return [
        MaskedPicture(
            f"{loop.name}-{t}", loop.group, loop.cine.frames[int(t)][inner],
            loop.masks[t][inner],
        )
        for loop in read_references(folder, groups)
        for t in loop.shown[::SILVER_STRIDE]
    ]  # fmt: skip


if __name__ == "__main__":
    main()
