"""Read loops with a reference mask and the patient of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError
from napari_motionseg.io import Labels, read_cine, read_labels
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine

# on a frame with less vessel, a single wrong pixel would dominate the Dice
LEAST_SHARE = 2000 / 512**2
MASK_SUFFIX = "_mask.npz"


@dataclass(frozen=True)
class ReferenceLoop:
    """A loop with a reference for its vessels.

    Parameters
    ----------
    name
        Name for tables.
    group
        Patient of the loop; a split never separates a group.
    cine
        The loop itself.
    masks
        Vessel masks ``(T, H, W)`` bool.
    valid
        ``(T,)`` bool, the frames whose mask is reliable.
    """

    name: str
    group: str
    cine: Cine
    masks: NDArray[np.bool_]
    valid: NDArray[np.bool_]

    @property
    def shown(self) -> NDArray[np.intp]:
        """Undamaged frames ``(N,)`` with a reliable mask that show contrast agent."""
        share = self.masks.mean(axis=(1, 2))
        wanted = np.flatnonzero(self.valid & (share >= LEAST_SHARE))
        good = [t for t in wanted if self.cine.frames.usable(int(t))]
        return np.asarray(good, np.intp)

    def labels(self, frames: Sequence[int]) -> Labels:
        """Return dense labels of the given frames."""
        labelled = np.zeros(len(self.cine), np.bool_)
        labelled[list(frames)] = True
        return Labels(self.masks.astype(np.uint8), labelled, "dense")


def read_references(
    folder: str | Path, groups: Sequence[str] | None = None
) -> list[ReferenceLoop]:
    """Read a folder of ``GROUP_NAME.dcm``, each beside ``GROUP_NAME_mask.npz``.

    Parameters
    ----------
    folder
        Path of the folder. Masks hold an array ``mask`` or ``labels`` ``(T, H, W)``,
        and ``valid`` or ``labelled`` ``(T,)``, as `read_labels` reads them.
    groups
        Groups to read; None reads all.

    Raises
    ------
    LabelError
        If no loop of a group has a mask, or a mask does not fit its loop.
    """
    found = []
    for path in sorted(Path(folder).glob(f"*{MASK_SUFFIX}")):
        name = path.name.removesuffix(MASK_SUFFIX)
        group = name.split("_")[0]
        if groups is None or group in groups:
            cine = read_cine(path.with_name(f"{name}.dcm"))
            labels = read_labels(path, shape=cine.shape)
            masks = labels.labels > 0
            found.append(ReferenceLoop(name, group, cine, masks, labels.labelled))
    missing = sorted(set(groups or ()) - {loop.group for loop in found})
    if missing or not found:
        raise LabelError(
            f"{folder}: there is no loop with a mask ({'NAME' + MASK_SUFFIX}) of "
            f"{', '.join(missing) or 'any group'}"
        )
    return found


def synthetic_references(
    count: int, seed: int, config: SynthesisConfig | None = None
) -> list[ReferenceLoop]:
    """Make synthetic loops, each a group of its own.

    Parameters
    ----------
    count
        Number of loops.
    seed
        Seed of the first loop; the others have the next numbers.
    config
        Configuration of the loops; None is filled angiograms of 12 frames of 256 px.
    """
    config = config or SynthesisConfig(size=256, frames=12, bolus=False)
    loops = []
    for number in range(seed, seed + count):
        made = synthesize_cine(config, number)
        valid = np.ones(len(made.cine), np.bool_)
        name = f"synthetic-{number}"
        masks = np.asarray(made.masks, np.bool_)
        loops.append(ReferenceLoop(name, name, made.cine, masks, valid))
    return loops
