"""Describe the arteries of one side of the pelvis and of the groin.

Points are in mm on the left side: x from the midline, y to the foot, z to the back. The
aorta divides at y = -122, and the groin is at y = 25.
"""

from __future__ import annotations

from functools import partial

from napari_motionseg.synthesis.catheter_courses import trunk_course
from napari_motionseg.synthesis.territory import (
    Projection,
    Segment,
    Territory,
    Triple,
    TwigHabit,
    in_px,
)

PX_PER_MM = 2.05  # a picture of 512 px shows 250 mm
PELVIS_MM = (130.0, 190.0, 80.0)
COMMON: tuple[Triple, ...] = (
    (3, -122, -30), (11, -107, -26), (20, -92, -18), (29, -79, -9), (36, -69, -2),
)  # fmt: skip
EXTERNAL: tuple[Triple, ...] = (
    (36, -69, -2), (44, -56, -1), (53, -41, -5), (62, -25, -14), (71, -9, -26),
    (79, 6, -36), (85, 20, -42),
)  # fmt: skip
INTERNAL: tuple[Triple, ...] = (
    (36, -69, -2), (39, -61, 6), (41, -51, 15), (42, -42, 22), (43, -34, 26),
)  # fmt: skip
FEMORAL: tuple[Triple, ...] = ((85, 20, -42), (87, 31, -44), (88, 45, -44))
SUPERFICIAL: tuple[Triple, ...] = (
    (88, 45, -44), (87, 60, -44), (84, 82, -42), (79, 106, -38), (73, 134, -31),
    (66, 162, -22), (59, 192, -11),
)  # fmt: skip
DEEP: tuple[Triple, ...] = (
    (88, 45, -44), (93, 53, -39), (97, 64, -31), (98, 80, -24), (97, 102, -18),
    (95, 130, -12), (93, 158, -8), (90, 188, -5),
)  # fmt: skip

ILIAC_ARTERIES = (
    Segment("CIA", None, COMMON, "path", calibre=(8.8, 10.4), reach=(1.0, 1.0),
            winding=0.3, trunk=True, spread=0.03, twigs=0.0),
    Segment("EIA", "CIA", EXTERNAL, "path", calibre=(7.3, 8.1), reach=(1.0, 1.0),
            winding=0.5, trunk=True, spread=0.025, twigs=0.0),
    Segment("IIA", "CIA", INTERNAL, "path", calibre=(5.3, 6.2), reach=(0.9, 1.0),
            winding=0.4, trunk=True, spread=0.06, twigs=0.0),
    Segment("ILu", "IIA", ((40, -56, 11), (50, -62, 20), (64, -68, 20), (78, -72, 12)),
            "path", leaves_at=(0.25, 0.5), calibre=(0.28, 0.36), chance=0.8),
    Segment("LSa", "IIA", ((42, -42, 22), (34, -36, 32), (27, -24, 39), (24, -8, 42)),
            "path", leaves_at=(0.6, 0.8), calibre=(0.26, 0.34), chance=0.8),
    Segment("SGl", "IIA", ((43, -34, 26), (46, -28, 40), (56, -28, 52), (70, -36, 56),
                           (84, -46, 50)), "path", calibre=(1.0, 1.2), spread=0.06,
            trunk=True),
    Segment("SGl2", "SGl", ((52, -27, 49), (64, -22, 57), (80, -20, 57), (96, -24, 46)),
            "path", leaves_at=(0.4, 0.5), calibre=(0.6, 0.75), spread=0.06),
    Segment("Ant", "IIA", ((43, -34, 26), (46, -22, 27), (49, -8, 28), (50, 4, 30)),
            "path", calibre=(0.9, 1.1), spread=0.06, twigs=0.5, trunk=True),
    Segment("Obt", "Ant", ((45, -26, 27), (51, -12, 14), (56, 4, 0), (60, 20, -8),
                           (66, 32, -10)), "path", leaves_at=(0.15, 0.3),
            calibre=(0.4, 0.5), spread=0.06),
    Segment("Ves", "Ant", ((48, -14, 27), (38, -8, 16), (26, -4, 4), (14, -4, -4)),
            "path", leaves_at=(0.4, 0.6), calibre=(0.35, 0.48), spread=0.08),
    Segment("IGl", "Ant", ((50, 4, 30), (54, 18, 42), (60, 36, 50), (66, 58, 50)),
            "path", calibre=(0.9, 1.1), spread=0.06, trunk=True),
    Segment("Pud", "Ant", ((50, 4, 30), (46, 18, 28), (38, 32, 20), (28, 42, 8),
                           (18, 48, -6)), "path", calibre=(0.7, 0.9), spread=0.06),
)  # fmt: skip
FEMORAL_ARTERIES = (
    Segment("IEp", "EIA", ((82, 14, -40), (76, 12, -48), (70, -2, -56),
                           (64, -26, -60), (60, -54, -60)), "path",
            leaves_at=(0.9, 0.95), calibre=(0.22, 0.3), chance=0.85, twigs=0.6),
    Segment("DCI", "EIA", ((83, 16, -41), (94, 6, -42), (106, -12, -38),
                           (114, -34, -28)), "path", leaves_at=(0.93, 0.97),
            calibre=(0.22, 0.3), chance=0.85, twigs=0.6),
    Segment("CFA", "EIA", FEMORAL, "path", calibre=(1.0, 1.0), reach=(1.0, 1.0),
            winding=0.2, trunk=True, spread=0.04, twigs=0.0),
    Segment("SFA", "CFA", SUPERFICIAL, "path", calibre=(5.6, 6.4), reach=(0.95, 1.0),
            winding=0.4, trunk=True, spread=0.025, twigs=0.3),
    Segment("PFA", "CFA", DEEP, "path", calibre=(4.6, 5.4), reach=(0.85, 1.0),
            winding=0.5, trunk=True, spread=0.03, twigs=0.7),
    Segment("LCF", "PFA", ((93, 53, -39), (103, 56, -37), (112, 66, -35),
                           (117, 86, -34), (119, 112, -32)), "path",
            leaves_at=(0.065, 0.11), calibre=(0.5, 0.62), spread=0.05),
    Segment("LCF2", "LCF", ((104, 57, -37), (114, 52, -36), (122, 46, -30)), "path",
            leaves_at=(0.15, 0.25), calibre=(0.5, 0.6), spread=0.08),
    Segment("MCF", "PFA", ((94, 56, -37), (88, 62, -28), (78, 64, -18), (68, 62, -12)),
            "path", leaves_at=(0.08, 0.14), calibre=(0.42, 0.54), spread=0.07),
    *(
        Segment(f"Prf{n}", "PFA", ((98, y, z), (104, y + 8, z + 14),
                                   (112, y + 20, z + 24)), "path",
                leaves_at=(at - 0.03, at + 0.03), calibre=(0.38, 0.5), chance=0.85,
                spread=0.07)
        for n, (at, y, z) in enumerate(
            ((0.27, 80, -24), (0.41, 100, -18), (0.55, 122, -14)), start=1)
    ),
)  # fmt: skip
# obliques show the divisions of the common iliac and of the common femoral artery
PROJECTIONS = (
    Projection("AP", 0, 0, 3.0, 3.0),
    Projection("RAO", -28, 0, 2.5, 1.0),
    Projection("LAO", 28, 0, 1.0, 2.5),
)
ILIAC = Territory(
    segments=(*ILIAC_ARTERIES, *FEMORAL_ARTERIES),
    semi_axes=in_px(PELVIS_MM, PX_PER_MM),
    px_per_mm=PX_PER_MM,
    projections=PROJECTIONS,
    catheter=partial(trunk_course, from_below=0.0, trunk_mm=14.0, px_per_mm=PX_PER_MM),
    body_part="PELVIS",
    lie_spread=4.0,
    look_at=(66.0, 2.0, -10.0),
    twig_habit=TwigHabit(
        spacing_px=(16.0, 50.0), radius_px=(0.65, 1.4), length_diameters=18.0
    ),
)
