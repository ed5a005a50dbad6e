"""Model the C-arm: where a point of an organ appears in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws

FOCUS = 2400.0  # px from the heart to the X-ray source, about 75 cm


@dataclass(frozen=True)
class Cameras:
    """C-arm geometries, one row for each scene.

    Parameters
    ----------
    rotation
        Rotation ``(B, 3, 3)`` from the axes of the organ to those of the picture (x
        right, y down, z towards the source).
    centre
        Position ``(B, 2)`` of its middle in the picture, x and y in px at 512 px.
    angles
        Angles ``(B, 2)`` in degrees: primary (LAO positive), secondary (cranial
        positive).
    """

    rotation: Tensor
    centre: Tensor
    angles: Tensor

    def project(self, points: Tensor, scene: Tensor) -> Tensor:
        """Project points ``(N, 3)`` of scenes ``(N,)`` to ``(N, 2)``, px at 512 px.

        The projection is a cone beam: points nearer to the source appear larger.
        """
        turned = (self.rotation[scene] @ points[..., None])[..., 0]
        magnification = FOCUS / (FOCUS - turned[:, 2:])
        return turned[:, :2] * magnification + self.centre[scene]

    def centred(self, points: Tensor, scene: Tensor, jitter: Tensor) -> Cameras:
        """Return C-arms that look at the middle of points, plus `jitter` (B, 2)."""
        seen = self.project(points, scene) - self.centre[scene]
        total = torch.zeros_like(self.centre).index_add_(0, scene, seen)
        number = torch.bincount(scene, minlength=len(total)).clamp(min=1)
        middle = total / number[:, None]
        return Cameras(self.rotation, 256 + jitter - middle, self.angles)


def draw_cameras(config: SynthesisConfig, count: int, draws: Draws) -> Cameras:
    """Draw usual views, including the tilt of the heart in the chest."""
    usual = draws.uniform(count, -45, 50), draws.uniform(count, -30, 32)
    primary, secondary = (a if config.view else torch.zeros_like(a) for a in usual)
    tilt = about(0, torch.deg2rad(90 + draws.uniform(count, -8, 8)))
    lean = about(2, torch.deg2rad(draws.uniform(count, -50, -25)))
    turn = about(1, torch.deg2rad(primary)) @ about(0, torch.deg2rad(secondary))
    centre = torch.full((count, 2), 256.0, device=draws.device)
    angles = torch.stack((primary, secondary), dim=1)
    return Cameras(turn @ lean @ tilt, centre, angles)


def about(axis: int, angle: Tensor) -> Tensor:
    """Return rotations ``(B, 3, 3)`` about one axis by angles ``(B,)`` in radians."""
    c, s = angle.cos(), angle.sin()
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = torch.eye(3, device=angle.device).repeat(len(angle), 1, 1)
    matrix[:, i, i] = matrix[:, j, j] = c
    matrix[:, i, j], matrix[:, j, i] = -s, s
    return matrix
