"""Grow coronary trees of named segments on an ellipsoidal heart, many at a time.

Lengths are in px at the isocentre of a picture of 512 px, where 1 px is 0.2 mm. The
segments are rows of a table; all segments of one generation, in all scenes, are grown
together. Twigs come last.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_motionseg.synthesis.branching_law import fork_shares, left_over, thinned
from napari_motionseg.synthesis.centrelines import (
    LEFT,
    SMALLEST_RADIUS,
    Courses,
    Trees,
    joined_trees,
    sample_trees,
)
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.coronary_courses import (
    NODES,
    root_course,
    segment_course,
)
from napari_motionseg.synthesis.coronary_plan import MM_PX, draw_plan, per_row
from napari_motionseg.synthesis.coronary_segments import (
    SEGMENTS,
    generations,
    tree_of,
)
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.stenoses import stenoses
from napari_motionseg.synthesis.terminal_twigs import Twigs
from napari_motionseg.synthesis.vessel_courses import even, length, undulating
from napari_motionseg.synthesis.vessel_shoots import (
    END,
    Shoots,
    joined_shoots,
    outside_parent,
    shoots_from,
)

# px: semi-axes of the heart at size 1, towards the free wall of the right ventricle,
# the inferior wall and the apex
SEMI_AXES = (185.0, 160.0, 240.0)
USUAL_VESSEL_SIZE = 1.1  # `vessel_size` of published diameters, amid its default range
LONG_PX = 450.0  # length from which a vessel has all of its taper


def grow_coronary_trees(config: SynthesisConfig, count: int, draws: Draws) -> Trees:
    """Grow the coronary trees of `count` scenes.

    Parameters
    ----------
    config
        Its `tree`, `dominance`, `generations`, `heart_size`, `vessel_size`,
        `tortuosity`, `corkscrews`, `taper`, `side_branches`, `stenoses` and
        `second_tree` are used.
    count
        Number of scenes.
    draws
        Source of the random courses, lengths and radii.
    """
    grower = _Grower(config, count, draws)
    parts = [part.at(part.radii[:, 0] >= SMALLEST_RADIUS) for part in grower.grown()]
    return joined_trees([sample_trees(part, config.scale) for part in parts])


class _Grower:
    """Hold the state of growing trees."""

    def __init__(self, config: SynthesisConfig, count: int, draws: Draws) -> None:
        self.config, self.count, self.draws = config, count, draws
        self.plan = draw_plan(config, count, draws)
        size = draws.range(count, config.heart_size)
        shape = draws.uniform((count, 3), 0.92, 1.08)
        self.axes = torch.tensor(SEMI_AXES, device=draws.device) * size[:, None] * shape
        self.vessel_size = draws.range(count, config.vessel_size)
        self.tortuosity = draws.range(count, config.tortuosity)
        self.taper = draws.range(count, config.taper)
        self.twigs = Twigs(
            config, self.axes, self.tortuosity, self.plan.side_branches, draws
        )

    def grown(self) -> list[Courses]:
        """Return the branches of all scenes, trunks first."""
        grown: list[Courses] = []
        shoots: list[Shoots] = []
        parents = self._roots()
        for rows in [*generations()[1:], []]:
            parents, children, twigs = self._branch_off(parents, rows)
            grown.append(parents)
            shoots.append(twigs)
            parents = children
        further = self.config.generations - 1
        return grown + self.twigs.grown(joined_shoots(shoots), further)

    def _roots(self) -> Courses:
        """Return the left main and the right coronary arteries."""
        plan, device = self.plan, self.draws.device
        rows = torch.tensor(generations()[0], device=device)
        scene, column = plan.exists[:, rows].nonzero(as_tuple=True)
        tree = per_row(lambda row: tree_of(row.name), device)[rows[column]]
        # the injected tree comes first, because its ostium is that of the scene
        other = (tree == LEFT) != plan.left_injected[scene]
        order = torch.argsort(other.long(), stable=True)
        scene, row, tree = scene[order], rows[column[order]], tree[order]
        size = self.vessel_size[scene] / USUAL_VESSEL_SIZE
        radius = plan.calibre[scene, row] * MM_PX / 2 * size
        nodes = root_course(row, self.axes[scene], self.draws)
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
        number = torch.full((self.count, len(SEGMENTS)), -1, device=device)
        number[parents.scene, parents.segment] = torch.arange(
            len(parents), device=device
        )
        chosen = torch.tensor(rows, device=device, dtype=torch.long)
        scene, column = self.plan.exists[:, chosen].nonzero(as_tuple=True)
        row = chosen[column]
        above = per_row(
            lambda one: 0 if one.parent is None else SEGMENTS.index(one.parent), device
        )
        parent = number[scene, above[row]]
        there = parent >= 0
        return scene[there], row[there], parent[there]

    def _children(self, shoots: Shoots, row: Tensor) -> Courses:
        """Return the branches that grow from shoots of rows ``(N,)`` of the table."""
        scene = shoots.scene
        nodes = segment_course(
            shoots, row, self.axes[scene], self.plan.length[scene, row], self.draws
        )
        courses = self._courses(nodes, shoots.radius, row, scene, shoots.tree)
        outside = outside_parent(shoots, courses.nodes, courses.radii)
        path = courses.path + shoots.path[:, None]
        return Courses(**{**vars(courses), "outside": outside, "path": path})

    def _courses(
        self, nodes: Tensor, radius: Tensor, row: Tensor, scene: Tensor, tree: Tensor
    ) -> Courses:
        """Return the branches along courses, which are cut to their reach and bent."""
        winding = per_row(lambda one: one.winding, row.device)[row]
        nodes = undulating(
            even(nodes, self.plan.reach[scene, row]), self.axes[scene],
            winding * self.tortuosity[scene], radius, self.config.corkscrews,
            self.draws,
        )  # fmt: skip
        nodes = even(nodes)
        way = length(nodes)[:, None] * torch.linspace(0, 1, NODES, device=row.device)
        # short vessels narrow by as much per px as long ones
        slope = (1 - self.taper[scene, None]) / way[:, -1:].clamp(min=LONG_PX)
        radii = radius[:, None] * (1 - slope * way)
        radii = radii * stenoses(way, self.config.stenoses, self.draws)
        return Courses(
            nodes, radii, way, torch.ones_like(way), scene, tree, self._segments(row)
        )

    def _segments(self, row: Tensor) -> Tensor:
        """Return the index of the segment ``(N,)`` of rows of the table."""
        return per_row(lambda one: SEGMENTS.index(one.name), row.device)[row]
