"""Provide all kinds of scenes behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.cube import draw_cube_scenes
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.layers import draw_layer_scenes
from napari_motionseg.synthesis.scenes import draw_scenes


class SceneMoment(Protocol):
    """Interface of scenes at one time each."""

    @property
    def masks(self) -> Tensor:
        """Mask ``(B, H, W)`` bool to be segmented: vessels, strokes or the cube."""

    @property
    def outlined(self) -> Tensor:
        """Mask ``(B, H, W)`` bool as a person would outline it."""

    @property
    def catheters(self) -> Tensor:
        """Mask ``(B, H, W)`` bool of catheters; empty in scenes that have none."""

    def frames(self, generator: torch.Generator) -> Tensor:
        """Return pictures ``(B, H, W)`` in [0, 1], in steps of 1/255."""

    def flow(self, then: Any) -> Tensor:
        """Return the flow ``(B, 2, H, W)`` in px to another time of the scenes."""


class AnyScenes(Protocol):
    """Interface of scenes of one kind."""

    def __len__(self) -> int:
        """Return the number of scenes."""

    def at(self, time: Tensor) -> SceneMoment:
        """Return the scenes at times ``(B,)`` in seconds."""


DRAWN: Mapping[str, Callable[[SynthesisConfig, int, Draws], AnyScenes]] = (
    MappingProxyType(
        {
            "angiogram": draw_scenes,
            "layers": draw_layer_scenes,
            "cube": draw_cube_scenes,
        }
    )
)


def draw_any(config: SynthesisConfig, count: int, draws: Draws) -> AnyScenes:
    """Draw `count` scenes of the configuration's kind."""
    return DRAWN[config.scene](config, count, draws)
