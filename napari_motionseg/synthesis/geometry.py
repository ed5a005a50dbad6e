"""The C-arm: where a point of the heart appears in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws

FOCUS = 2400.0  # px from the heart to the X-ray source, about 75 cm


@dataclass(frozen=True)
class Cameras:
    """C-arms of many scenes.

    Parameters
    ----------
    rotation
        ``(B, 3, 3)``: from the heart's axes to the picture's (x right, y down, z to
        the source).
    centre
        ``(B, 2)`` of the heart in the picture, x and y in px at 512 px.
    angles
        ``(B, 2)`` degrees: primary (LAO positive) and secondary (cranial positive).
    """

    rotation: Tensor
    centre: Tensor
    angles: Tensor

    def project(self, points: Tensor, scene: Tensor) -> Tensor:
        """Return ``(N, 2)`` x, y in px at 512 px.

        Of points ``(N, 3)`` of scenes ``(N,)``; cone-beam: what is nearer to the source
        appears larger.
        """
        turned = (self.rotation[scene] @ points[..., None])[..., 0]
        magnification = FOCUS / (FOCUS - turned[:, 2:])
        return turned[:, :2] * magnification + self.centre[scene]

    def centred(self, points: Tensor, scene: Tensor, jitter: Tensor) -> Cameras:
        """Return C-arms that look at the middle of points, off by `jitter` (B, 2)."""
        seen = self.project(points, scene) - self.centre[scene]
        total = torch.zeros_like(self.centre).index_add_(0, scene, seen)
        number = torch.bincount(scene, minlength=len(total)).clamp(min=1)
        middle = total / number[:, None]
        return Cameras(self.rotation, 256 + jitter - middle, self.angles)


def draw_cameras(config: SynthesisConfig, count: int, draws: Draws) -> Cameras:
    """Return usual views, with the heart's own tilt in the chest."""
    usual = draws.uniform(count, -45, 50), draws.uniform(count, -30, 32)
    primary, secondary = (a if config.view else torch.zeros_like(a) for a in usual)
    tilt = _about(0, torch.deg2rad(90 + draws.uniform(count, -8, 8)))
    lean = _about(2, torch.deg2rad(draws.uniform(count, -50, -25)))
    turn = _about(1, torch.deg2rad(primary)) @ _about(0, torch.deg2rad(secondary))
    centre = torch.full((count, 2), 256.0, device=draws.device)
    angles = torch.stack((primary, secondary), dim=1)
    return Cameras(turn @ lean @ tilt, centre, angles)


def _about(axis: int, angle: Tensor) -> Tensor:
    """Return rotations ``(B, 3, 3)`` about one axis by angles ``(B,)`` in radians."""
    c, s = angle.cos(), angle.sin()
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = torch.eye(3, device=angle.device).repeat(len(angle), 1, 1)
    matrix[:, i, i] = matrix[:, j, j] = c
    matrix[:, i, j], matrix[:, j, i] = -s, s
    return matrix
