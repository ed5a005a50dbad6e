"""Draw the courses of catheters in the picture, from the ostium to the outside."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis.centrelines import Trees
from napari_motionseg.synthesis.curves import bezier
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.geometry import Cameras, about
from napari_motionseg.synthesis.vessel_courses import spline

OUTSIDE_PX = -140.0  # coordinate at which devices from outside begin
MM_PX = 5.0  # px of a mm at the heart, in a picture of 512 px
AORTA_MM = 13.0  # radius of the aortic root
FEMORAL_SHARE = 0.45  # the others come from the arm and leave the picture at the top
NODES = 400
TIP_SAMPLES = 8  # samples of a vessel that give the direction at its ostium


def bent_course(ostium: Tensor, draws: Draws) -> Tensor:
    """Return a course ``(K, 2)`` in px that leaves the picture at the top or bottom.

    Parameters
    ----------
    ostium
        Position ``(2,)`` of its tip in the picture, in px at 512 px.
    draws
        Source of the random bends.
    """

    def one(low: float, high: float) -> float:
        return float(draws.uniform(1, low, high))

    (x, y), above = ostium.tolist(), one(0, 1) < 0.8
    start = OUTSIDE_PX if above else 512 - OUTSIDE_PX
    side = 1 if one(0, 1) < 0.5 else -1
    toward = -1 if above else 1
    entry_x = x + one(-140, 90)
    bend = y - toward * one(-10, 45)
    course = bezier(
        [
            (entry_x, start), (entry_x + one(-40, 40), bend + toward * 120),
            (x + side * one(15, 70), bend), (x, y),
        ],
        ostium.device,
    )  # fmt: skip
    return course.flip(0)  # the tip first


def aortic_course(
    ostium: Tensor, ahead: Tensor, cameras: Cameras, scene: int, draws: Draws
) -> Tensor:
    """Return a course ``(K, 2)`` in px through the aorta, along its walls.

    The tip lies in the ostium and points along the vessel. The catheter leans on the
    opposite wall of the root, and comes down the ascending aorta. A femoral catheter
    also passes the arch and the descending aorta.

    Parameters
    ----------
    ostium, ahead
        Position ``(3,)`` of the ostium on the heart in px, and unit vector ``(3,)``
        along the vessel there.
    cameras
        Views of the scenes.
    scene
        Index of the scene.
    draws
        Source of the random shape.
    """
    patient = _patient_axes(cameras, scene)
    left, down, back = (MM_PX * axis for axis in patient)
    opposite = -MM_PX * ahead

    def one(low: float, high: float) -> float:
        return float(draws.uniform(1, low, high))

    root = ostium + AORTA_MM * opposite
    wall = ostium + 1.7 * AORTA_MM * opposite
    lean, low = one(-0.2, 0.2), one(-12, 25)
    points = [
        ostium - one(0.5, 3.0) * opposite,
        ostium + one(3.0, 6.0) * opposite,
        wall - low * down + 4 * lean * left,
        wall - (low + one(14, 24)) * down,
        root - one(48, 60) * down + (20 * lean - 8) * left - 6 * back,
        root - one(78, 88) * down - 4 * left,
    ]
    if one(0, 1) < FEMORAL_SHARE:
        across = one(16, 26)
        points += [
            root - one(98, 104) * down + 0.5 * across * left + 25 * back,
            root - one(72, 84) * down + across * left + 58 * back,
            root - 20 * down + (across - 3) * left + one(56, 68) * back,
            root + 60 * down + (across - 6) * left + one(56, 68) * back,
            root + 160 * down + (across - 10) * left + 60 * back,
        ]
    else:
        points += [root - 120 * down - one(0, 25) * left, root - 190 * down - 30 * left]
    course = spline(torch.stack(points)[None], NODES)[0]
    return cameras.project(course, torch.full((NODES,), scene, device=course.device))


def ahead_at(trees: Trees, ostium: Tensor) -> Tensor:
    """Return the unit vector ``(3,)`` along the vessel at its ostium.

    Parameters
    ----------
    trees
        Vessels of the scenes.
    ostium
        Index of the sample at the ostium.
    """
    ahead = trees.points[int(ostium) + TIP_SAMPLES] - trees.points[int(ostium)]
    return functional.normalize(ahead, dim=0)


def trunk_course(
    ostium: Tensor,
    ahead: Tensor,
    cameras: Cameras,
    scene: int,
    draws: Draws,
    *,
    from_below: float,
    trunk_mm: float,
    px_per_mm: float,
) -> Tensor:
    """Return a course ``(K, 2)`` in px through the trunk that the vessel leaves.

    The tip lies in the vessel. The catheter runs straight back for a way, and turns
    into the trunk, which runs along the patient.

    Parameters
    ----------
    ostium, ahead, cameras, scene, draws
        Values as for `aortic_course`.
    from_below
        Share of catheters that come from below; the others come from above.
    trunk_mm
        Distance in mm from the ostium to the middle of the trunk.
    px_per_mm
        Pixels of a mm at the isocentre, in a picture of 512 px.
    """
    mm = px_per_mm
    left, down, back = _patient_axes(cameras, scene)
    below = float(draws.uniform(1, 0, 1)) < from_below
    aside = draws.normal(4).tolist()
    along = mm * (down if below else -down)
    corner = ostium - mm * trunk_mm * ahead
    tip = ostium + mm * float(draws.uniform(1, 2, 9)) * ahead
    far = [
        corner + way * along + 0.025 * mm * way * (one * left + two * back)
        for way, one, two in zip((10, 30, 90, 260), aside, aside[::-1], strict=True)
    ]
    points = [tip, ostium, ostium - 0.5 * mm * trunk_mm * ahead, corner, *far]
    course = spline(torch.stack(points)[None], NODES)[0]
    return cameras.project(course, torch.full((NODES,), scene, device=course.device))


def _patient_axes(cameras: Cameras, scene: int) -> Tensor:
    """Return the patient's left, down and back ``(3, 3)`` in the axes of the heart."""
    primary, secondary = torch.deg2rad(cameras.angles[scene])[:, None]
    turn = (about(0, secondary) @ about(1, primary))[0]
    return (cameras.rotation[scene].T @ turn).T
