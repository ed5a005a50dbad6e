"""Draw the usual projections of a territory."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_motionseg.synthesis.centrelines import LEFT, Trees
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.geometry import Cameras, about
from napari_motionseg.synthesis.territory import Territory

ANGLE_SPREAD = 6.0  # degrees: standard deviation of each angle
MIRROR = (-1.0, 1.0, 1.0)  # of the patient's right side to the left


def draw_usual_views(
    territory: Territory, config: SynthesisConfig, tree: Tensor, draws: Draws
) -> Cameras:
    """Draw usual views of the trees.

    Parameters
    ----------
    territory
        Territory with its usual views.
    config
        Its `view` is used.
    tree
        Tree ``(B,)`` that is injected with contrast agent: left 0, right 1.
    draws
        Source of the random views.
    """
    count, device = len(tree), draws.device
    projections = territory.projections
    often = torch.tensor([(p.left, p.right) for p in projections], device=device)
    limits = (often / often.sum(dim=0)).cumsum(dim=0)[:, (tree != LEFT).long()]
    chosen = (draws.uniform(count, 0, 1) >= limits).sum(dim=0)
    chosen = chosen.clamp(max=len(projections) - 1)
    usual = torch.tensor([(p.primary, p.secondary) for p in projections], device=device)
    angles = usual[chosen] + ANGLE_SPREAD * draws.normal((count, 2))
    if not config.view:
        angles = torch.zeros_like(angles)
    wobble = torch.deg2rad(territory.lie_spread * draws.normal((count, 3))).unbind(
        dim=1
    )
    lie = about(0, wobble[0]) @ about(1, wobble[1]) @ about(2, wobble[2])
    return cameras_at(territory, angles, lie, tree)


def towards(
    territory: Territory, cameras: Cameras, trees: Trees, jitter: Tensor
) -> Cameras:
    """Return C-arms that look at the middle of what is examined, plus `jitter`.

    Parameters
    ----------
    territory
        Territory that says which point is in the middle.
    cameras
        Views of the scenes.
    trees
        Vessels of the scenes.
    jitter
        Offset ``(B, 2)`` in px at 512 px from the middle of the picture.
    """
    if territory.look_at is None:
        return cameras.centred(trees.points, trees.scene, jitter)
    scene = torch.arange(len(jitter), device=jitter.device)
    point = torch.tensor(territory.look_at, device=jitter.device).repeat(len(jitter), 1)
    if territory.paired:
        first = trees.first_samples(len(jitter))
        point[trees.tree[first] != LEFT, 0] *= -1
    return cameras.centred(territory.px_per_mm * point, scene, jitter)


def cameras_at(
    territory: Territory, angles: Tensor, lie: Tensor, tree: Tensor
) -> Cameras:
    """Return C-arms at given angles.

    Parameters
    ----------
    territory
        Territory that says how the organ lies in the patient.
    angles
        Primary and secondary angle ``(B, 2)`` in degrees: LAO and cranial positive.
    lie
        Rotation ``(B, 3, 3)`` of each organ in its patient, away from the usual.
    tree
        Tree ``(B,)`` that is injected. The right organ of a pair lies as the mirror
        image of the left one.
    """
    primary, secondary = torch.deg2rad(angles).unbind(dim=1)
    # the arm turns about the patient first, and then tilts
    turn = about(0, secondary) @ about(1, primary)
    centre = torch.full((len(angles), 2), 256.0, device=angles.device)
    usual = territory.rotation(angles.device)
    if territory.paired:
        mirror = torch.tensor(MIRROR, device=angles.device)
        right = (tree != LEFT)[:, None, None]
        usual = torch.where(right, mirror[:, None] * usual * mirror, usual)
    return Cameras(turn @ lie @ usual, centre, angles)
