"""Train on the weighted sum of several objectives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.checks import check_positive
from napari_motionseg.objectives.explained import INFORMATION, pooled_explained


@dataclass(frozen=True)
class ObjectiveSet:
    """Objectives on one embedding; the weighted sum of their losses is minimized.

    Parameters
    ----------
    objectives
        Objectives by name, as in `OBJECTIVES`.
    weights
        Positive weight of each objective, by name.

    Raises
    ------
    SettingsError
        If there is no objective, or a weight is not positive.
    """

    objectives: Mapping[str, Any]
    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        if not self.objectives:
            raise SettingsError("at least one objective is needed; got none")
        for name in self.objectives:
            check_positive(f"the weight of {name}", self.weights[name])

    @property
    def points(self) -> int:
        """Largest number of pixels of a picture that an objective draws."""
        return max(getattr(one, "points", 1) for one in self.objectives.values())

    @property
    def needs_second_frame(self) -> bool:
        """Whether an objective also needs the embedding of the later frame."""
        return any(map(needs_second_frame, self.objectives.values()))

    def learnable(self, embedding_dim: int) -> WeightedSum:
        """Return the objectives as a module with parameters to be optimized."""
        return WeightedSum(self, embedding_dim)


class WeightedSum(nn.Module):
    """An `ObjectiveSet` as a module that holds the parameters of its objectives.

    Parameters
    ----------
    objectives
        The objectives and their weights.
    embedding_dim
        Length D of an embedding.
    """

    def __init__(self, objectives: ObjectiveSet, embedding_dim: int) -> None:
        super().__init__()
        self._objectives = objectives
        modules = {
            name: objective.learnable(embedding_dim)
            for name, objective in objectives.objectives.items()
            if hasattr(objective, "learnable")
        }
        self.own = nn.ModuleDict(modules)

    def forward(
        self,
        embedding: Tensor,
        flow: Tensor,
        generator: torch.Generator,
        second: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the weighted sum of losses, and all metrics as ``name.metric``.

        The metrics include the loss of each objective without its weight,
        ``name.loss``, and ``"explained"`` of all objectives together, in which each
        counts by its weight and its information.

        Parameters
        ----------
        embedding, flow, generator
            Embedding, flow and generator as the objectives take them; see `OBJECTIVES`.
        second
            Embedding ``(B, D, H, W)`` of the later frame; None if no objective needs
            it.
        """
        total = embedding.new_zeros((), dtype=torch.float32)
        metrics: dict[str, float] = {}
        weighted: list[dict[str, float]] = []
        calls = {**self._objectives.objectives, **dict(self.own.items())}
        for name, objective in self._objectives.objectives.items():
            later = (second,) if needs_second_frame(objective) else ()
            loss, own = calls[name](embedding, flow, generator, *later)
            weight = self._objectives.weights[name]
            total = total + weight * loss
            if INFORMATION in own:
                weighted.append({**own, INFORMATION: weight * own[INFORMATION]})
            metrics[f"{name}.loss"] = float(loss.detach())
            metrics |= {f"{name}.{metric}": value for metric, value in own.items()}
        return total, metrics | pooled_explained(weighted)


def needs_second_frame(objective: Any) -> bool:
    """Return whether an objective also needs the embedding of the later frame."""
    return bool(getattr(objective, "needs_second_frame", False))
