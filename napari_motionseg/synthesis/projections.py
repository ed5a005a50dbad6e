"""Draw the usual projections of coronary angiography."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis.centrelines import LEFT
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.geometry import Cameras, about

ANGLE_SPREAD = 6.0  # degrees: standard deviation of each angle
# Direction of the heart's axes in the patient, x to the left, y to the feet, z to the
# back: the apex points to the left, the front and the feet, and the right ventricle
# lies to the right and in front
APEX = (0.66, 0.42, -0.62)
RIGHT_VENTRICLE = (-0.7, 0.05, -0.7)
HEART_SPREAD = 7.0  # degrees: standard deviation of each rotation of the heart


@dataclass(frozen=True)
class Projection:
    """A usual view.

    Parameters
    ----------
    name
        Name as it is said in the catheter laboratory.
    primary, secondary
        Angles in degrees: LAO positive, cranial positive.
    left, right
        How often it is used for the left and for the right tree.
    """

    name: str
    primary: float
    secondary: float
    left: float
    right: float


# Di Mario and Sutaria, Heart 2005;91:968
PROJECTIONS = (
    Projection("RAO caudal", -25, -24, 3.0, 0.0),
    Projection("AP caudal", 0, -28, 2.0, 0.0),
    Projection("RAO cranial", -20, 32, 2.5, 0.5),
    Projection("AP cranial", 0, 35, 2.5, 2.0),
    Projection("LAO cranial", 36, 26, 2.5, 2.5),
    Projection("spider (LAO caudal)", 46, -28, 2.5, 0.0),
    Projection("LAO", 42, 2, 0.7, 4.0),
    Projection("RAO", -32, 2, 1.0, 4.0),
    Projection("left lateral", 88, 0, 0.7, 0.7),
)


def draw_usual_views(config: SynthesisConfig, tree: Tensor, draws: Draws) -> Cameras:
    """Draw usual views of the trees.

    Parameters
    ----------
    config
        Its `view` is used.
    tree
        Tree ``(B,)`` that is injected with contrast agent: left 0, right 1.
    draws
        Source of the random views.
    """
    count, device = len(tree), draws.device
    often = torch.tensor([(p.left, p.right) for p in PROJECTIONS], device=device)
    limits = (often / often.sum(dim=0)).cumsum(dim=0)[:, (tree != LEFT).long()]
    chosen = (draws.uniform(count, 0, 1) >= limits).sum(dim=0)
    chosen = chosen.clamp(max=len(PROJECTIONS) - 1)
    usual = torch.tensor([(p.primary, p.secondary) for p in PROJECTIONS], device=device)
    angles = usual[chosen] + ANGLE_SPREAD * draws.normal((count, 2))
    if not config.view:
        angles = torch.zeros_like(angles)
    wobble = torch.deg2rad(HEART_SPREAD * draws.normal((count, 3))).unbind(dim=1)
    return cameras_at(
        angles, about(0, wobble[0]) @ about(1, wobble[1]) @ about(2, wobble[2])
    )


def cameras_at(angles: Tensor, lie: Tensor) -> Cameras:
    """Return C-arms at given angles.

    Parameters
    ----------
    angles
        Primary and secondary angle ``(B, 2)`` in degrees: LAO and cranial positive.
    lie
        Rotation ``(B, 3, 3)`` of each heart in its patient, away from the usual.
    """
    primary, secondary = torch.deg2rad(angles).unbind(dim=1)
    # the arm turns about the patient first, and then tilts
    turn = about(0, secondary) @ about(1, primary)
    centre = torch.full((len(angles), 2), 256.0, device=angles.device)
    return Cameras(turn @ lie @ _heart_axes(angles.device), centre, angles)


def _heart_axes(device: torch.device) -> Tensor:
    """Return the rotation ``(3, 3)`` from the axes of the heart to the patient's."""
    apex = functional.normalize(torch.tensor(APEX, device=device), dim=0)
    right = torch.tensor(RIGHT_VENTRICLE, device=device)
    right = functional.normalize(right - (right @ apex) * apex, dim=0)
    return torch.stack((right, torch.linalg.cross(apex, right), apex), dim=1)
