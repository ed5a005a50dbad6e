"""An objective of your own, trained by the same loop as the ones that ship.

    python examples/own_objective.py

To make it a choice of the command line and the window, see CONTRIBUTING.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_motionseg import SynthesisConfig, synthesize_cine
from napari_motionseg.jobs import run
from napari_motionseg.models import UNet, UNetConfig
from napari_motionseg.training import TrainingSettings, train_job


@dataclass(frozen=True)
class SmoothWhereStill:
    """Neighbours in a row get like embeddings where flow does not jump."""

    sigma: float = 1.0

    def __call__(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of ``(B, D, H, W)`` beside ``(B, 2, H, W)``, and metrics."""
        jump = (flow[..., 1:] - flow[..., :-1]).square().sum(dim=1)
        weight = torch.exp(-jump / (2 * self.sigma**2))
        unit = nn.functional.normalize(embedding, dim=1)
        cosine = (unit[..., 1:] * unit[..., :-1]).sum(dim=1)
        loss = (weight * (1 - cosine) + (1 - weight) * cosine.clamp(min=0)).mean()
        return loss, {"cosine": float(cosine.mean())}


class ExactFlowTask:
    """Frames of a synthetic loop with their exact flow, and the objective on them."""

    def __init__(self, model: nn.Module, objective: SmoothWhereStill) -> None:
        self.model, self._objective = model, objective
        made = synthesize_cine(SynthesisConfig(size=64, frames=4), seed=1)
        pairs = [(made.cine.normalized(t), made.flow(t, t + 1)) for t in range(3)]
        self._frames = torch.stack([torch.from_numpy(f)[None] for f, _ in pairs])
        self._flow = torch.stack([torch.from_numpy(flow) for _, flow in pairs])

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of one frame, drawn by the step's generator, and metrics."""
        chosen = torch.randint(3, (1,), generator=generator)
        embedding = self.model(self._frames[chosen].to(device))
        return self._objective(embedding, self._flow[chosen].to(device), generator)

    def preview(self) -> None:
        """Show nothing."""


def main(steps: int = 20) -> list[float]:
    """Train and return the loss of each step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the layers' own initialisation knows no generator
        model = UNet(UNetConfig(width=4, depth=2, embedding_dim=8))
    task = ExactFlowTask(model, SmoothWhereStill())
    losses = run(train_job(task, TrainingSettings(steps=steps))).losses
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f} in {steps} steps")
    return losses


if __name__ == "__main__":
    main()
