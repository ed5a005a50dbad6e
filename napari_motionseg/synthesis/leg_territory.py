"""Describe the arteries of the knee and the calf.

Points are in mm in the left leg: x to the outer side, y to the foot, z to the back. The
knee joint is at y = -48; the picture ends in the middle of the calf.
"""

from __future__ import annotations

from functools import partial

from napari_motionseg.synthesis.catheter_courses import trunk_course
from napari_motionseg.synthesis.skeletons import knee
from napari_motionseg.synthesis.territory import (
    Projection,
    Segment,
    Territory,
    Triple,
    TwigHabit,
    in_px,
)

PX_PER_MM = 2.2  # a picture of 512 px shows 235 mm
LEG_MM = (52.0, 230.0, 56.0)
POPLITEAL: tuple[Triple, ...] = (
    (-24, -158, -8), (-22, -140, -4), (-19, -123, 3), (-14, -107, 10),
    (-9, -92, 16), (-4, -76, 21), (-1, -60, 23.5), (0, -44, 23), (1, -28, 20),
    (2, -12, 17.5), (3, 0, 16),
)  # fmt: skip
ANTERIOR_TIBIAL: tuple[Triple, ...] = (
    (3, 0, 16), (6, 4, 13), (11, 8, 6), (16, 14, -2), (19, 24, -7), (20, 40, -9),
    (20, 60, -10), (18, 82, -11), (15, 106, -12), (10, 134, -14), (5, 162, -17),
)  # fmt: skip
TIBIOPERONEAL: tuple[Triple, ...] = (
    (3, 0, 16), (4, 8, 16), (5, 18, 16), (6, 29, 15.5),
)  # fmt: skip
POSTERIOR_TIBIAL: tuple[Triple, ...] = (
    (6, 29, 15.5), (3, 37, 16.5), (-2, 48, 18), (-6, 62, 18.5), (-9, 80, 19),
    (-12, 105, 18), (-14, 134, 16), (-15, 162, 13),
)  # fmt: skip
PERONEAL: tuple[Triple, ...] = (
    (6, 29, 15.5), (8, 38, 15), (11, 50, 14), (12.5, 66, 13), (12, 84, 12),
    (11, 106, 11), (10, 134, 12), (10, 162, 13),
)  # fmt: skip


def _genicular(name: str, at: float, way: tuple[Triple, ...], chance: float) -> Segment:
    """Return an artery around the knee, which leaves the popliteal artery."""
    return Segment(
        name, "Pop", way, "path", leaves_at=(at - 0.03, at + 0.03),
        calibre=(0.2, 0.3), chance=chance, spread=0.06, twigs=0.5,
    )  # fmt: skip


POPLITEAL_BRANCHES = (
    Segment("Pop", None, POPLITEAL, "path", calibre=(6.0, 7.0), reach=(1.0, 1.0),
            winding=0.35, trunk=True, narrows_to=0.88, spread=0.02, twigs=0.1),
    _genicular("SMG", 0.53, ((-5, -76, 20), (-14, -78, 17), (-24, -75, 8),
                             (-30, -68, -6), (-27, -58, -18), (-18, -50, -26)), 0.9),
    _genicular("SLG", 0.55, ((-3, -73, 21), (8, -76, 17), (19, -75, 8),
                             (26, -68, -5), (24, -58, -17), (16, -50, -25)), 0.9),
    _genicular("MG", 0.66, ((-1, -58, 23), (-1, -56, 14), (-2, -52, 6)), 0.6),
    _genicular("IMG", 0.81, ((0, -32, 21), (-11, -30, 17), (-22, -32, 9),
                             (-28, -35, -4), (-25, -42, -16), (-17, -46, -24)), 0.85),
    _genicular("ILG", 0.84, ((1, -28, 20), (12, -31, 16), (22, -36, 8),
                            (26, -42, -4), (22, -46, -16), (14, -46, -24)), 0.85),
    Segment("SurM", "Pop", ((0, -50, 23), (-6, -40, 28), (-14, -24, 33), (-20, -4, 36),
                            (-23, 18, 36), (-24, 42, 34)), "path",
            leaves_at=(0.62, 0.72), calibre=(0.3, 0.4), spread=0.05),
    Segment("SurL", "Pop", ((0, -48, 23), (6, -38, 28), (14, -22, 32), (19, -2, 34),
                            (22, 20, 34), (22, 44, 31)), "path",
            leaves_at=(0.64, 0.74), calibre=(0.3, 0.4), spread=0.05),
)  # fmt: skip
CRURAL = (
    Segment("AT", "Pop", ANTERIOR_TIBIAL, "path", calibre=(2.7, 3.3), reach=(0.95, 1.0),
            winding=0.5, trunk=True, spread=0.02, twigs=0.7),
    Segment("TPT", "Pop", TIBIOPERONEAL, "path", calibre=(3.7, 4.3), reach=(0.9, 1.0),
            winding=0.3, trunk=True, spread=0.04, twigs=0.0),
    Segment("PT", "TPT", POSTERIOR_TIBIAL, "path", calibre=(2.6, 3.2), winding=0.5,
            reach=(0.95, 1.0), trunk=True, spread=0.025, twigs=0.7),
    Segment("Per", "TPT", PERONEAL, "path", calibre=(2.4, 3.1), winding=0.5,
            reach=(0.95, 1.0), trunk=True, spread=0.025, twigs=0.7),
    Segment("ATR", "AT", ((17, 16, -3), (20, 6, -10), (19, -8, -17), (16, -24, -22)),
            "path", leaves_at=(0.14, 0.2), calibre=(0.3, 0.4), chance=0.75,
            spread=0.06, twigs=0.6),
    Segment("CFib", "TPT", ((4, 8, 16), (14, 8, 18), (24, 7, 12), (30, 8, 3)), "path",
            leaves_at=(0.2, 0.45), calibre=(0.26, 0.34), chance=0.7, spread=0.06),
    Segment("Nut", "PT", ((2, 40, 17), (1, 52, 10), (0, 70, 4)), "path",
            leaves_at=(0.12, 0.22), calibre=(0.22, 0.3), chance=0.6, twigs=0.0),
    Segment("Sol", "Per", ((10, 46, 14), (14, 60, 20), (17, 80, 24), (18, 100, 25)),
            "path", leaves_at=(0.15, 0.3), calibre=(0.35, 0.5), chance=0.8),
)  # fmt: skip
PROJECTIONS = (
    Projection("AP", 0, 0, 3.0, 3.0),
    Projection("lateral", 88, 0, 1.2, 0.3),
    Projection("lateral from the right", -88, 0, 0.3, 1.2),
    Projection("ipsilateral oblique", 30, 0, 1.5, 0.4),
    Projection("oblique to the right", -30, 0, 0.4, 1.5),
)
LEG = Territory(
    segments=(*POPLITEAL_BRANCHES, *CRURAL),
    semi_axes=in_px(LEG_MM, PX_PER_MM),
    px_per_mm=PX_PER_MM,
    projections=PROJECTIONS,
    catheter=partial(trunk_course, from_below=0.0, trunk_mm=25.0, px_per_mm=PX_PER_MM),
    body_part="LEG",
    skeleton=knee,
    lie_spread=3.5,
    look_at=(0.0, 2.0, 10.0),
    twig_habit=TwigHabit(
        spacing_px=(14.0, 45.0), radius_px=(0.65, 1.3), length_diameters=22.0
    ),
)
