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
from napari_motionseg.synthesis.vessel_courses import (
    even,
    hugging,
    length,
    normals,
    spline,
    undulating,
)
from napari_motionseg.synthesis.vessel_shoots import (
    Shoots,
    outside_parent,
    shoots_from,
)

NODES = 32  # points of a course
SLOTS = 10  # positions along a branch at which a twig may leave it
SPACING_PX = (30.0, 85.0)  # px between two twigs
RADIUS_PX = (0.7, 2.9)  # radius of a twig at the side of a vessel
LARGEST_SHARE = 0.65  # of a twig's radius in that of its parent
FORK_RATIO = (0.55, 1.0)  # radius of the smaller daughter divided by the larger
LENGTH_DIAMETERS = 17.0  # median length of a twig divided by its diameter
LENGTH_SPREAD = 0.4  # standard deviation of the logarithm of that
LONGEST_PX = 190.0
ANGLE_SPREAD = 0.2  # radians
INSIDE = 0.94  # a vessel that is deeper does not run on the surface


@dataclass(frozen=True)
class Placement:
    """Where twigs leave their parents.

    Parameters
    ----------
    parent
        Index ``(M,)`` of the parent.
    at
        Share ``(M,)`` of the parent's length.
    share
        Radius ``(M,)`` divided by the parent's.
    continues
        Whether ``(M,)`` the twig continues the parent beyond its end.
    """

    parent: Tensor
    at: Tensor
    share: Tensor
    continues: Tensor


class Twigs:
    """Grow twigs on vessels.

    Parameters
    ----------
    config
        Its `generations` and `taper` are used.
    axes
        Semi-axes ``(B, 3)`` of the hearts in px.
    tortuosity, side_branches
        Bending of vessels, and share of possible side branches, ``(B,)``.
    draws
        Source of the random numbers.
    """

    def __init__(
        self,
        config: SynthesisConfig,
        axes: Tensor,
        tortuosity: Tensor,
        side_branches: Tensor,
        draws: Draws,
    ) -> None:
        self.config, self.axes, self.draws = config, axes, draws
        self.tortuosity, self.side_branches = tortuosity, side_branches

    def placed(self, parents: Courses, continued: Tensor) -> Placement:
        """Return where twigs leave the sides and ends of parents.

        Parameters
        ----------
        parents
            Branches whose twigs are placed.
        continued
            Whether ``(N,)`` other branches leave at the end of a parent.
        """
        draws, n = self.draws, len(parents)
        whole = length(parents.nodes)
        spacing = draws.uniform((n, 1), *SPACING_PX)
        slots = torch.arange(SLOTS, device=whole.device)
        place = spacing * (slots + draws.uniform((n, SLOTS), 0.4, 1.3))
        at = place / whole[:, None].clamp(min=1)
        node = (at * (parents.radii.shape[1] - 1)).long()
        there = parents.radii.gather(1, node.clamp(max=parents.radii.shape[1] - 1))
        low, high = (math.log(r) for r in RADIUS_PX)
        radius = draws.uniform((n, SLOTS), low, high).exp()
        share = (radius / there).clamp(max=LARGEST_SHARE)
        exists = (at < 0.96) & (share * there >= SMALLEST_RADIUS)
        wanted = self.side_branches[parents.scene][:, None]
        exists &= draws.uniform((n, SLOTS), 0, 1) < wanted
        row, slot = exists.nonzero(as_tuple=True)
        ends = (~continued).nonzero()[:, 0]
        fork = torch.arange(len(ends), device=ends.device).repeat(2)
        ratio = draws.uniform(len(ends), *FORK_RATIO)
        weights = torch.cat((torch.ones_like(ratio), ratio))
        forked = fork_shares(weights, fork, len(ends))
        placed = Placement(
            torch.cat((row, ends[fork])),
            torch.cat((at[row, slot], torch.ones_like(forked))),
            torch.cat((share[row, slot], forked)),
            torch.cat((row < 0, fork.new_ones(len(ends)) > 0, ratio < 0)),
        )
        if self.config.generations < 2:
            return Placement(*(part[:0] for part in vars(placed).values()))
        return placed

    def shoots(self, parents: Courses, placed: Placement) -> Shoots:
        """Return the beginnings of twigs."""
        angle = turning_angle(placed.share)
        angle = angle + ANGLE_SPREAD * self.draws.normal(len(angle))
        shoots = shoots_from(
            parents, placed.parent, placed.at, placed.share, angle.clamp(0.2, 1.6),
            parents.segment[placed.parent], placed.continues,
        )  # fmt: skip
        return shoots.at(shoots.radius >= SMALLEST_RADIUS)

    def grown(self, shoots: Shoots, generations: int) -> list[Courses]:
        """Return the twigs of shoots, and those of the further generations."""
        found = []
        for generation in range(generations):
            if not len(shoots):
                break
            courses = self._courses(shoots)
            if generation < generations - 1:
                placed = self.placed(courses, torch.zeros_like(courses.scene) > 0)
                side = placed.at < 1
                way = courses.path - courses.path[:, :1]
                parent = placed.parent[side]
                radii = thinned(
                    courses.radii, way, parent, placed.at[side],
                    left_over(placed.share[side]),
                )  # fmt: skip
                courses = Courses(**{**vars(courses), "radii": radii})
                shoots = self.shoots(courses, placed)
            found.append(courses)
        return found

    def _courses(self, shoots: Shoots) -> Courses:
        draws, n = self.draws, len(shoots)
        axes = self.axes[shoots.scene]
        spread = torch.exp(LENGTH_SPREAD * draws.normal(n))
        far = (2 * LENGTH_DIAMETERS * shoots.radius * spread).clamp(max=LONGEST_PX)
        up = normals(shoots.start, axes)
        inside = torch.linalg.vector_norm(shoots.start / axes, dim=-1) < INSIDE
        # in the muscle, twigs leave to all sides
        away = torch.where(inside[:, None], draws.normal((n, 3)), up)
        side = functional.normalize(torch.linalg.cross(away, shoots.ahead), dim=-1)
        side = side * draws.sign(n)[:, None]
        cos, sin = shoots.angle.cos()[:, None], shoots.angle.sin()[:, None]
        out = cos * shoots.ahead + sin * side
        across = torch.linalg.cross(away, out)
        bend = 0.35 * draws.normal((n, 1)) * functional.normalize(across, dim=-1)
        along = (shoots.parent_radius * draws.uniform(n, 0.8, 1.6))[:, None]
        begin = shoots.start + along * shoots.ahead
        controls = torch.stack(
            [shoots.start, begin]
            + [
                begin + far[:, None] * share * (out + share * bend)
                for share in (0.25, 0.5, 0.75, 1.0)
            ],
            dim=1,
        )
        own = torch.linalg.vector_norm(controls[:, :2] / axes[:, None], dim=-1)
        deep = own[:, 1:] * (
            1 - torch.linspace(0, 1, 4, device=far.device)
            * draws.uniform((n, 1), 0.0, 0.12)
        )  # fmt: skip
        nodes = spline(controls, NODES)
        hugged = hugging(nodes, spline(torch.cat((own, deep), dim=1), NODES), axes)
        nodes = even(torch.where(inside[:, None, None], nodes, hugged))
        winding = 1.2 * self.tortuosity[shoots.scene]
        nodes = undulating(
            nodes, axes, winding, shoots.radius, self.config.corkscrews, draws
        )
        nodes = even(nodes)
        share = torch.linspace(0, 1, NODES, device=far.device)
        way = length(nodes)[:, None] * share
        radii = shoots.radius[:, None] * (1 - 0.35 * share)
        return Courses(
            nodes, radii, shoots.path[:, None] + way,
            outside_parent(shoots, nodes, radii), shoots.scene, shoots.tree,
            shoots.segment,
        )  # fmt: skip
