"""List the named segments of the coronary tree and where each of them runs.

Names follow the American Heart Association (Austen 1975) and the SYNTAX score (Sianos
2005). A place on the heart is a polar angle from the base, an azimuth around the long
axis and a depth, which is 1 on the surface. Azimuth 0 is the free wall of the right
ventricle, 90 the inferior, 180 the lateral and -90 the anterior wall. The anterior and
the inferior interventricular groove are at about -90 and 90 degrees, and the
atrioventricular grooves at polar angles of about 70 degrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from napari_motionseg.synthesis.centrelines import LEFT, RIGHT
from napari_motionseg.synthesis.config import Range

Place = tuple[float, float, float]
Kind = Literal["groove", "wall", "septum"]


@dataclass(frozen=True)
class Segment:
    """One row of the table of segments.

    Parameters
    ----------
    name
        Short name of the segment; rows of one name exclude each other by `supplied_by`.
    parent
        Name of the segment that it leaves; None for a segment that begins at the aorta.
    course
        Places ``(polar, azimuth, depth)`` in degrees. A groove segment runs along all
        of them; a branch on the wall ends near the last one; a septal branch has none.
    kind
        Whether it runs along a groove, over the wall, or straight into the septum.
    leaves_at
        Share of the parent's length at which it leaves; 1 is the end of the parent,
        which is then divided among all segments that leave there.
    calibre
        Diameter divided by that of the parent. At the end of a parent only the ratio to
        the other segments counts. For a segment at the aorta, the diameter in mm.
    angle
        Angle to the parent in degrees.
    reach
        Share of the course that the segment has.
    length_mm
        Length of a septal branch in mm.
    winding
        Factor on the tortuosity.
    chance
        Probability that the segment exists.
    supplied_by
        Dominance with which it exists: which tree supplies the inferior wall.
    trunk
        Whether it exists in trees without side branches.
    """

    name: str
    parent: str | None
    course: tuple[Place, ...] = ()
    kind: Kind = "wall"
    leaves_at: Range = (1.0, 1.0)
    calibre: Range = (1.0, 1.0)
    angle: Range = (45.0, 70.0)
    reach: Range = (0.85, 1.1)
    length_mm: Range = (0.0, 0.0)
    winding: float = 1.0
    chance: float = 1.0
    supplied_by: Literal["left", "right", "any"] = "any"
    trunk: bool = False


RIGHT_GROOVE: tuple[Place, ...] = (
    (44, -66, 0.81), (50, -56, 0.92), (60, -38, 1.02), (67, -14, 1.0), (71, 10, 1.0),
    (73, 34, 1.0), (72, 58, 1.0), (70, 76, 1.0), (67, 92, 0.97),
)  # fmt: skip
LEFT_GROOVE: tuple[Place, ...] = (
    (62, -127, 1.0), (68, -144, 1.0), (72, -162, 1.0), (74, -180, 1.0),
    (74, -197, 1.0), (73, -214, 1.0), (71, -232, 1.0), (68, -258, 1.0),
)  # fmt: skip
ANTERIOR_GROOVE: tuple[Place, ...] = (
    (62, -116, 1.0), (72, -108, 1.01), (87, -101, 1.0), (104, -96, 1.0),
    (124, -92, 1.0), (145, -88, 1.0), (163, -84, 1.0), (177, -70, 1.0),
    (167, 88, 1.0), (152, 90, 1.0),
)  # fmt: skip
INFERIOR_GROOVE: tuple[Place, ...] = (
    (73, 93, 1.0), (88, 91, 1.0), (106, 89, 1.0), (126, 87, 1.0), (147, 84, 1.0),
    (162, 78, 1.0),
)  # fmt: skip
BEHIND_CRUX: tuple[Place, ...] = (
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
TABLE: tuple[Segment, ...] = (
    Segment("LM", None, ((43, -101, 0.86), (52, -113, 0.93), (60, -120, 1.0)), "groove",
            calibre=(4.1, 5.3), reach=(0.55, 1.0), winding=0.3, trunk=True),
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
            reach=(0.96, 1.0), supplied_by="right", trunk=True),
    Segment("RCA", None, RIGHT_GROOVE, "groove", calibre=(2.3, 3.3), winding=0.7,
            reach=(0.55, 0.9), supplied_by="left", trunk=True),
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
SEGMENTS: tuple[str, ...] = tuple(dict.fromkeys(row.name for row in TABLE))
PARENTS: Mapping[str, str | None] = MappingProxyType(
    {row.name: row.parent for row in TABLE}
)


def generations() -> list[list[int]]:
    """Return the rows of the table without a parent, those of their children, ..."""
    depths = [_depth(row.name) for row in TABLE]
    return [
        [row for row, own in enumerate(depths) if own == depth]
        for depth in range(max(depths) + 1)
    ]


def _depth(name: str) -> int:
    parent = PARENTS[name]
    return 0 if parent is None else 1 + _depth(parent)


def tree_of(name: str) -> int:
    """Return the tree that a segment belongs to: left 0, right 1."""
    parent = PARENTS[name]
    if parent is not None:
        return tree_of(parent)
    return RIGHT if name == "RCA" else LEFT
