"""Describe the arteries of one part of the body, and how they are examined.

A territory is a table of named segments with everything else that differs between the
parts of the body that are examined: size, position in the patient, usual projections,
and the way of the catheter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis.config import Range
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.geometry import Cameras

Triple = tuple[float, float, float]
Kind = Literal["groove", "wall", "septum", "path"]
Side = Literal["left", "right", "either"]
# ostium (3,), direction of the vessel there (3,), views, scene, random numbers
CatheterCourse = Callable[[Tensor, Tensor, Cameras, int, Draws], Tensor]
# x and y (B, n, n) in px from the middle of the organ, random numbers
Skeleton = Callable[[Tensor, Tensor, Draws], Tensor]
UPRIGHT: tuple[Triple, Triple, Triple] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def in_px(lengths_mm: Triple, px_per_mm: float) -> Triple:
    """Return three lengths in px.

    Parameters
    ----------
    lengths_mm
        Lengths in mm.
    px_per_mm
        Pixels of a mm.
    """
    first, second, third = lengths_mm
    return px_per_mm * first, px_per_mm * second, px_per_mm * third


@dataclass(frozen=True)
class Segment:
    """One row of a table of segments.

    Parameters
    ----------
    name
        Short name of the segment; rows of one name exclude each other by `supplied_by`.
    parent
        Name of the segment that it leaves; None for a segment that the catheter fills.
    course
        Points of a path ``(x, y, z)`` in mm along the axes of the organ. For all other
        kinds, places ``(polar, azimuth, depth)`` in degrees: a groove segment runs
        along all of them, a branch on the wall ends near the last one, and a septal
        branch has none.
    kind
        Whether it runs along a groove of the surface, over the wall, straight into the
        septum, or along a path through space.
    leaves_at
        Share of the parent's length at which it leaves; 1 is the end of the parent,
        which is then divided among all segments that leave there.
    calibre
        Diameter divided by that of the parent. At the end of a parent only the ratio to
        the other segments counts. For a segment without a parent, the diameter in mm.
    angle
        Angle to the parent in degrees; a path has its own.
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
    side
        Tree of a segment without a parent. With ``"either"``, the table describes the
        left side, and its mirror image is the right side.
    narrows_to
        Diameter at its end divided by that at its start, apart from branchings and from
        the taper of the configuration.
    spread
        Standard deviation of the end of a path, as a share of its length.
    sheet
        Normal of the plane in which the segment and its twigs spread; None if they
        spread along the surface of the organ.
    twigs
        Factor on the share of possible twigs at its sides.
    """

    name: str
    parent: str | None
    course: tuple[Triple, ...] = ()
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
    side: Side = "either"
    narrows_to: float = 1.0
    spread: float = 0.05
    sheet: Triple | None = None
    twigs: float = 1.0


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


@dataclass(frozen=True)
class TwigHabit:
    """Growth of the small branches without a name.

    Parameters
    ----------
    spacing_px
        Range of the distance in px between two twigs of a vessel.
    radius_px
        Range of the radius in px of a twig at the side of a vessel.
    length_diameters
        Median length of a twig divided by its diameter.
    largest_share
        Largest radius of a twig divided by that of its parent.
    confined
        Whether twigs stay within the ellipsoid of the organ.
    """

    spacing_px: Range = (30.0, 85.0)
    radius_px: Range = (0.7, 2.9)
    length_diameters: float = 17.0
    largest_share: float = 0.5
    confined: bool = False


@dataclass(frozen=True, eq=False)
class Territory:
    """Arteries of one part of the body, and how they are examined.

    Parameters
    ----------
    segments
        Rows of the table; each parent comes before its children.
    semi_axes
        Semi-axes in px, at size 1, of the ellipsoid that stands for the organ.
    px_per_mm
        Pixels of a mm at the isocentre, in a picture of 512 px.
    projections
        Usual views.
    catheter
        Function that returns the course ``(K, 2)`` in px of a catheter.
    body_part
        Value of BodyPartExamined (DICOM PS3.16, Annex L); an empty text leaves it out.
    axes
        Columns of the rotation from the axes of the left organ to those of the patient,
        which point to the left, the feet and the back. Orthonormal.
    skeleton
        Function that returns the absorbance ``(B, n, n)`` of bones that lie still on
        the table; None for a spine and ribs.
    lie_spread
        Standard deviation in degrees of each rotation of the organ in the patient.
    look_at
        Point in mm, along the axes of the organ, that lies near the middle of the
        picture; None for the mean of the vessels.
    twig_habit
        Growth of the small branches without a name.
    """

    segments: tuple[Segment, ...]
    semi_axes: Triple
    px_per_mm: float
    projections: tuple[Projection, ...]
    catheter: CatheterCourse
    body_part: str = ""
    axes: tuple[Triple, Triple, Triple] = UPRIGHT
    skeleton: Skeleton | None = None
    lie_spread: float = 7.0
    look_at: Triple | None = None
    twig_habit: TwigHabit = field(default_factory=TwigHabit)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the segments; `Trees.segment` is an index into them."""
        return tuple(dict.fromkeys(row.name for row in self.segments))

    @cached_property
    def parents(self) -> Mapping[str, str | None]:
        """Name of the parent of each segment, by name."""
        return MappingProxyType({row.name: row.parent for row in self.segments})

    @cached_property
    def generations(self) -> list[list[int]]:
        """Rows of the table without a parent, those of their children, and so on."""
        depths = [self._depth(row.name) for row in self.segments]
        return [
            [row for row, own in enumerate(depths) if own == depth]
            for depth in range(max(depths) + 1)
        ]

    @cached_property
    def paired(self) -> bool:
        """Whether the table describes a left organ whose mirror image is the right."""
        return all(self.segments[row].side == "either" for row in self.generations[0])

    def _depth(self, name: str) -> int:
        parent = self.parents[name]
        return 0 if parent is None else 1 + self._depth(parent)

    def side_of(self, name: str) -> Side:
        """Return the tree that a segment belongs to."""
        parent = self.parents[name]
        if parent is not None:
            return self.side_of(parent)
        return next(row.side for row in self.segments if row.name == name)

    def per_row(
        self, value: Callable[[Segment], object], device: torch.device
    ) -> Tensor:
        """Return a value of each row of the table, ``(R,)`` or ``(R, K)``.

        Parameters
        ----------
        value
            Function that returns one or K numbers of a row.
        device
            Device of the result.
        """
        return torch.tensor([value(row) for row in self.segments], device=device)

    def parent_index(self, row: Segment) -> int:
        """Return the index into `names` of a segment's parent, 0 for none."""
        return 0 if row.parent is None else self.names.index(row.parent)

    def off_sheets(self, segment: Tensor, up: Tensor) -> Tensor:
        """Return normals with those of the sheets in which some segments spread.

        Parameters
        ----------
        segment
            Index ``(N,)`` into `names`.
        up
            Unit normals ``(N, ..., 3)`` of the surface.
        """
        like = (-1, *[1] * (up.ndim - 2), 3)
        sheet = self.sheets.to(up.device)[segment].view(like)
        return torch.where((sheet != 0).any(dim=-1, keepdim=True), sheet, up)

    @cached_property
    def sheets(self) -> Tensor:
        """Unit normal ``(S, 3)`` of each segment's sheet, 0 for segments without."""
        found = {row.name: row.sheet or (0.0, 0.0, 0.0) for row in self.segments}
        return functional.normalize(torch.tensor([found[n] for n in self.names]), dim=1)

    @cached_property
    def twig_shares(self) -> Tensor:
        """Factor ``(S,)`` on the share of twigs at the sides of each segment."""
        found = {row.name: row.twigs for row in self.segments}
        return torch.tensor([found[name] for name in self.names])

    def rotation(self, device: torch.device) -> Tensor:
        """Return the rotation ``(3, 3)`` from a left organ's axes to the patient's.

        Parameters
        ----------
        device
            Device of the result.
        """
        axes = torch.tensor(self.axes, dtype=torch.float32, device=device)
        return axes.T.contiguous()
