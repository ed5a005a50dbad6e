"""Grow coronary trees of named segments on an ellipsoidal heart, many at a time.

Lengths are in px at the isocentre of a picture of 512 px, which is 0.2 mm. The segments
are listed in `coronary_segments`; all segments of one generation, in all scenes, are
grown together. Twigs come last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

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
from napari_motionseg.synthesis.coronary_segments import SEGMENTS, TABLE, Segment
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.stenoses import stenoses
from napari_motionseg.synthesis.terminal_twigs import Twigs
from napari_motionseg.synthesis.vessel_courses import (
    even,
    hugging,
    length,
    normals,
    on_ellipsoid,
    spline,
    undulating,
)
from napari_motionseg.synthesis.vessel_shoots import (
    END,
    Shoots,
    joined_shoots,
    outside_parent,
    shoots_from,
)

MM_PX = 5.0  # px of a mm at the isocentre, in a picture of 512 px
# px: semi-axes of the heart at size 1: towards the right ventricle, the inferior wall
# and the apex
SEMI_AXES = (185.0, 160.0, 240.0)
USUAL_VESSEL_SIZE = 1.1  # `vessel_size` of published diameters, amid its default range
NODES = 128  # points of a course
CONTROLS = 11  # control points of a course
PLACE_SPREAD = 3.0  # degrees: standard deviation of each place of a groove
TARGET_SPREAD = 6.0  # degrees: of the end of a branch on the wall
ALONG_RADII = (1.0, 2.2)  # radii that a branch runs along its parent
AT_END = 0.5  # factor on that at the end of the parent


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
    return grower.trees()


@cache
def _generations() -> tuple[tuple[int, ...], ...]:
    """Return the rows of the table that have no parent, those of their children, ..."""
    depth: dict[str, int] = {}
    for row in TABLE:
        depth[row.name] = 0 if row.parent is None else depth[row.parent] + 1
    return tuple(
        tuple(i for i, row in enumerate(TABLE) if depth[row.name] == level)
        for level in range(max(depth.values()) + 1)
    )


def _tree_of(row: Segment) -> int:
    parents = {other.name: other.parent for other in TABLE}
    name = row.name
    while (parent := parents[name]) is not None:
        name = parent
    return LEFT if name == "LM" else RIGHT


class _Plan:
    """Draw, for all scenes and rows of the table, what exists and how it differs."""

    def __init__(self, config: SynthesisConfig, count: int, draws: Draws) -> None:
        self.config, self.count, self.draws = config, count, draws
        share = {"left": 1.0, "right": 0.0, "any": 0.5}
        self.left_injected = draws.happens(count, share[config.tree])
        dominant = draws.happens(count, 0.4 * share[config.dominance])
        second = draws.happens(count, config.second_tree)
        side_branches = draws.range(count, config.side_branches)
        has = torch.stack(
            (self.left_injected | second, ~self.left_injected | second), dim=1
        )
        chance = torch.tensor([row.chance for row in TABLE], device=draws.device)
        trunk = torch.tensor([row.trunk for row in TABLE], device=draws.device)
        wanted = torch.where(trunk, 1.0, side_branches[:, None] ** 0.5) * chance
        exists = draws.uniform((count, len(TABLE)), 0, 1) < wanted
        for i, row in enumerate(TABLE):
            exists[:, i] &= has[:, _tree_of(row)]
            if row.supplied_by != "any":
                exists[:, i] &= dominant == (row.supplied_by == "left")
            if not row.trunk and config.generations == 0:
                exists[:, i] = False
        self.exists = exists
        self.side_branches = side_branches
        self.leaves_at = self._within(lambda row: row.leaves_at)
        self.calibre = self._within(lambda row: row.calibre)
        self.angle = torch.deg2rad(self._within(lambda row: row.angle))
        self.reach = self._within(lambda row: row.reach)
        self.length = self._within(lambda row: row.length_mm) * MM_PX

    def _within(self, which: Callable[[Segment], tuple[float, float]]) -> Tensor:
        limits = torch.tensor([which(row) for row in TABLE], device=self.draws.device)
        low, high = limits.unbind(dim=1)
        return low + (high - low) * self.draws.uniform((self.count, len(TABLE)), 0, 1)


class _Grower:
    """Hold the state of growing trees."""

    def __init__(self, config: SynthesisConfig, count: int, draws: Draws) -> None:
        self.config, self.count, self.draws = config, count, draws
        self.plan = _Plan(config, count, draws)
        size = draws.range(count, config.heart_size)
        shape = draws.uniform((count, 3), 0.92, 1.08)
        axes = torch.tensor(SEMI_AXES, device=draws.device)
        self.axes = axes * size[:, None] * shape
        self.vessel_size = draws.range(count, config.vessel_size)
        self.tortuosity = draws.range(count, config.tortuosity)
        self.narrowing = draws.range(count, config.taper)
        self.twigs = Twigs(config, self.axes, self.tortuosity, self.plan.side_branches,
                           draws)  # fmt: skip

    def trees(self) -> Trees:
        """Return the trees of all scenes."""
        named: list[Courses] = []
        shoots: list[Shoots] = []
        parents = self._roots()
        for rows in _generations()[1:]:
            parents, children, twigs = self._branch_off(parents, rows)
            named.append(parents)
            shoots.append(twigs)
            parents = children
        parents, _, twigs = self._branch_off(parents, ())
        named.append(parents)
        shoots.append(twigs)
        twigs = joined_shoots(shoots)
        parts = [*named, *self.twigs.grown(twigs, self.config.generations - 1)]
        return joined_trees(
            [
                sample_trees(part.at(part.radii[:, 0] >= SMALLEST_RADIUS),
                             self.config.scale)
                for part in parts
            ]
        )  # fmt: skip

    def _roots(self) -> Courses:
        """Return the left main and the right coronary arteries."""
        plan = self.plan
        rows = torch.tensor(_generations()[0], device=self.draws.device)
        scene, column = plan.exists[:, rows].nonzero(as_tuple=True)
        row = rows[column]
        tree = torch.tensor([_tree_of(r) for r in TABLE], device=row.device)[row]
        # the injected tree comes first, because its ostium is that of the scene
        other = (tree == LEFT) != plan.left_injected[scene]
        order = torch.argsort(other.long(), stable=True)
        scene, row, tree = scene[order], row[order], tree[order]
        size = self.vessel_size[scene] / USUAL_VESSEL_SIZE
        radius = plan.calibre[scene, row] * MM_PX / 2 * size
        places = self._places(row, scene, CONTROLS)
        controls = on_ellipsoid(places, self.axes[scene][:, None])
        depth = places[..., 2]
        return self._course(controls, depth, radius, row, scene, tree)

    def _branch_off(
        self, parents: Courses, rows: tuple[int, ...]
    ) -> tuple[Courses, Courses, Shoots]:
        """Return the parents, thinner behind branches, their children, their twigs."""
        plan, device = self.plan, self.draws.device
        where = torch.full((self.count, len(SEGMENTS)), -1, device=device)
        where[parents.scene, parents.segment] = torch.arange(
            len(parents), device=device
        )
        rows_ = torch.tensor(rows, device=device, dtype=torch.long)
        scene, column = plan.exists[:, rows_].nonzero(as_tuple=True)
        row = rows_[column]
        above = torch.tensor(
            [SEGMENTS.index(r.parent) if r.parent else 0 for r in TABLE], device=device
        )
        parent = where[scene, above[row]]
        scene, row, parent = (v[parent >= 0] for v in (scene, row, parent))
        at = plan.leaves_at[scene, row]
        share = plan.calibre[scene, row]
        forks = at >= END
        if bool(forks.any()):
            share[forks] = fork_shares(share[forks], parent[forks], len(parents))
        continued = torch.zeros(len(parents), dtype=torch.bool, device=device)
        continued[parent[forks]] = True
        twig = self.twigs.placed(parents, continued)
        side = ~forks
        way = parents.path - parents.path[:, :1]
        radii = thinned(
            parents.radii, way, torch.cat((parent[side], twig.parent)),
            torch.cat((at[side], twig.at)),
            left_over(torch.cat((share[side], twig.share))),
        )  # fmt: skip
        parents = Courses(**{**vars(parents), "radii": radii})
        segment = self._segments(row)
        widest = torch.zeros(len(parents), device=device)
        widest = widest.scatter_reduce(0, parent[forks], share[forks], "amax")
        shoots = shoots_from(
            parents, parent, at, share, plan.angle[scene, row], segment,
            forks & (share == widest[parent]),
        )  # fmt: skip
        return parents, self._children(shoots, row), self.twigs.shoots(parents, twig)

    def _segments(self, row: Tensor) -> Tensor:
        names = [SEGMENTS.index(r.name) for r in TABLE]
        return torch.tensor(names, device=row.device)[row]

    def _children(self, shoots: Shoots, row: Tensor) -> Courses:
        """Return the branches that grow from shoots of rows ``(N,)`` of the table."""
        kinds = torch.tensor(
            [("groove", "wall", "septum").index(r.kind) for r in TABLE],
            device=row.device,
        )[row]
        draws = self.draws
        along = shoots.parent_radius * draws.uniform(len(shoots), *ALONG_RADII)
        along = torch.where(shoots.at_end, AT_END * along, along)
        begin = shoots.start + along[:, None] * shoots.ahead
        axes = self.axes[shoots.scene]
        controls = torch.zeros((len(shoots), CONTROLS, 3), device=row.device)
        depth = torch.ones((len(shoots), CONTROLS), device=row.device)
        for kind, make in enumerate((self._groove, self._wall, self._septum)):
            which = kinds == kind
            controls[which], depth[which] = make(
                shoots.at(which), begin[which], axes[which], row[which]
            )
        courses = self._course(
            controls, depth, shoots.radius, row, shoots.scene, shoots.tree
        )
        outside = outside_parent(shoots, courses.nodes, courses.radii)
        path = courses.path + shoots.path[:, None]
        return Courses(**{**vars(courses), "outside": outside, "path": path})

    def _groove(
        self, shoots: Shoots, begin: Tensor, axes: Tensor, row: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the control points and their depths of segments along a groove."""
        places = self._places(row, shoots.scene, CONTROLS - 2)
        points = on_ellipsoid(places, axes[:, None])
        controls = torch.cat((shoots.start[:, None], begin[:, None], points), dim=1)
        own = torch.linalg.vector_norm(controls[:, :2] / axes[:, None], dim=-1)
        return controls, torch.cat((own, places[..., 2]), dim=1)

    def _wall(
        self, shoots: Shoots, begin: Tensor, axes: Tensor, row: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the control points and their depths of branches over the wall."""
        draws, n = self.draws, len(shoots)
        ends = torch.tensor(
            [row.course[-1] if row.course else (90, 0, 1) for row in TABLE],
            device=row.device, dtype=torch.float32,
        )[row]  # fmt: skip
        ends[:, :2] += TARGET_SPREAD * draws.normal((n, 2))
        ends[:, :2] = torch.deg2rad(ends[:, :2])
        target = on_ellipsoid(ends, axes)
        up = normals(shoots.start, axes)
        far = torch.linalg.vector_norm(target - begin, dim=-1, keepdim=True)
        out = target - begin
        for axis in (up, shoots.ahead):
            out = out - (out * axis).sum(dim=-1, keepdim=True) * axis
        out = functional.normalize(out, dim=-1)
        cos, sin = shoots.angle.cos()[:, None], shoots.angle.sin()[:, None]
        leave = begin + draws.uniform((n, 1), 0.14, 0.26) * far * (
            cos * shoots.ahead + sin * out
        )
        share = torch.linspace(0, 1, CONTROLS - 2, device=row.device)[:, None]
        bulge = draws.normal((n, 1)) * 0.06 * far
        bow = torch.linalg.cross(up, functional.normalize(target - leave, dim=-1))
        line = leave[:, None] + share * (target - leave)[:, None]
        line = line + torch.sin(math.pi * share) * (bulge * bow)[:, None]
        controls = torch.cat((shoots.start[:, None], begin[:, None], line), dim=1)
        own = torch.linalg.vector_norm(controls[:, :2] / axes[:, None], dim=-1)
        depth = own[:, 1:] + share[:, 0] * (ends[:, 2:] - own[:, 1:])
        return controls, torch.cat((own, depth), dim=1)

    def _septum(
        self, shoots: Shoots, begin: Tensor, axes: Tensor, row: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the control points and their depths of straight septal branches."""
        draws, n = self.draws, len(shoots)
        into = torch.stack(
            (
                0.12 * draws.normal(n), -torch.sign(shoots.start[:, 1]),
                0.25 + 0.15 * draws.normal(n),
            ),
            dim=1,
        )  # fmt: skip
        into = functional.normalize(into, dim=-1)
        far = self.plan.length[shoots.scene, row] * axes[:, 1] / SEMI_AXES[1]
        share = torch.linspace(0.1, 1, CONTROLS - 2, device=row.device)[:, None]
        line = begin[:, None] + share * (far[:, None] * into)[:, None]
        controls = torch.cat((shoots.start[:, None], begin[:, None], line), dim=1)
        course = spline(controls, CONTROLS)
        return controls, torch.linalg.vector_norm(course / axes[:, None], dim=-1)

    def _places(self, row: Tensor, scene: Tensor, count: int) -> Tensor:
        """Return places ``(N, count, 3)`` along grooves, in radians."""
        n, draws = len(row), self.draws
        whole = torch.stack([_even_places(r.course, count) for r in TABLE])
        places = whole.to(row.device)[row].clone()
        shift = PLACE_SPREAD * draws.normal((n, 1, 2))
        places[..., :2] += shift + 0.5 * PLACE_SPREAD * draws.normal((n, count, 2))
        places[..., :2] = torch.deg2rad(places[..., :2])
        return places

    def _course(
        self, controls: Tensor, depth: Tensor, radius: Tensor, row: Tensor,
        scene: Tensor, tree: Tensor,
    ) -> Courses:  # fmt: skip
        """Return the branches that follow control points."""
        axes = self.axes[scene]
        septum = torch.tensor([r.kind == "septum" for r in TABLE], device=row.device)
        nodes = spline(controls, NODES)
        hugged = hugging(nodes, spline(depth, NODES), axes)
        nodes = torch.where(septum[row][:, None, None], nodes, hugged)
        nodes = even(nodes, self.plan.reach[scene, row])
        winding = torch.tensor([r.winding for r in TABLE], device=row.device)[row]
        nodes = undulating(
            nodes, axes, winding * self.tortuosity[scene], radius,
            self.config.corkscrews, self.draws,
        )  # fmt: skip
        nodes = even(nodes)
        share = torch.linspace(0, 1, NODES, device=row.device)
        way = length(nodes)[:, None] * share
        narrower = 1 + (self.narrowing[scene, None] - 1) * share
        radii = radius[:, None] * narrower
        radii = radii * stenoses(way, self.config.stenoses, self.draws)
        return Courses(
            nodes, radii, way, torch.ones_like(way), scene, tree, self._segments(row)
        )


@cache
def _even_places(course: tuple[tuple[float, float, float], ...], count: int) -> Tensor:
    """Return `count` evenly spaced places ``(count, 3)`` along a course."""
    if len(course) < 2:
        return torch.zeros(count, 3)
    places = torch.tensor(course, dtype=torch.float32)
    radians = places.clone()
    radians[:, :2] = torch.deg2rad(places[:, :2])
    points = on_ellipsoid(radians, torch.ones(3))
    way = torch.linalg.vector_norm(points.diff(dim=0), dim=-1).cumsum(0)
    way = functional.pad(way, (1, 0))
    wanted = torch.linspace(0, float(way[-1]), count)
    after = torch.searchsorted(way, wanted).clamp(1, len(way) - 1)
    part = ((wanted - way[after - 1]) / (way[after] - way[after - 1]))[:, None]
    mixed = points[after - 1] + part * (points[after] - points[after - 1])
    depth = torch.linalg.vector_norm(mixed, dim=-1)
    polar = torch.rad2deg(torch.arccos((-mixed[:, 2] / depth).clamp(-1, 1)))
    azimuth = torch.rad2deg(torch.atan2(mixed[:, 1], mixed[:, 0]))
    own = places[after - 1, 2] + part[:, 0] * (places[after, 2] - places[after - 1, 2])
    return torch.stack((polar, azimuth, own), dim=1)
