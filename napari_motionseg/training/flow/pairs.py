"""Hold picture pairs with known flow, and a pool of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.synthesis import PairBatch
from napari_motionseg.training.engine.example_pool import ExamplePool


@dataclass(frozen=True)
class Pairs:
    """Picture pairs and their flow, in half precision to save memory.

    Parameters
    ----------
    pictures
        Pictures ``(N, 2, H, W)`` float16 in [0, 1]: first and second picture.
    flow
        Flow ``(N, 2, H, W)`` float16 in px, from the first to the second picture.
    vessel
        Vessel masks ``(N, H, W)`` bool of the first pictures.
    """

    pictures: Tensor
    flow: Tensor
    vessel: Tensor

    @classmethod
    def of(cls, batch: PairBatch) -> Pairs:
        """Convert pairs of the synthesis, on their device."""
        pictures = torch.stack((batch.first, batch.second), dim=1)
        return cls(pictures.half(), batch.flow.half(), batch.vessel)


class PairPool(ExamplePool[Pairs]):
    """A pool of picture pairs; see `ExamplePool`."""

    def pair(self, step: int, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures ``(2, H, W)``, flow ``(2, H, W)`` and vessel ``(H, W)``."""
        pairs, i = self.at(step, index)
        return pairs.pictures[i], pairs.flow[i], pairs.vessel[i]
