"""Grow trees of named segments, as a territory lists them, many at a time.

Lengths are in px at the isocentre of a picture of 512 px. The segments are rows of the
territory's table; all segments of one generation, in all scenes, are grown together.
Twigs come last.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_motionseg.synthesis.branching_law import fork_shares, left_over, thinned
from napari_motionseg.synthesis.centrelines import (
    LEFT,
    RIGHT,
    SMALLEST_RADIUS,
    Courses,
    Trees,
    joined_trees,
    sample_trees,
)
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.segment_courses import (
    NODES,
    root_course,
    segment_course,
)
from napari_motionseg.synthesis.segment_plan import Plan, draw_plan
from napari_motionseg.synthesis.stenoses import stenoses
from napari_motionseg.synthesis.terminal_twigs import Twigs
from napari_motionseg.synthesis.territory import Territory
from napari_motionseg.synthesis.vessel_courses import even, length, normals, undulating
from napari_motionseg.synthesis.vessel_shoots import (
    END,
    Shoots,
    joined_shoots,
    outside_parent,
    shoots_from,
)

USUAL_VESSEL_SIZE = 1.1  # `vessel_size` of published diameters, amid its default range
EITHER = -1  # tree of a segment that exists on both sides
LONG_PX = 450.0  # length from which a vessel has all of its taper


def grow_named_trees(
    territory: Territory, config: SynthesisConfig, count: int, draws: Draws
) -> Trees:
    """Grow the trees of `count` scenes.

    Parameters
    ----------
    territory
        Territory with the table of segments.
    config
        Its `tree`, `dominance`, `generations`, `heart_size`, `vessel_size`,
        `tortuosity`, `corkscrews`, `taper`, `side_branches`, `stenoses` and
        `second_tree` are used.
    count
        Number of scenes.
    draws
        Source of the random courses, lengths and radii.
    """
    grower = _Grower(territory, config, count, draws)
    parts = [part.at(part.radii[:, 0] >= SMALLEST_RADIUS) for part in grower.grown()]
    return joined_trees([sample_trees(part, config.scale) for part in parts])


class _Grower:
    """Hold the state of growing trees."""

    def __init__(
        self, territory: Territory, config: SynthesisConfig, count: int, draws: Draws
    ) -> None:
        self.territory, self.config = territory, config
        self.count, self.draws = count, draws
        self.plan = draw_plan(territory, config, count, draws)
        size = draws.range(count, config.heart_size)
        shape = draws.uniform((count, 3), 0.92, 1.08)
        usual = torch.tensor(territory.semi_axes, device=draws.device)
        self.axes = mirrored(territory, usual * size[:, None] * shape, self.plan)
        self.vessel_size = draws.range(count, config.vessel_size)
        self.tortuosity = draws.range(count, config.tortuosity)
        self.taper = draws.range(count, config.taper)
        self.twigs = Twigs(
            territory, config, self.axes, self.tortuosity, self.plan.side_branches,
            draws,
        )  # fmt: skip

    def grown(self) -> list[Courses]:
        """Return the branches of all scenes, trunks first."""
        grown: list[Courses] = []
        shoots: list[Shoots] = []
        parents = self._roots()
        for rows in [*self.territory.generations[1:], []]:
            parents, children, twigs = self._branch_off(parents, rows)
            grown.append(parents)
            shoots.append(twigs)
            parents = children
        further = self.config.generations - 1
        return grown + self.twigs.grown(joined_shoots(shoots), further)

    def _roots(self) -> Courses:
        """Return the segments without a parent, injected ones first."""
        plan, territory, device = self.plan, self.territory, self.draws.device
        rows = torch.tensor(territory.generations[0], device=device)
        scene, column = plan.exists[:, rows].nonzero(as_tuple=True)
        of_side = {"left": LEFT, "right": RIGHT, "either": EITHER}
        tree = territory.per_row(lambda row: of_side[row.side], device)[rows[column]]
        injected = torch.where(plan.left_injected, LEFT, RIGHT)[scene]
        tree = torch.where(tree == EITHER, injected, tree)
        # the injected tree comes first, because its ostium is that of the scene
        other = (tree == LEFT) != plan.left_injected[scene]
        order = torch.argsort(other.long(), stable=True)
        scene, row, tree = scene[order], rows[column[order]], tree[order]
        size = self.vessel_size[scene] / USUAL_VESSEL_SIZE
        radius = plan.calibre[scene, row] * territory.px_per_mm / 2 * size
        nodes = root_course(territory, row, self.axes[scene], self.draws)
        return self._courses(nodes, radius, row, scene, tree)

    def _branch_off(
        self, parents: Courses, rows: list[int]
    ) -> tuple[Courses, Courses, Shoots]:
        """Return the parents, thinner behind branches, their children, their twigs."""
        scene, row, parent = self._on_parents(parents, rows)
        leaves_at = self.plan.leaves_at[scene, row]
        share = self.plan.calibre[scene, row]
        end = leaves_at >= END
        share[end] = fork_shares(share[end], parent[end], len(parents))
        widest = torch.zeros_like(parents.radii[:, 0])
        widest.scatter_reduce_(0, parent[end], share[end], "amax")
        twig = self.twigs.placed(parents, continued=widest > 0)
        side, on_side = ~end, twig.at < END
        radii = thinned(
            parents.radii,
            parents.path - parents.path[:, :1],
            torch.cat((parent[side], twig.parent[on_side])),
            torch.cat((leaves_at[side], twig.at[on_side])),
            left_over(torch.cat((share[side], twig.share[on_side]))),
        )
        parents = Courses(**{**vars(parents), "radii": radii})
        shoots = shoots_from(
            parents, parent, leaves_at, share, self.plan.angle[scene, row],
            self._segments(row), end & (share == widest[parent]),
        )  # fmt: skip
        return parents, self._children(shoots, row), self.twigs.shoots(parents, twig)

    def _on_parents(
        self, parents: Courses, rows: list[int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return scene, row and parent ``(M,)`` of the segments that leave parents."""
        device = self.draws.device
        names = self.territory.names
        number = torch.full((self.count, len(names)), -1, device=device)
        number[parents.scene, parents.segment] = torch.arange(
            len(parents), device=device
        )
        chosen = torch.tensor(rows, device=device, dtype=torch.long)
        scene, column = self.plan.exists[:, chosen].nonzero(as_tuple=True)
        row = chosen[column]
        above = self.territory.per_row(self.territory.parent_index, device)
        parent = number[scene, above[row]]
        there = parent >= 0
        return scene[there], row[there], parent[there]

    def _children(self, shoots: Shoots, row: Tensor) -> Courses:
        """Return the branches that grow from shoots of rows ``(N,)`` of the table."""
        scene = shoots.scene
        nodes = segment_course(
            self.territory, shoots, row, self.axes[scene],
            self.plan.length[scene, row], self.draws,
        )  # fmt: skip
        courses = self._courses(nodes, shoots.radius, row, scene, shoots.tree)
        outside = outside_parent(shoots, courses.nodes, courses.radii)
        path = courses.path + shoots.path[:, None]
        return Courses(**{**vars(courses), "outside": outside, "path": path})

    def _courses(
        self, nodes: Tensor, radius: Tensor, row: Tensor, scene: Tensor, tree: Tensor
    ) -> Courses:
        """Return the branches along courses, which are cut to their reach and bent."""
        per_row, device = self.territory.per_row, row.device
        winding = per_row(lambda one: one.winding, device)[row]
        nodes = even(nodes, self.plan.reach[scene, row])
        up = self.territory.off_sheets(
            self._segments(row), normals(nodes, self.axes[scene, None])
        )
        nodes = undulating(
            nodes, up, winding * self.tortuosity[scene], radius,
            self.config.corkscrews, self.draws,
        )  # fmt: skip
        nodes = even(nodes)
        share = torch.linspace(0, 1, NODES, device=device)
        way = length(nodes)[:, None] * share
        # short vessels narrow by as much per px as long ones
        slope = (1 - self.taper[scene, None]) / way[:, -1:].clamp(min=LONG_PX)
        radii = radius[:, None] * (1 - slope * way)
        narrowed = per_row(lambda one: 1 - one.narrows_to, device)[row]
        radii = radii * (1 - narrowed[:, None] * share)
        radii = radii * stenoses(way, self.config.stenoses, self.draws)
        return Courses(
            nodes, radii, way, torch.ones_like(way), scene, tree, self._segments(row)
        )

    def _segments(self, row: Tensor) -> Tensor:
        """Return the index of the segment ``(N,)`` of rows of the table."""
        names = self.territory.names
        found: Tensor = self.territory.per_row(
            lambda one: names.index(one.name), row.device
        )[row]
        return found


def mirrored(territory: Territory, axes: Tensor, plan: Plan) -> Tensor:
    """Return semi-axes ``(B, 3)``, negative along x for right organs.

    Parameters
    ----------
    territory
        Territory whose table describes the left organ, or both.
    axes
        Semi-axes ``(B, 3)`` in px of each scene's organ.
    plan
        Plan of the scenes, which says which side is injected.
    """
    right = ~plan.left_injected & territory.paired
    sign = torch.ones_like(axes)
    sign[right, 0] = -1
    return axes * sign
