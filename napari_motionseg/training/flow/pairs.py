"""Picture pairs with known flow, and a pool of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.synthesis import PairBatch
from napari_motionseg.training.engine.example_pool import Pool


@dataclass(frozen=True)
class Pairs:
    """Picture pairs and their flow, half precision to keep many.

    Parameters
    ----------
    pictures
        ``(N, 2, H, W)`` float16 in [0, 1]: first and second picture.
    flow
        ``(N, 2, H, W)`` float16, pixels from the first to the second.
    vessel
        ``(N, H, W)`` bool, vessels of the first picture.
    """

    pictures: Tensor
    flow: Tensor
    vessel: Tensor

    @classmethod
    def of(cls, batch: PairBatch) -> Pairs:
        """Take what the synthesis made, on the device where it was made."""
        pictures = torch.stack((batch.first, batch.second), dim=1)
        return cls(pictures.half(), batch.flow.half(), batch.vessel)


class PairPool(Pool[Pairs]):
    """A pool of picture pairs; see `Pool`."""

    def pair(self, step: int, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures ``(2, H, W)``, flow ``(2, H, W)`` and vessel ``(H, W)``."""
        pairs, i = self.at(step, index)
        return pairs.pictures[i], pairs.flow[i], pairs.vessel[i]
