"""An objective of your own, trained by the same loop as the ones that ship.

    python examples/own_objective.py

CONTRIBUTING.md says how it becomes a choice of `motionseg pretrain --objective`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import normalize

from napari_motionseg import SynthesisConfig, synthesize_cine
from napari_motionseg.jobs import run
from napari_motionseg.models import UNet, UNetConfig
from napari_motionseg.training import TrainingSettings, train_job


@dataclass(frozen=True)
class SmoothWhereStill:
    """Neighbours in a row get like embeddings where flow does not jump."""

    sigma: float = 1.0

    def __call__(self, embedding: Any, flow: Any, generator: torch.Generator) -> Any:
        """Return the loss of ``(B, D, H, W)`` beside ``(B, 2, H, W)``, and metrics."""
        jump = (flow[..., 1:] - flow[..., :-1]).square().sum(dim=1)
        weight = torch.exp(-jump / (2 * self.sigma**2))
        unit = normalize(embedding, dim=1)
        cosine = (unit[..., 1:] * unit[..., :-1]).sum(dim=1)
        loss = (weight * (1 - cosine) + (1 - weight) * cosine.clamp(min=0)).mean()
        return loss, {"cosine": float(cosine.detach().mean())}


class ExactFlowTask:
    """Frames of a synthetic loop with their exact flow, and the objective on them."""

    def __init__(self) -> None:
        self.model = UNet(UNetConfig(width=4, depth=2, embedding_dim=8))
        made = synthesize_cine(SynthesisConfig(size=64, frames=4), seed=1)
        self._frame = torch.from_numpy(made.cine.normalized(1))[None, None]
        self._flow = torch.from_numpy(made.flow(1, 2))[None]

    def loss(self, step: int, generator: torch.Generator, device: torch.device) -> Any:
        """Return the loss of a step; draw its batch from `generator` alone."""
        embedding = self.model(self._frame.to(device))
        return SmoothWhereStill()(embedding, self._flow.to(device), generator)

    def preview(self) -> None:
        """Return something to look at; nothing here."""


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    losses = run(train_job(ExactFlowTask(), TrainingSettings(steps=20))).losses
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f} in {len(losses)} steps")
