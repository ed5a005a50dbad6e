"""Describe the arteries that a selective injection of one renal artery shows.

Points are in mm from the middle of the left kidney, along its axes: x away from the
hilum, y towards the lower pole, z to the back. The segments are those of Graves (Br J
Surg 1954;42:132): the anterior division supplies four of them, the posterior one the
fifth.
"""

from __future__ import annotations

import math
from functools import partial

from napari_motionseg.synthesis.catheter_courses import trunk_course
from napari_motionseg.synthesis.config import Range
from napari_motionseg.synthesis.territory import (
    Projection,
    Segment,
    Territory,
    Triple,
    TwigHabit,
    in_px,
)

PX_PER_MM = 3.1  # a picture of 512 px shows 165 mm
KIDNEY_MM = (29.0, 57.0, 21.0)
REACH = 0.76  # depth at which interlobar arteries divide into arcuate ones
TILT, TURN = 14.0, 28.0  # degrees: upper pole to the spine, hilum to the front
ARTERY: tuple[Triple, ...] = (
    (-56, -6, -2), (-49, -6.5, -4.5), (-41, -5, -6), (-33, -2, -5.5), (-26, 0, -3.5),
    (-20, 0.5, -1.5),
)  # fmt: skip
ANTERIOR: tuple[Triple, ...] = (
    (-20, 0.5, -1.5), (-16.5, 1.5, -4.5), (-12, 3, -7), (-7, 5, -8.5),
)  # fmt: skip
POSTERIOR: tuple[Triple, ...] = (
    (-20, 0.5, -1.5), (-17, -1.5, 2.5), (-13, -3, 7), (-8, -3.5, 9.5), (-3, -1, 10.5),
    (1, 5, 10.5), (3, 13, 9.5), (4, 20, 8),
)  # fmt: skip


def _interlobar(
    name: str,
    parent: str,
    leaves_at: Range,
    calibre: Range,
    begin: Triple,
    height: float,
    front: float,
    chance: float = 1.0,
) -> Segment:
    """Return an artery between two pyramids, from the sinus towards the cortex.

    Parameters
    ----------
    name, parent, leaves_at, calibre, chance
        Values as for `Segment`.
    begin
        Point at which it leaves its parent, in mm.
    height
        Where it ends between the poles: -1 is the upper pole, 1 the lower one.
    front
        Where it ends: -1 in front, 0 on the lateral border, 1 behind.
    """
    wide, high, deep = KIDNEY_MM
    across = math.sqrt(1 - min(height**2, 0.98))
    angle = math.radians(75 * front)
    end = (
        REACH * wide * across * math.cos(angle),
        REACH * high * height,
        REACH * deep * across * math.sin(angle),
    )
    # it first keeps to the sinus, and then bends outwards around a pyramid
    middle = tuple(0.5 * (a + b) for a, b in zip(begin, end, strict=True))
    bulge = 3.0 * (1 if height > 0 else -1)
    way = (begin, (middle[0] - 1.5, middle[1] + bulge, middle[2]), end)
    return Segment(
        name, parent, way, "path", leaves_at=leaves_at, calibre=calibre, chance=chance,
        spread=0.09, winding=0.9, trunk=leaves_at == (1.0, 1.0) and chance == 1,
    )  # fmt: skip


DIVISIONS = (
    Segment("RA", None, ARTERY, "path", calibre=(5.0, 6.2), reach=(1.0, 1.0),
            winding=0.5, trunk=True, spread=0.04, twigs=0.0, narrows_to=0.96),
    Segment("AD", "RA", ANTERIOR, "path", calibre=(1.0, 1.1), reach=(1.0, 1.0),
            winding=0.3, trunk=True, spread=0.06, twigs=0.0),
    Segment("PD", "RA", POSTERIOR, "path", calibre=(0.68, 0.82), reach=(0.85, 1.0),
            winding=0.5, trunk=True, spread=0.09, twigs=0.3),
    Segment("IAA", "RA", ((-33, -2, -5.5), (-35, -12, -7), (-33, -24, -7),
                          (-30, -36, -6)), "path", leaves_at=(0.3, 0.5),
            calibre=(0.14, 0.2), chance=0.4, twigs=0.5),
)  # fmt: skip
SEGMENTAL = (
    Segment("Api", "AD", ((-16.5, 1.5, -4.5), (-14.5, -7, -5), (-12, -18, -3),
                          (-9, -28, -1)), "path", leaves_at=(0.1, 0.3),
            calibre=(0.5, 0.6), reach=(0.95, 1.0), trunk=True, spread=0.07, twigs=0.2),
    Segment("Upp", "AD", ((-11, 3.5, -7.5), (-8, -3, -9), (-4, -10, -9)),
            "path", leaves_at=(0.5, 0.75), calibre=(0.55, 0.68), reach=(0.95, 1.0),
            trunk=True, spread=0.07, twigs=0.2),
    Segment("Mid", "AD", ((-7, 5, -8.5), (-3, 5.5, -9), (1, 5, -8.5)), "path",
            calibre=(0.8, 0.95), reach=(0.95, 1.0), trunk=True, spread=0.07, twigs=0.2),
    Segment("Low", "AD", ((-7, 5, -8.5), (-7, 13, -8), (-8, 22, -5), (-7, 29, -2)),
            "path", calibre=(0.95, 1.1), reach=(0.95, 1.0), trunk=True, spread=0.07,
            twigs=0.2),
)  # fmt: skip
INTERLOBAR = (
    _interlobar("Api1", "Api", (0.55, 0.75), (0.6, 0.7), (-11, -21, -2.5), -0.72, -0.7),
    _interlobar("Api2", "Api", (1.0, 1.0), (0.8, 1.0), (-9, -28, -1), -0.95, -0.3),
    _interlobar("Api3", "Api", (1.0, 1.0), (0.8, 1.0), (-9, -28, -1), -0.8, 0.25),
    _interlobar("Api4", "Api", (0.35, 0.55), (0.5, 0.62), (-13, -15, -3.5), -0.62, 0.7),
    _interlobar("Upp1", "Upp", (0.6, 0.8), (0.55, 0.68), (-5, -8, -9), -0.55, -0.75),
    _interlobar("Upp2", "Upp", (1.0, 1.0), (0.85, 1.0), (-4, -10, -9), -0.5, -0.15),
    _interlobar("Upp3", "Upp", (1.0, 1.0), (0.7, 0.9), (-4, -10, -9), -0.25, -0.5),
    _interlobar("Mid1", "Mid", (0.5, 0.75), (0.55, 0.68), (-2, 5.5, -9), 0.02, -0.8),
    _interlobar("Mid2", "Mid", (1.0, 1.0), (0.85, 1.0), (1, 5, -8.5), -0.08, -0.15),
    _interlobar("Mid3", "Mid", (1.0, 1.0), (0.75, 0.95), (1, 5, -8.5), 0.22, -0.3),
    _interlobar("Low1", "Low", (0.35, 0.5), (0.5, 0.62), (-7.5, 15, -7.5), 0.42, -0.7),
    _interlobar("Low2", "Low", (0.65, 0.8), (0.55, 0.68), (-8, 23, -4.5), 0.55, -0.2),
    _interlobar("Low3", "Low", (1.0, 1.0), (0.85, 1.0), (-7, 29, -2), 0.78, -0.5),
    _interlobar("Low4", "Low", (1.0, 1.0), (0.85, 1.0), (-7, 29, -2), 0.95, 0.2),
    _interlobar("Low5", "Low", (1.0, 1.0), (0.6, 0.8), (-7, 29, -2), 0.75, 0.5, 0.7),
    _interlobar("Pos1", "PD", (0.3, 0.4), (0.42, 0.52), (-12, -6, 7.5), -0.45, 0.65),
    _interlobar("Pos2", "PD", (0.5, 0.62), (0.48, 0.58), (-3, -2, 10.5), -0.15, 0.4),
    _interlobar("Pos3", "PD", (0.72, 0.82), (0.55, 0.65), (2, 9, 10), 0.12, 0.35),
    _interlobar("Pos4", "PD", (1.0, 1.0), (0.8, 1.0), (4, 20, 8), 0.42, 0.25),
    _interlobar("Pos5", "PD", (1.0, 1.0), (0.8, 1.0), (4, 20, 8), 0.6, 0.7),
)  # fmt: skip
# the ipsilateral oblique shows the origin of the artery and the hilum in profile
PROJECTIONS = (
    Projection("AP", 0, 0, 3.0, 3.0),
    Projection("LAO", 25, 0, 3.0, 0.5),
    Projection("RAO", -25, 0, 0.5, 3.0),
    Projection("AP cranial", 0, 15, 0.7, 0.7),
)


def _kidney_axes() -> tuple[Triple, Triple, Triple]:
    """Return the axes of the left kidney in the patient."""
    tilt, turn = math.radians(TILT), math.radians(TURN)
    # the upper pole leans to the spine, so the lower one lies to the side
    long = (math.sin(tilt), math.cos(tilt), 0.0)
    flat = (math.cos(tilt), -math.sin(tilt), 0.0)
    # the hilum looks to the front, so the lateral border lies behind
    lateral = (math.cos(turn) * flat[0], math.cos(turn) * flat[1], math.sin(turn))
    back = (-math.sin(turn) * flat[0], -math.sin(turn) * flat[1], math.cos(turn))
    return lateral, long, back


RENAL = Territory(
    segments=(*DIVISIONS, *SEGMENTAL, *INTERLOBAR),
    semi_axes=in_px(KIDNEY_MM, PX_PER_MM),
    px_per_mm=PX_PER_MM,
    projections=PROJECTIONS,
    catheter=partial(
        trunk_course, from_below=0.8, trunk_mm=13.0, px_per_mm=PX_PER_MM
    ),
    body_part="KIDNEY",
    look_at=(-8.0, 0.0, 0.0),
    axes=_kidney_axes(),
    twig_habit=TwigHabit(
        spacing_px=(9.0, 24.0), radius_px=(0.65, 1.6), length_diameters=9.0,
        confined=True,
    ),
)  # fmt: skip
