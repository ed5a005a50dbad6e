"""Describe the coronary arteries: their segments, their courses and their usual views.

Names follow the American Heart Association (Austen 1975) and the SYNTAX score (Sianos
2005). A place on the heart is a polar angle from the base, an azimuth around the long
axis and a depth, which is 1 on the surface. Azimuth 0 is the free wall of the right
ventricle, 90 the inferior, 180 the lateral and -90 the anterior wall. The anterior and
the inferior interventricular groove are at about -90 and 90 degrees, and the
atrioventricular grooves at polar angles of about 70 degrees.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from napari_motionseg.synthesis.catheter_courses import aortic_course
from napari_motionseg.synthesis.config import Range
from napari_motionseg.synthesis.territory import (
    Projection,
    Segment,
    Territory,
    Triple,
)

# Direction of the heart's axes in the patient, x to the left, y to the feet, z to the
# back: the apex points to the left, the front and the feet, and the right ventricle
# lies to the right and in front
APEX = (0.66, 0.42, -0.62)
RIGHT_VENTRICLE = (-0.7, 0.05, -0.7)
# px: semi-axes of the heart at size 1, towards the free wall of the right ventricle,
# the inferior wall and the apex
SEMI_AXES = (185.0, 160.0, 240.0)

RIGHT_GROOVE: tuple[Triple, ...] = (
    (44, -66, 0.81), (50, -56, 0.92), (60, -38, 1.02), (67, -14, 1.0), (71, 10, 1.0),
    (73, 34, 1.0), (72, 58, 1.0), (70, 76, 1.0), (67, 92, 0.97),
)  # fmt: skip
LEFT_GROOVE: tuple[Triple, ...] = (
    (62, -127, 1.0), (68, -144, 1.0), (72, -162, 1.0), (74, -180, 1.0),
    (74, -197, 1.0), (73, -214, 1.0), (71, -232, 1.0), (68, -258, 1.0),
)  # fmt: skip
ANTERIOR_GROOVE: tuple[Triple, ...] = (
    (62, -116, 1.0), (72, -108, 1.01), (87, -101, 1.0), (104, -96, 1.0),
    (124, -92, 1.0), (145, -88, 1.0), (163, -84, 1.0), (177, -70, 1.0),
    (167, 88, 1.0), (152, 90, 1.0),
)  # fmt: skip
INFERIOR_GROOVE: tuple[Triple, ...] = (
    (73, 93, 1.0), (88, 91, 1.0), (106, 89, 1.0), (126, 87, 1.0), (147, 84, 1.0),
    (162, 78, 1.0),
)  # fmt: skip
BEHIND_CRUX: tuple[Triple, ...] = (
    (66, 104, 1.0), (69, 118, 1.0), (74, 131, 1.0), (88, 142, 1.0), (108, 146, 1.0),
)  # fmt: skip


def _septals(
    parent: str, name: str, places: tuple[float, ...], mm: Range
) -> list[Segment]:
    """Return septal branches of a parent, which leave it near the places."""
    return [
        Segment(
            f"{name}{n}", parent, kind="septum", leaves_at=(at - 0.025, at + 0.025),
            calibre=(0.17, 0.27), angle=(75, 95), length_mm=mm, winding=0.3, chance=0.9,
        )
        for n, at in enumerate(places, start=2 if name == "S" else 1)
    ]  # fmt: skip


# Diameters at the aorta: Dodge et al., Circulation 1992;86:232
SEGMENTS: tuple[Segment, ...] = (
    Segment("LM", None, ((43, -101, 0.86), (52, -113, 0.93), (60, -120, 1.0)), "groove",
            calibre=(4.1, 5.3), reach=(0.55, 1.0), winding=0.3, trunk=True,
            side="left"),
    Segment("LAD", "LM", ANTERIOR_GROOVE, "groove", calibre=(0.95, 1.05),
            reach=(0.8, 1.0), winding=0.7, trunk=True),
    Segment("LCX", "LM", LEFT_GROOVE, "groove", calibre=(0.8, 1.0), reach=(0.4, 0.8),
            winding=0.8, supplied_by="right", trunk=True),
    Segment("LCX", "LM", LEFT_GROOVE, "groove", calibre=(1.0, 1.2), reach=(1.0, 1.0),
            winding=0.8, supplied_by="left", trunk=True),
    Segment("IM", "LM", ((126, -148, 1.0),), calibre=(0.55, 0.8), angle=(20, 45),
            chance=0.22),
    Segment("D1", "LAD", ((128, -140, 1.0),), leaves_at=(0.09, 0.19),
            calibre=(0.5, 0.64)),
    Segment("D2", "LAD", ((138, -126, 1.0),), leaves_at=(0.26, 0.38),
            calibre=(0.44, 0.6), chance=0.95),
    Segment("D3", "LAD", ((150, -114, 1.0),), leaves_at=(0.45, 0.56),
            calibre=(0.4, 0.55), chance=0.55),
    Segment("S1", "LAD", kind="septum", leaves_at=(0.1, 0.17), calibre=(0.26, 0.38),
            angle=(75, 95), length_mm=(28, 50), winding=0.3),
    *_septals("LAD", "S", (0.22, 0.29, 0.36, 0.43, 0.51, 0.6), (12, 38)),
    Segment("LRV", "LAD", ((95, -66, 1.0),), leaves_at=(0.13, 0.28),
            calibre=(0.18, 0.28), chance=0.6),
    Segment("LA", "LCX", ((32, -150, 0.95),), leaves_at=(0.08, 0.3),
            calibre=(0.2, 0.28), angle=(60, 95), chance=0.55),
    Segment("OM1", "LCX", ((130, -166, 1.0),), leaves_at=(0.13, 0.3),
            calibre=(0.55, 0.75)),
    Segment("OM2", "LCX", ((130, -183, 1.0),), leaves_at=(0.42, 0.58),
            calibre=(0.45, 0.68), chance=0.85),
    Segment("OM3", "LCX", ((122, -205, 1.0),), leaves_at=(0.7, 0.82),
            calibre=(0.42, 0.62), chance=0.6),
    Segment("LPDA", "LCX", INFERIOR_GROOVE, "groove", calibre=(0.9, 1.1),
            reach=(0.6, 1.0), supplied_by="left", trunk=True),
    Segment("LPL", "LCX", ((118, -232, 1.0),), leaves_at=(0.86, 0.92),
            calibre=(0.45, 0.6), supplied_by="left"),
    *_septals("LPDA", "LPS", (0.12, 0.27, 0.42, 0.57), (8, 22)),
    Segment("RCA", None, RIGHT_GROOVE, "groove", calibre=(3.3, 4.7), winding=0.7,
            reach=(0.96, 1.0), supplied_by="right", trunk=True, side="right"),
    Segment("RCA", None, RIGHT_GROOVE, "groove", calibre=(2.3, 3.3), winding=0.7,
            reach=(0.55, 0.9), supplied_by="left", trunk=True, side="right"),
    Segment("CB", "RCA", ((84, -74, 1.0),), leaves_at=(0.05, 0.1),
            calibre=(0.24, 0.34), angle=(50, 80), chance=0.85),
    Segment("SN", "RCA", ((22, 10, 0.95),), leaves_at=(0.07, 0.14),
            calibre=(0.24, 0.34), angle=(70, 110), chance=0.6),
    Segment("RV1", "RCA", ((110, -40, 1.0),), leaves_at=(0.2, 0.32),
            calibre=(0.28, 0.42)),
    Segment("RV2", "RCA", ((116, -14, 1.0),), leaves_at=(0.36, 0.48),
            calibre=(0.25, 0.4), chance=0.75),
    Segment("AM", "RCA", ((140, 24, 1.0),), leaves_at=(0.52, 0.64),
            calibre=(0.38, 0.52)),
    Segment("RV3", "RCA", ((122, 58, 1.0),), leaves_at=(0.72, 0.84),
            calibre=(0.24, 0.38), chance=0.5),
    Segment("PDA", "RCA", INFERIOR_GROOVE, "groove", calibre=(0.75, 1.0),
            reach=(0.6, 1.0), supplied_by="right", trunk=True),
    Segment("RPL", "RCA", BEHIND_CRUX, "groove", calibre=(0.75, 1.1), reach=(0.6, 1.1),
            supplied_by="right", trunk=True),
    Segment("PL1", "RPL", ((122, 108, 1.0),), leaves_at=(0.12, 0.28),
            calibre=(0.5, 0.7), chance=0.8),
    Segment("PL2", "RPL", ((120, 124, 1.0),), leaves_at=(0.4, 0.55),
            calibre=(0.5, 0.7), chance=0.75),
    *_septals("PDA", "PS", (0.1, 0.22, 0.34, 0.46, 0.58, 0.7), (8, 24)),
)  # fmt: skip
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


def _heart_axes() -> tuple[Triple, Triple, Triple]:
    """Return the heart's axes in the patient: right ventricle, inferior wall, apex."""
    apex = functional.normalize(torch.tensor(APEX), dim=0)
    right = torch.tensor(RIGHT_VENTRICLE)
    right = functional.normalize(right - (right @ apex) * apex, dim=0)
    down = torch.linalg.cross(apex, right)
    first, second, third = (tuple(axis.tolist()) for axis in (right, down, apex))
    return first, second, third


CORONARY = Territory(
    segments=SEGMENTS,
    semi_axes=SEMI_AXES,
    px_per_mm=5.0,
    projections=PROJECTIONS,
    catheter=aortic_course,
    axes=_heart_axes(),
)
