"""Describe the arteries that an injection of one internal carotid artery shows.

Points are in mm from the middle of the brain: x to the side, y to the feet, z to the
back. The hemisphere is a quarter of the ellipsoid, the falx its plane x = 0. Segments
of the middle cerebral artery are named as Gibo et al. (J Neurosurg 1981;54:151) name
them, those of the anterior one as Perlmutter and Rhoton do (1978;49:204).
"""

from __future__ import annotations

import itertools
import math
from functools import partial

from napari_motionseg.synthesis.catheter_courses import trunk_course
from napari_motionseg.synthesis.config import Range
from napari_motionseg.synthesis.skeletons import skull
from napari_motionseg.synthesis.territory import (
    Projection,
    Segment,
    Territory,
    Triple,
    TwigHabit,
    in_px,
)

PX_PER_MM = 2.7  # a picture of 512 px shows 190 mm
HEMISPHERE_MM = (66.0, 64.0, 86.0)
FALX: Triple = (1.0, 0.0, 0.0)
SECOND_MM = 12.0  # mm between the ends of a cortical branch and of its own branch
INSULA_TOP = -9.0  # mm: height at which branches turn from the insula to the operculum

CAROTID: tuple[Triple, ...] = (
    (23, 94, 19), (23, 83, 22), (24.5, 73, 24), (26, 64, 24), (25.5, 57.5, 22),
    (21.5, 54, 17), (16.5, 52.5, 12), (13, 50, 8), (12, 45.5, 5.5), (11.5, 40.5, 3.5),
    (11, 37.5, -1), (11, 38, -7), (11, 38, -12.5), (11.5, 34.5, -16),
    (12, 30, -14.5), (12.5, 28, -9.5), (13, 25.5, -5), (13.5, 20.5, -3),
)  # fmt: skip
PERICALLOSAL: tuple[Triple, ...] = (
    (2.5, 16, -14), (2, 11, -22), (1.5, 4, -31), (1.5, -4, -36), (1.5, -13, -35.5),
    (1.5, -20, -28), (1.5, -24, -14), (1.5, -25, 2), (1.5, -23, 18), (2, -18, 32),
    (2.5, -9, 41), (3, -2, 43),
)  # fmt: skip
CALLOSOMARGINAL: tuple[Triple, ...] = (
    (2, -4, -37), (2.5, -9, -44), (2.5, -20, -44), (2.5, -30, -35), (2.5, -36, -20),
    (3, -38, -4), (3.5, -40, 10), (4, -47, 20), (4, -55, 24),
)  # fmt: skip


def _convexity(y: float, z: float, depth: float = 0.985) -> Triple:
    """Return a point on the outside of the hemisphere, at height `y` and depth `z`."""
    wide, high, long = HEMISPHERE_MM
    square = depth**2 - (y / high) ** 2 - (z / long) ** 2
    return (wide * math.sqrt(max(square, 0.004)), y, z)


def _cortical(
    name: str,
    parent: str,
    leaves_at: Range,
    calibre: Range,
    insula: Triple,
    lip: tuple[float, float],
    outside: tuple[tuple[float, float], ...],
    chance: float = 1.0,
) -> tuple[Segment, Segment]:
    """Return a branch over the insula and the convexity, and a branch of its own.

    It turns around the operculum, the lid of the insula, to leave the Sylvian fissure.

    Parameters
    ----------
    name, parent, leaves_at, calibre, chance
        Values as for `Segment`.
    insula
        Point at which it leaves its parent, in mm.
    lip
        Height and depth (y, z) in mm at which it leaves the Sylvian fissure.
    outside
        Heights and depths (y, z) in mm of its further way over the convexity.
    """
    y, z = lip
    above = outside[-1][0] < y
    turn = min(insula[1] - 3, INSULA_TOP) if above else insula[1] + 2
    middle = (insula[2] + z) / 2
    way = (
        insula,
        (insula[0] + 1, (insula[1] + turn) / 2, insula[2] + 0.3 * (z - insula[2])),
        (insula[0] + 4, turn, middle),
        (insula[0] + 9, (turn + y) / 2, 0.3 * middle + 0.7 * z),
        _convexity(y, z, 0.95),
        *(_convexity(*place) for place in outside),
    )
    own = Segment(
        name, parent, way, "path", leaves_at=leaves_at, calibre=calibre, chance=chance,
        spread=0.045, winding=1.1, trunk=leaves_at == (1.0, 1.0),
    )  # fmt: skip
    # where the branch comes out upon the convexity
    steps = [math.dist(one, other) for one, other in itertools.pairwise(way)]
    out = sum(steps[: len(way) - len(outside)]) / sum(steps)
    return own, _second(name, out, outside)


def _second(name: str, out: float, outside: tuple[tuple[float, float], ...]) -> Segment:
    """Return the branch of a cortical branch, which ends in front of it or behind.

    Parameters
    ----------
    name
        Name of the cortical branch.
    out
        Share of its length at which it comes out upon the convexity.
    outside
        Heights and depths (y, z) in mm of its further way.
    """
    (y, z), (last_y, last_z) = outside[0], outside[-1]
    rise, back = last_y - y, last_z - z
    sense = math.copysign(SECOND_MM / math.hypot(rise, back), rise * last_z)
    places = [
        (
            y + share * rise - aside * sense * back,
            z + share * back + aside * sense * rise,
        )
        for share, aside in ((0.0, 0.0), (0.45, 0.6), (0.9, 1.0))
    ]
    return Segment(
        f"{name}2", name, tuple(_convexity(*place) for place in places), "path",
        leaves_at=(out - 0.03, out + 0.03), calibre=(0.55, 0.65), chance=0.85,
        spread=0.08, winding=1.2,
    )  # fmt: skip


def _medial(
    name: str,
    parent: str,
    leaves_at: Range,
    calibre: Range,
    way: tuple[tuple[float, float], ...],
    chance: float = 1.0,
) -> Segment:
    """Return a branch along the falx through heights and depths (y, z) in mm."""
    points = tuple((2.5 + n, y, z) for n, (y, z) in enumerate(way))
    return Segment(
        name, parent, points, "path", leaves_at=leaves_at, calibre=calibre,
        chance=chance, sheet=FALX, spread=0.05,
    )  # fmt: skip


def _perforator(number: int, at: float, y: float) -> Segment:
    """Return a lenticulostriate artery, which leaves the M1 segment upwards."""
    x = 14 + 19 * at
    way = (
        (x, 19, -5),
        (x - 2, 13, -3),
        (x + 2, 4, 1),
        (x + 7, y, 4),
        (x + 5, y - 8, 6),
    )
    return Segment(
        f"LSA{number}", "M1", way, "path", leaves_at=(at - 0.06, at + 0.06),
        calibre=(0.16, 0.22), chance=0.6, twigs=0.3, spread=0.06,
    )  # fmt: skip


INTERNAL_CAROTID = (
    Segment("ICA", None, CAROTID, "path", calibre=(4.5, 5.4), reach=(1.0, 1.0),
            winding=0.25, trunk=True, narrows_to=0.8, spread=0.012, twigs=0.0),
    Segment("OPH", "ICA", ((12, 31, -15), (14, 30, -20), (17, 30, -28),
                           (20, 28, -37), (20, 24, -46), (18, 21, -54)), "path",
            leaves_at=(0.84, 0.855), calibre=(0.26, 0.33), chance=0.85, twigs=0.5),
    Segment("PCOM", "ICA", ((13, 27, -7), (12, 27, 0), (10.5, 24, 8),
                            (10, 22, 15)), "path",
            leaves_at=(0.922, 0.932), calibre=(0.26, 0.5), reach=(1.0, 1.0),
            chance=0.5, twigs=0.0, narrows_to=0.95),
    Segment("PCA", "PCOM", ((10, 22, 15), (15, 22, 22), (20, 24, 32), (19, 24, 45),
                            (13, 20, 58), (9, 14, 68), (8, 8, 76)), "path",
            calibre=(0.9, 1.0), chance=0.6, twigs=0.8),
    Segment("PCAt", "PCA", ((20, 24, 34), (28, 28, 42), (33, 30, 54)), "path",
            leaves_at=(0.32, 0.4), calibre=(0.5, 0.65)),
    Segment("ACHA", "ICA", ((13.5, 24, -4), (14, 25, 2), (19, 24, 11),
                            (25, 20, 20), (28, 12, 28), (26, 4, 30)), "path",
            leaves_at=(0.953, 0.963), calibre=(0.2, 0.25), chance=0.85, twigs=0.3),
)  # fmt: skip
ANTERIOR_CEREBRAL = (
    Segment("A1", "ICA", ((13.5, 20.5, -3), (10, 18.5, -7), (6, 18, -12),
                          (2.5, 16, -14)), "path",
            calibre=(2.2, 2.6), reach=(1.0, 1.0), winding=0.5, trunk=True, twigs=0.0,
            spread=0.06),
    Segment("PerA", "A1", PERICALLOSAL, "path", calibre=(1.0, 1.0), reach=(0.85, 1.0),
            winding=0.6, trunk=True, sheet=FALX, spread=0.025, twigs=0.5),
    _medial("OFA", "PerA", (0.05, 0.08), (0.35, 0.45),
            ((10, -23), (15, -38), (14, -54), (9, -66))),
    _medial("FPA", "PerA", (0.13, 0.18), (0.4, 0.5),
            ((2, -34), (2, -48), (-2, -62), (-9, -74))),
    Segment("CMA", "PerA", CALLOSOMARGINAL, "path", leaves_at=(0.24, 0.3),
            calibre=(0.65, 0.85), sheet=FALX, chance=0.85, spread=0.03),
    _medial("AIFA", "CMA", (0.08, 0.16), (0.55, 0.65),
            ((-10, -44), (-16, -56), (-25, -66), (-34, -69))),
    _medial("MIFA", "CMA", (0.3, 0.4), (0.55, 0.68),
            ((-27, -38), (-38, -44), (-48, -50), (-54, -48))),
    _medial("PIFA", "CMA", (0.52, 0.62), (0.6, 0.7),
            ((-37, -14), (-47, -18), (-57, -22), (-63, -18))),
    _medial("PCLA", "PerA", (0.62, 0.68), (0.5, 0.62),
            ((-25, 6), (-35, 12), (-48, 13), (-60, 11))),
    _medial("SPA", "PerA", (0.78, 0.83), (0.55, 0.7),
            ((-21, 25), (-32, 36), (-43, 46), (-52, 48))),
    _medial("IPA", "PerA", (0.92, 0.96), (0.6, 0.75),
            ((-10, 40), (-17, 52), (-25, 63), (-31, 71)), 0.8),
)  # fmt: skip
MIDDLE_CEREBRAL = (
    Segment("M1", "ICA", ((13.5, 20.5, -3), (19, 18.5, -5.5), (26, 19, -7.5),
                          (32, 18, -6), (36.5, 15, -4)), "path",
            calibre=(2.7, 3.0), reach=(1.0, 1.0), winding=0.4, trunk=True, twigs=0.0,
            spread=0.06, narrows_to=0.95),
    *(_perforator(n, at, y) for n, (at, y) in enumerate(
        ((0.3, -2), (0.45, -4), (0.58, -5), (0.72, -6)), start=1)),
    Segment("M2s", "M1", ((36.5, 15, -4), (38.5, 9, -5), (40, 3, -1), (40.5, -2, 6),
                          (41, -5, 14), (41, -7, 22)), "path",
            calibre=(0.85, 1.05), reach=(1.0, 1.0), trunk=True, twigs=0.0,
            spread=0.06),
    Segment("M2i", "M1", ((36.5, 15, -4), (39, 13, 2), (40, 10, 10), (41, 7, 19),
                          (41.5, 3, 28), (42, -1, 36)), "path",
            calibre=(0.85, 1.05), reach=(1.0, 1.0), trunk=True, twigs=0.0,
            spread=0.06),
    *_cortical("OrbF", "M2s", (0.08, 0.16), (0.47, 0.56), (38, 10, -5), (8, -24),
              ((5, -38), (6, -52), (3, -66))),
    *_cortical("PreF", "M2s", (0.22, 0.32), (0.52, 0.62), (39.5, 4, -2), (4, -18),
              ((-6, -27), (-18, -39), (-30, -50), (-38, -56))),
    *_cortical("PreC", "M2s", (0.42, 0.52), (0.58, 0.68), (40.5, 0, 2), (2, -9),
              ((-10, -14), (-24, -20), (-38, -25), (-52, -26))),
    *_cortical("CenA", "M2s", (0.66, 0.76), (0.68, 0.78), (40.5, -3, 9), (0, 2),
              ((-12, 0), (-27, -3), (-42, -4), (-56, 0))),
    *_cortical("AntP", "M2s", (1.0, 1.0), (0.9, 1.1), (41, -7, 22), (-3, 18),
              ((-13, 17), (-26, 19), (-40, 23), (-53, 27))),
    Segment("M2m", "M1", ((36.5, 15, -4), (39, 11, -2), (40.5, 6, 4), (41.5, 1, 12),
                          (42, -3, 20)), "path",
            calibre=(0.7, 0.85), reach=(1.0, 1.0), chance=0.35, twigs=0.0,
            spread=0.06),
    *_cortical("ParM", "M2m", (1.0, 1.0), (0.9, 1.1), (42, -3, 20), (-4, 24),
              ((-14, 25), (-28, 29), (-41, 33), (-50, 37))),
    Segment("TPol", "M1", ((32, 18, -6), (36, 22, -14), (40, 27, -22), (38, 32, -30)),
            "path", leaves_at=(0.6, 0.75), calibre=(0.32, 0.42), chance=0.7),
    *_cortical("AntT", "M2i", (0.08, 0.18), (0.42, 0.5), (39, 13, 1), (15, -2),
              ((22, -1), (30, 2), (37, 7))),
    *_cortical("MidT", "M2i", (0.3, 0.42), (0.46, 0.54), (40, 10, 10), (11, 12),
              ((19, 16), (28, 21), (36, 28))),
    *_cortical("PosT", "M2i", (0.55, 0.66), (0.5, 0.6), (41, 6, 22), (6, 27),
              ((13, 35), (21, 42), (29, 47))),
    *_cortical("TOcc", "M2i", (0.78, 0.88), (0.68, 0.78), (41.5, 2, 31), (0, 41),
              ((5, 52), (9, 62), (12, 71)), 0.85),
    *_cortical("PosP", "M2i", (0.68, 0.8), (0.58, 0.68), (41.5, 4, 26), (-5, 29),
              ((-14, 31), (-26, 37), (-38, 44), (-48, 46)), 0.9),
    *_cortical("Ang", "M2i", (1.0, 1.0), (0.9, 1.1), (42, -1, 36), (-6, 43),
              ((-11, 51), (-18, 60), (-28, 66), (-38, 65))),
)  # fmt: skip
# Osborn, Diagnostic Cerebral Angiography, 2nd edition: the usual views of the carotid
PROJECTIONS = (
    Projection("AP (Towne)", 0, 22, 3.0, 3.0),
    Projection("AP", 0, 8, 1.5, 1.5),
    Projection("lateral", 90, 0, 3.0, 0.5),
    Projection("lateral from the right", -90, 0, 0.5, 3.0),
    Projection("ipsilateral oblique", 30, 5, 1.2, 0.2),
    Projection("oblique to the right", -30, 5, 0.2, 1.2),
)
CEREBRAL = Territory(
    segments=(*INTERNAL_CAROTID, *ANTERIOR_CEREBRAL, *MIDDLE_CEREBRAL),
    semi_axes=in_px(HEMISPHERE_MM, PX_PER_MM),
    px_per_mm=PX_PER_MM,
    projections=PROJECTIONS,
    catheter=partial(trunk_course, from_below=1.0, trunk_mm=12.0, px_per_mm=PX_PER_MM),
    body_part="HEAD",
    skeleton=skull,
    lie_spread=5.0,
    look_at=(20.0, 4.0, 2.0),
    twig_habit=TwigHabit(
        spacing_px=(18.0, 50.0),
        radius_px=(0.65, 0.95),
        length_diameters=22.0,
        largest_share=0.6,
    ),
)
