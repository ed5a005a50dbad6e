"""Read the view angles, and which pixels lie under a shutter or collimator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine.acquisition import View
from napari_motionseg.io.dicom_values import Attributes

Area = NDArray[np.bool_]
ANGLES = ("PositionerPrimaryAngle", "PositionerSecondaryAngle")
POSITIONER = "PositionerPositionSequence"
MOST_ANGLE = 360.0  # degrees; larger values are damaged or in another unit
MOST_CORNERS = 1000  # of a shutter; each is compared with every pixel
ROTATION = 1.0  # degrees: a larger change of angle over the frames is noted


def view(attributes: Attributes) -> View | None:
    """Return the angles of the C-arm, or None; for a rotation, those of frame 0."""
    angles = []
    for keyword in ANGLES:
        angle = attributes.number(keyword)
        if angle is None:
            return None
        if abs(angle) > MOST_ANGLE:
            attributes.parts.note(f"{keyword} is {angle:g} degrees; it was ignored.")
            return None
        angles.append(angle)
        _note_rotation(attributes, keyword)
    return View(*angles)


def _note_rotation(attributes: Attributes, keyword: str) -> None:
    """Note an angle that changes over the frames of an enhanced object."""
    items = attributes.groups.sampled(POSITIONER, len(attributes.groups))
    angles = [
        a for item in items if (a := attributes.number(keyword, item)) is not None
    ]
    if angles and max(angles) - min(angles) > ROTATION:
        attributes.parts.note(
            f"{keyword} changes over the frames, from {angles[0]:g} to {angles[-1]:g} "
            "degrees; the first frame's is shown."
        )


def valid_area(attributes: Attributes, shape: tuple[int, int]) -> Area | None:
    """Return ``(H, W)``, True inside shutter and collimator; None if all is valid.

    The Standard counts rows and columns of edges from 1 (PS3.3 C.7.6.11, C.8.7.3). A
    shutter or collimator that cannot be read, or that would hide everything, is left
    out.
    """
    area = np.ones(shape, bool)
    for prefix in ("Shutter", "Collimator"):

        def read(prefix: str = prefix) -> Area:
            """Return ``(H, W)``, True where the shutter or the collimator is open."""
            return _visible(attributes, prefix, shape)

        visible = attributes.parts.read(prefix, read, np.ones(shape, bool))
        if not visible.any():
            attributes.parts.note(
                f"The {prefix.lower()} would hide the whole picture; it was ignored."
            )
            continue
        area &= visible
    return None if area.all() or not area.any() else area


def _visible(attributes: Attributes, prefix: str, shape: tuple[int, int]) -> Area:
    visible = np.ones(shape, bool)
    for name in attributes.texts(f"{prefix}Shape"):
        shapes = {
            "RECTANGULAR": _rectangle, "CIRCULAR": _circle, "POLYGONAL": _polygon
        }  # fmt: skip
        inside = shapes.get(name.upper(), _nothing)(attributes, prefix, shape)
        if inside is None:
            attributes.parts.leave_out(
                f"{prefix}Shape {name[:16]!r}", "lacks the attributes that describe it"
            )
        else:
            visible &= inside
    return visible


def _nothing(attributes: Attributes, prefix: str, shape: tuple[int, int]) -> None:
    """Return no area, for shapes that the Standard does not define."""


def _rectangle(
    attributes: Attributes, prefix: str, shape: tuple[int, int]
) -> Area | None:
    edges = []
    for edge in ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal"):
        value = attributes.number(f"{prefix}{edge}Edge")
        if value is None:
            return None
        edges.append(int(value))
    left, right, upper, lower = edges
    inside = np.zeros(shape, bool)
    inside[max(0, upper) : max(0, lower - 1), max(0, left) : max(0, right - 1)] = True
    return inside


def _circle(attributes: Attributes, prefix: str, shape: tuple[int, int]) -> Area | None:
    centre = attributes.numbers(f"CenterOfCircular{prefix}")
    radius = attributes.number(f"RadiusOfCircular{prefix}")
    if len(centre) != 2 or radius is None:
        return None
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    inside: Area = np.hypot(rows - centre[0] + 1, columns - centre[1] + 1) <= radius
    return inside


def _polygon(
    attributes: Attributes, prefix: str, shape: tuple[int, int]
) -> Area | None:
    from skimage.draw import polygon2mask

    corners = attributes.numbers(f"VerticesOfThePolygonal{prefix}")
    if len(corners) < 6:
        return None
    if len(corners) > 2 * MOST_CORNERS:
        raise ValueError(f"its polygon has {len(corners) // 2} corners")
    usable = len(corners) // 2 * 2
    inside: Area = polygon2mask(shape, np.reshape(corners[:usable], (-1, 2)) - 1)
    return inside
