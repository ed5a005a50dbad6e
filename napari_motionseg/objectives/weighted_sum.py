"""Several objectives in one run, each with its weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.checks import check_positive


@dataclass(frozen=True)
class Several:
    """Objectives on one embedding, whose weighted losses are added up.

    Parameters
    ----------
    objectives
        By name; see `OBJECTIVES`.
    weights
        Of each by name; positive.

    Raises
    ------
    SettingsError
        If there is none, or a weight is not positive.
    """

    objectives: Mapping[str, Any]
    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        if not self.objectives:
            raise SettingsError("there must be an objective; got none")
        for name in self.objectives:
            check_positive(f"the weight of {name}", self.weights[name])

    @property
    def points(self) -> int:
        """The largest number of pixels that one of them looks at."""
        return max(getattr(one, "points", 1) for one in self.objectives.values())

    @property
    def needs_second_frame(self) -> bool:
        """Whether one of them looks at the later frame too."""
        return any(map(needs_second_frame, self.objectives.values()))

    def learnable(self, embedding_dim: int) -> WeightedSum:
        """Return them as a module, whose parameters are to be optimized."""
        return WeightedSum(self, embedding_dim)


class WeightedSum(nn.Module):
    """`Several`, with the weights that objectives have of their own.

    Parameters
    ----------
    several
        The objectives.
    embedding_dim
        D.
    """

    def __init__(self, several: Several, embedding_dim: int) -> None:
        super().__init__()
        self._several = several
        modules = {
            name: objective.learnable(embedding_dim)
            for name, objective in several.objectives.items()
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

        Among them is each one's own loss, ``name.loss``, without its weight.

        Parameters
        ----------
        embedding, flow, generator
            See `OBJECTIVES`.
        second
            ``(B, D, H, W)``, the later frame's embedding, where one asks for it.
        """
        total = embedding.new_zeros((), dtype=torch.float32)
        metrics: dict[str, float] = {}
        calls = {**self._several.objectives, **dict(self.own.items())}
        for name, objective in self._several.objectives.items():
            later = (second,) if needs_second_frame(objective) else ()
            loss, own = calls[name](embedding, flow, generator, *later)
            total = total + self._several.weights[name] * loss
            metrics[f"{name}.loss"] = float(loss.detach())
            metrics |= {f"{name}.{metric}": value for metric, value in own.items()}
        return total, metrics


def needs_second_frame(objective: Any) -> bool:
    """Return whether an objective is called with the later frame's embedding too."""
    return bool(getattr(objective, "needs_second_frame", False))
