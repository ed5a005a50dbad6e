"""Grow the small branches at the sides and ends of vessels by laws of branching."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis.branching_law import (
    fork_shares,
    left_over,
    thinned,
    turning_angle,
)
from napari_motionseg.synthesis.centrelines import SMALLEST_RADIUS, Courses
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.territory import Territory
from napari_motionseg.synthesis.vessel_courses import (
    even,
    hugging,
    length,
    normals,
    spline,
    undulating,
    within,
)
from napari_motionseg.synthesis.vessel_shoots import (
    END,
    Shoots,
    outside_parent,
    shoots_from,
)

NODES = 32  # points of a course
SLOTS = 10  # positions along a branch at which a twig may leave it
FORK_RATIO = (0.55, 1.0)  # radius of the smaller daughter divided by the larger
LENGTH_SPREAD = 0.4  # standard deviation of the logarithm of that
LONGEST_PX = 190.0
ALONG_RADII = (0.8, 1.6)  # radii that a twig runs along its parent
ANGLE_SPREAD = 0.2  # radians: standard deviation of the angle to the parent
BEND = 0.35  # radians: standard deviation of the bend of a twig
DEEPER = (0.0, 0.12)  # share of the radius of the heart by which a twig sinks in
TAPER = 0.65  # radius at the end of a twig divided by that at its start
WINDING = 1.2  # factor on the tortuosity
INSIDE = 0.94  # depth of a vessel below which it runs within the muscle


@dataclass(frozen=True)
class Placement:
    """Places and radii of twigs on their parents.

    Parameters
    ----------
    parent
        Index ``(M,)`` of the parent.
    at
        Share ``(M,)`` of the parent's length.
    share
        Radius ``(M,)`` divided by the parent's.
    continues
        Whether ``(M,)`` the twig is the widest at the end of the parent.
    """

    parent: Tensor
    at: Tensor
    share: Tensor
    continues: Tensor


class Twigs:
    """Grow twigs on vessels.

    Parameters
    ----------
    territory
        Territory whose `twig_habit` they have.
    config
        Its `generations` and `corkscrews` are used.
    axes
        Semi-axes ``(B, 3)`` of the organs in px.
    tortuosity, side_branches
        Bending of vessels, and share of possible side branches, ``(B,)``.
    draws
        Source of the random numbers.
    """

    def __init__(
        self,
        territory: Territory,
        config: SynthesisConfig,
        axes: Tensor,
        tortuosity: Tensor,
        side_branches: Tensor,
        draws: Draws,
    ) -> None:
        self.territory, self.habit = territory, territory.twig_habit
        self.config, self.axes, self.draws = config, axes, draws
        self.tortuosity, self.side_branches = tortuosity, side_branches

    def placed(self, parents: Courses, continued: Tensor) -> Placement:
        """Return where twigs leave the sides and ends of parents.

        Parameters
        ----------
        parents
            Branches on which twigs are placed.
        continued
            Whether ``(N,)`` other branches leave at the end of a parent.
        """
        both = self._on_sides(parents), self._at_ends((~continued).nonzero()[:, 0])
        columns = zip(*(vars(part).values() for part in both), strict=True)
        placed = Placement(*(torch.cat(column) for column in columns))
        if self.config.generations < 2:
            return Placement(*(part[:0] for part in vars(placed).values()))
        return placed

    def _on_sides(self, parents: Courses) -> Placement:
        draws, n = self.draws, len(parents)
        slots = torch.arange(SLOTS, device=draws.device)
        place = slots + draws.uniform((n, SLOTS), 0.4, 1.3)
        place = place * draws.uniform((n, 1), *self.habit.spacing_px)
        at = place / length(parents.nodes)[:, None].clamp(min=1)
        last = parents.radii.shape[1] - 1
        there = parents.radii.gather(1, (at * last).long().clamp(max=last))
        low, high = (math.log(radius) for radius in self.habit.radius_px)
        radius = draws.uniform((n, SLOTS), low, high).exp()
        share = (radius / there).clamp(max=self.habit.largest_share)
        share_of = self.territory.twig_shares.to(draws.device)[parents.segment]
        wanted = (self.side_branches[parents.scene] * share_of)[:, None]
        exists = draws.uniform((n, SLOTS), 0, 1) < wanted
        exists &= (at < 0.96) & (share * there >= SMALLEST_RADIUS)
        parent, slot = exists.nonzero(as_tuple=True)
        return Placement(
            parent, at[parent, slot], share[parent, slot], torch.zeros_like(slot) > 0
        )

    def _at_ends(self, ends: Tensor) -> Placement:
        """Return two daughters at the end of each parent with index `ends` ``(M,)``."""
        fork = torch.arange(len(ends), device=ends.device).repeat(2)
        ratio = self.draws.uniform(len(ends), *FORK_RATIO)
        weights = torch.cat((torch.ones_like(ratio), ratio))
        first = torch.arange(2 * len(ends), device=ends.device) < len(ends)
        share = fork_shares(weights, fork, len(ends))
        return Placement(ends[fork], torch.ones_like(share), share, first)

    def shoots(self, parents: Courses, placed: Placement) -> Shoots:
        """Return the beginnings of twigs that are wide enough to be drawn."""
        angle = turning_angle(placed.share)
        angle = angle + ANGLE_SPREAD * self.draws.normal(len(angle))
        shoots = shoots_from(
            parents, placed.parent, placed.at, placed.share, angle.clamp(0.2, 1.6),
            parents.segment[placed.parent], placed.continues,
        )  # fmt: skip
        return shoots.at(shoots.radius >= SMALLEST_RADIUS)

    def grown(self, shoots: Shoots, generations: int) -> list[Courses]:
        """Return the twigs of shoots, and those of further generations."""
        found = []
        for further in reversed(range(generations)):
            courses = self._courses(shoots)
            if further:
                continued = torch.zeros_like(courses.scene) > 0
                placed = self.placed(courses, continued)
                side = placed.at < END
                radii = thinned(
                    courses.radii,
                    courses.path - courses.path[:, :1],
                    placed.parent[side],
                    placed.at[side],
                    left_over(placed.share[side]),
                )
                courses = Courses(**{**vars(courses), "radii": radii})
                shoots = self.shoots(courses, placed)
            found.append(courses)
        return found

    def _courses(self, shoots: Shoots) -> Courses:
        axes = self.axes[shoots.scene]
        nodes = self._bent(shoots, axes)
        up = self.territory.off_sheets(shoots.segment, normals(nodes, axes[:, None]))
        nodes = undulating(
            nodes, up, WINDING * self.tortuosity[shoots.scene], shoots.radius,
            self.config.corkscrews, self.draws,
        )  # fmt: skip
        nodes = even(nodes)
        share = torch.linspace(0, 1, NODES, device=nodes.device)
        radii = shoots.radius[:, None] * (1 - (1 - TAPER) * share)
        path = shoots.path[:, None] + length(nodes)[:, None] * share
        outside = outside_parent(shoots, nodes, radii)
        return Courses(
            nodes, radii, path, outside, shoots.scene, shoots.tree, shoots.segment
        )

    def _bent(self, shoots: Shoots, axes: Tensor) -> Tensor:
        """Return the smooth courses ``(N, NODES, 3)`` of twigs."""
        draws, n = self.draws, len(shoots)
        spread = torch.exp(LENGTH_SPREAD * draws.normal(n))
        far = 2 * self.habit.length_diameters * shoots.radius * spread
        far = far.clamp(max=LONGEST_PX)
        depth = torch.linalg.vector_norm(shoots.start / axes, dim=-1)
        inside = (depth < INSIDE)[:, None]
        # in the muscle, twigs leave to all sides
        up = torch.where(inside, draws.normal((n, 3)), normals(shoots.start, axes))
        up = self.territory.off_sheets(shoots.segment, up)
        side = functional.normalize(torch.linalg.cross(up, shoots.ahead), dim=-1)
        side = side * draws.sign(n)[:, None]
        cos, sin = shoots.angle.cos()[:, None], shoots.angle.sin()[:, None]
        out = cos * shoots.ahead + sin * side
        bow = functional.normalize(torch.linalg.cross(up, out), dim=-1)
        bend = (BEND * draws.normal((n, 1)) * bow)[:, None]
        along = shoots.parent_radius * draws.uniform(n, *ALONG_RADII)
        begin = shoots.start + along[:, None] * shoots.ahead
        share = torch.linspace(0.25, 1, 4, device=far.device)[:, None]
        line = begin[:, None] + far[:, None, None] * share * (
            out[:, None] + share * bend
        )
        controls = torch.cat((shoots.start[:, None], begin[:, None], line), dim=1)
        own = torch.linalg.vector_norm(controls[:, :2] / axes[:, None], dim=-1)
        deeper = own[:, 1:] * (1 - share[:, 0] * draws.uniform((n, 1), *DEEPER))
        nodes = spline(controls, NODES)
        hugged = hugging(nodes, spline(torch.cat((own, deeper), dim=1), NODES), axes)
        flat = self.territory.sheets.to(up.device)[shoots.segment] != 0
        free = inside | flat.any(dim=1, keepdim=True)
        nodes = torch.where(free[..., None], nodes, hugged)
        return even(within(nodes, axes) if self.habit.confined else nodes)
