"""Make synthetic loops: frames, masks and exact flow of one scene over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.cine import Cine, View
from napari_motionseg.errors import SettingsError
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.scenes import Moment, Scenes, draw_scenes
from napari_motionseg.synthesis.territories import spacing_mm

Flow = NDArray[np.float32]

MOMENTS_KEPT = 4  # frames whose computed geometry stays in memory


@dataclass(frozen=True)
class SyntheticCine:
    """A synthetic loop and its ground truth.

    Parameters
    ----------
    cine
        The loop itself.
    masks
        Vessel masks ``(T, H, W)`` bool. A pixel is True within the radius of a visible
        vessel that holds at least a third of full contrast; catheters are not included.
    scenes
        The scene that the loop was drawn from.
    moment
        Function that returns the scene at a frame.
    """

    cine: Cine
    masks: NDArray[np.bool_]
    scenes: Scenes
    moment: Callable[[int], Moment]

    def flow(self, t: int, u: int) -> Flow:
        """Return the true flow from frame `t` to frame `u`.

        Returns
        -------
        ndarray
            Flow ``(2, H, W)`` float32 in px, x first. It is that of the front layer at
            each pixel of frame t; see `Moment.flow`.
        """
        self._check(t, u)
        return _array(self.moment(t).flow(self.moment(u)))

    def hidden(self, t: int, u: int) -> NDArray[np.bool_]:
        """Return which pixels ``(H, W)`` of frame `t` are covered or outside in `u`."""
        self._check(t, u)
        return _array(self.moment(t).hidden(self.moment(u)))

    def layer_flows(self, t: int, u: int) -> dict[str, Flow]:
        """Return the flow ``(2, H, W)`` of each layer; see `Moment.layer_flows`."""
        self._check(t, u)
        flows = self.moment(t).layer_flows(self.moment(u))
        return {name: _array(flow) for name, flow in flows.items()}

    def layer_alphas(self, t: int) -> dict[str, NDArray[np.float32]]:
        """Return the coverage ``(H, W)`` of each layer in frame `t`.

        `Moment.alphas` describes the layers.
        """
        self._check(t, t)
        return {name: _array(a) for name, a in self.moment(t).alphas.items()}

    def tree_masks(self, t: int) -> NDArray[np.bool_]:
        """Return the visible pixels ``(2, H, W)`` of the left and the right tree."""
        self._check(t, t)
        return _array(self.moment(t).tree_masks)

    def _check(self, t: int, u: int) -> None:
        for frame in (t, u):
            if not 0 <= frame < len(self.cine):
                raise SettingsError(
                    f"frame must be between 0 and {len(self.cine) - 1}; got {frame}"
                )


def synthesize_cine(
    config: SynthesisConfig | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> SyntheticCine:
    """Make a synthetic angiogram whose vessels and motion are known exactly.

    Parameters
    ----------
    config
        Size of the loop and ranges of its content; None uses the defaults.
    seed
        Seed of all random numbers; the same seed gives the same loop.
    device
        Device on which the loop is computed.
    """
    config = config or SynthesisConfig()
    where = torch.device(device)
    scenes = draw_scenes(config, 1, Draws(torch.Generator().manual_seed(seed), where))
    grain = torch.Generator(where).manual_seed(seed + 1)

    @lru_cache(maxsize=MOMENTS_KEPT)
    def moment(t: int) -> Moment:
        return scenes.at(torch.tensor([t / config.frame_rate], device=where))

    frames = np.empty((config.frames, *config.shape), np.uint8)
    masks = np.empty(frames.shape, bool)
    for t in range(config.frames):
        frames[t] = _array((moment(t).frames(grain) * 255).round().to(torch.uint8))
        masks[t] = _array(moment(t).masks)
    spacing = spacing_mm(config)
    primary, secondary = scenes.cameras.angles[0].tolist()
    cine = Cine.from_array(
        frames,
        frame_times=np.arange(config.frames) * 1000 / config.frame_rate,
        pixel_spacing=(spacing, spacing),
        spacing_basis="known: synthetic",
        view=View(round(primary, 1), round(secondary, 1)),
        name=f"synthetic-{seed}",
        intensity_relationship="DISP",
        technical={"modality": "XA", "synthetic_seed": seed},
    )
    return SyntheticCine(cine, masks, scenes, moment)


def _array(one: Tensor) -> NDArray:  # type: ignore[type-arg]
    """Return the tensor of the only scene as an array."""
    return one[0].cpu().numpy()
