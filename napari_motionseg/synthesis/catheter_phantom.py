"""A phantom of a catheter's shaft, empty or filled, whose diameter is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.synthesis.vessel_phantom import (
    PhantomConfig,
    VesselPhantom,
    noisy_picture,
    vessel_axis,
    way_through,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CatheterConfig:
    """Settings of a catheter; lengths in px.

    Parameters
    ----------
    picture
        Outer radius, blur, noise, tissue, bend and size, as of a vessel; its contrast
        is that of the agent in the lumen.
    lumen
        Diameter of the lumen, as a share of the outer one.
    wall
        Gray values that one pixel's width of wall takes away.
    filled
        Share of the agent's contrast in the lumen; 0 for an empty catheter.
    """

    picture: PhantomConfig
    lumen: float = 0.75
    wall: float = 0.02
    filled: float = 0.0


def catheter_phantom(config: CatheterConfig, seed: int = 0) -> VesselPhantom:
    """Return a picture of a shaft; the radius of its truth is the outer one.

    Parameters
    ----------
    config
        Settings of the catheter.
    seed
        Draws noise and tissue.
    """
    picture = config.picture
    centre, radius = vessel_axis(picture)
    shaft, mask = way_through(centre, radius, picture.size)
    lumen, _ = way_through(centre, config.lumen * radius, picture.size)
    agent = config.filled * picture.contrast
    absorbed = config.wall * (shaft - lumen) + agent * lumen
    rng = np.random.default_rng(seed)
    return VesselPhantom(noisy_picture(absorbed, picture, rng), centre, radius, mask)
