"""Grow coronary trees on an ellipsoidal heart, many at a time.

Lengths are in px at the isocentre of a picture of 512 px. The long axis of the heart is
z and points to the apex. A branch is a walk over the surface in two angles (polar angle
from the base, azimuth around the axis). All branches of one generation, in all scenes,
are walked together. A tree is a flat list of samples of its centrelines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.synthesis.centrelines import (
    LEFT,
    RIGHT,
    SMALLEST_RADIUS,
    UNNAMED,
    Courses,
    Trees,
    sample_trees,
)
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.stenoses import stenoses

SEMI_AXES = (160.0, 150.0, 200.0)  # px: of the ellipsoid that stands for the heart
NODES = 160  # points of a walk
MURRAY = 3.0  # Murray (1926): the cubes of the children's radii add up to the parent's
SLOTS = 8  # positions along a branch at which another one may leave it
BENDS = 4  # number of waves that form a course
# px for each radian of a corkscrew's wave: about 30 to 60 px from turn to turn
WINDING_PX = (4.5, 9.0)
WINDING_RAD = (0.5, 1.3)  # largest change of heading in a corkscrew
LEVEL_PULL = 2.5  # pull of a vessel towards its groove, in radians per radian


@dataclass(frozen=True)
class _Walks:
    """Branches before they are put on the heart, one row of `NODES` points for each."""

    angles: Tensor  # (N, NODES, 2)
    radii: Tensor  # (N, NODES)
    path: Tensor  # (N, NODES)
    scene: Tensor  # (N,)
    tree: Tensor  # (N,)

    def at(self, rows: Tensor) -> _Walks:
        return _Walks(*(part[rows] for part in vars(self).values()))


def grow_trees(config: SynthesisConfig, count: int, draws: Draws) -> Trees:
    """Grow the coronary trees of `count` scenes.

    Parameters
    ----------
    config
        Its `tree`, `dominance`, `generations`, `heart_size`, `vessel_size`,
        `tortuosity`, `corkscrews`, `stenoses` and `second_tree` are used.
    count
        Number of scenes.
    draws
        Source of the random courses, lengths and radii.
    """
    grower = _Grower(config, count, draws)
    trunks = grower.trunks()
    walks, parents = [], trunks
    for generation in range(config.generations):
        parents, children = grower.branch_off(parents, generation)
        walks.append(parents)
        parents = children
    walks.append(parents)
    return grower.assemble(walks)


class _Grower:
    """Hold the state of growing trees."""

    def __init__(self, config: SynthesisConfig, count: int, draws: Draws) -> None:
        self.config, self.count, self.draws = config, count, draws
        size = draws.range(count, config.heart_size)
        shape = draws.uniform((count, 3), 0.92, 1.08)
        axes = torch.tensor(SEMI_AXES, device=draws.device)
        self.axes = axes * size[:, None] * shape
        self.vessel_size = draws.range(count, config.vessel_size)
        self.tortuosity = draws.range(count, config.tortuosity)
        self.reach = size
        aside = draws.aside()
        low, high = config.taper
        self.narrowing = aside.range(count, (low - 1, high - 1))
        self.side_branches = aside.range(count, config.side_branches)

    def trunks(self) -> _Walks:
        """Return the trunks of the left trees, the right trees or both."""
        draws, count = self.draws, self.count
        share = {"left": 1.0, "right": 0.0, "any": 0.5}
        left = draws.happens(count, share[self.config.tree])
        left_dominant = draws.happens(count, 0.4 * share[self.config.dominance])
        second = draws.happens(count, self.config.second_tree)
        scenes = torch.arange(count, device=draws.device)
        return _joined(
            [
                self._left(scenes[left | second], left_dominant[left | second]),
                self._right(scenes[~left | second], left_dominant[~left | second]),
            ]
        )

    def _left(self, scene: Tensor, dominant: Tensor) -> _Walks:
        draws, n = self.draws, len(scene)
        radius = draws.uniform(n, 5.4, 8.2) * self.vessel_size[scene]
        start = torch.stack(
            (draws.uniform(n, 0.45, 0.65), draws.uniform(n, -0.2, 0.2)), dim=1
        )
        stem = self._walk(
            scene, start, draws.uniform(n, 0.1, 0.5), draws.uniform(n, 15, 50), radius
        )
        split = radius * 2 ** (-1 / MURRAY)
        descending = self._walk(
            scene, stem.angles[:, -1], draws.uniform(n, -0.15, 0.15),
            draws.uniform(n, 330, 470), split * draws.uniform(n, 0.9, 1.1),
            stem.path[:, -1],
        )  # fmt: skip
        circumflex = self._walk(
            scene, stem.angles[:, -1], draws.uniform(n, 1.1, 1.5),
            draws.uniform(n, 220, 380) + 140 * dominant,
            split * draws.uniform(n, 0.8, 1.0), stem.path[:, -1],
            level=draws.uniform(n, 1.05, 1.4),
        )  # fmt: skip
        back = self._walk(
            scene[dominant], circumflex.angles[dominant, -1],
            draws.uniform(n, -0.2, 0.3)[dominant], draws.uniform(n, 120, 240)[dominant],
            circumflex.radii[dominant, -1], circumflex.path[dominant, -1],
        )  # fmt: skip
        return _of_tree(_joined([stem, descending, circumflex, back]), LEFT)

    def _right(self, scene: Tensor, left_dominant: Tensor) -> _Walks:
        draws, n = self.draws, len(scene)
        start = torch.stack(
            (draws.uniform(n, 0.65, 0.85), draws.uniform(n, -0.3, 0.3)), dim=1
        )
        groove = self._walk(
            scene, start, math.pi / 2 + draws.uniform(n, -0.1, 0.15),
            draws.uniform(n, 400, 520) - 180 * left_dominant,
            draws.uniform(n, 4.8, 7.6) * self.vessel_size[scene],
            level=draws.uniform(n, 1.15, 1.35),
        )  # fmt: skip
        ends = [
            self._walk(
                scene, groove.angles[:, -1], draws.uniform(n, low, high),
                draws.uniform(n, 120, 260), 0.85 * groove.radii[:, -1],
                groove.path[:, -1],
            )
            for low, high in ((-0.2, 0.2), (0.7, 1.2))
        ]  # fmt: skip
        return _of_tree(_joined([groove, *ends]), RIGHT)

    def _walk(
        self,
        scene: Tensor,
        start: Tensor,
        heading: Tensor,
        length: Tensor,
        radius: Tensor,
        path: Tensor | None = None,
        level: Tensor | None = None,
    ) -> _Walks:
        """Walk over the surface; a given `level` pulls the walk to that polar angle."""
        size = self.reach[scene]
        length = length * size
        share = torch.linspace(0, 1, NODES, device=start.device)
        way = length[:, None] * share
        headings = heading[:, None] + self._bends(way, scene)
        angles = self._course(scene, start, headings, length / (NODES - 1), level)
        narrower = 1 + self.narrowing[scene, None] * share
        radii = (
            radius[:, None] * narrower * stenoses(way, self.config.stenoses, self.draws)
        )
        offset = torch.zeros_like(length) if path is None else path
        return _Walks(angles, radii, way + offset[:, None], scene, scene)

    def _bends(self, way: Tensor, scene: Tensor) -> Tensor:
        """Return a smooth random change of heading, of long and short bends."""
        n = len(way)
        waves = self.draws.uniform((n, BENDS, 1), 0, 1)
        # px for each radian of the wave, from 7 to 60
        length = 7.0 * (60 / 7.0) ** waves
        phase = self.draws.uniform((n, BENDS, 1), 0, 2 * math.pi)
        height = self.draws.normal((n, BENDS, 1)) * (length / 40).clamp(max=1) ** 0.3
        bent = (height * torch.sin(way[:, None] / length + phase)).sum(dim=1)
        drift = self.draws.normal((n, 1)) * 0.3 * way / way[:, -1:].clamp(min=1)
        heading = 0.45 * self.tortuosity[scene][:, None] * bent + drift
        # nothing is drawn for older configurations, whose scenes stay as they were
        share = self.config.corkscrews
        return heading + _windings(way, share, self.draws) if share else heading

    def _course(
        self,
        scene: Tensor,
        start: Tensor,
        headings: Tensor,
        step: Tensor,
        level: Tensor | None,
    ) -> Tensor:
        across = self.axes[scene, :2].mean(dim=1)
        along = self.axes[scene, 2]
        polar, azimuth = start.unbind(dim=1)
        nodes = [torch.stack((polar, azimuth), dim=1)]
        for heading in headings.unbind(dim=1)[1:]:
            if level is not None:
                heading = heading + LEVEL_PULL * (polar - level)
            unit = torch.hypot(across * polar.cos(), along * polar.sin())
            ahead = step * heading.cos() / unit
            azimuth = azimuth + step * heading.sin() / (
                across * polar.sin().clamp(min=0.2)
            )
            polar = (polar + ahead).clamp(0.3, 2.9)
            nodes.append(torch.stack((polar, azimuth), dim=1))
        return torch.stack(nodes, dim=1)

    def branch_off(self, parents: _Walks, generation: int) -> tuple[_Walks, _Walks]:
        """Return the parents, thinner behind each branching, and their children."""
        draws, n = self.draws, len(parents.scene)
        way = parents.path - parents.path[:, :1]
        size = self.reach[parents.scene][:, None]
        spacing = draws.uniform((n, 1), 40, 90) * size
        slots = torch.arange(SLOTS, device=way.device)
        place = spacing * (draws.uniform((n, 1), 0.3, 0.9) + slots)
        place = place + 8 * draws.normal((n, SLOTS)) * size
        share = draws.uniform((n, SLOTS), 0.42, 0.78)
        # the flow into a child is missing in its parent from there on
        exists = (place > 0.04 * way[:, -1:]) & (place < 0.94 * way[:, -1:])
        wanted = self.side_branches[parents.scene][:, None]
        exists &= draws.aside().uniform((n, SLOTS), 0, 1) < wanted
        left = torch.where(exists, (1 - share**MURRAY) ** (1 / MURRAY), 1.0)
        behind = way[:, None] > place[..., None]
        radii = parents.radii * torch.where(behind, left[..., None], 1.0).prod(dim=1)
        node = (place / way[:, -1:] * (NODES - 1)).floor().long().clamp(1, NODES - 8)
        radius = radii.gather(1, node) * share
        grown = exists & (radius >= SMALLEST_RADIUS)
        thinned = _Walks(
            parents.angles, radii, parents.path, parents.scene, parents.tree
        )
        row, slot = grown.nonzero(as_tuple=True)
        return thinned, self._children(
            thinned, row, node[row, slot], radius[row, slot], generation
        )

    def _children(
        self,
        parents: _Walks,
        row: Tensor,
        node: Tensor,
        radius: Tensor,
        generation: int,
    ) -> _Walks:
        draws, n = self.draws, len(row)
        here = parents.angles[row, node]
        ahead = parents.angles[row, (node + 6).clamp(max=NODES - 1)] - here
        heading = torch.atan2(ahead[:, 1] * here[:, 0].sin(), ahead[:, 0])
        turn = draws.sign(n) * draws.uniform(n, 0.45, 1.1)
        length = draws.uniform(n, 0.25, 0.75) * 340 / (generation + 1)
        children = self._walk(
            parents.scene[row], here, heading + turn, length, radius,
            parents.path[row, node],
        )  # fmt: skip
        return _Walks(
            children.angles, children.radii, children.path, children.scene,
            parents.tree[row],
        )  # fmt: skip

    def assemble(self, generations: list[_Walks]) -> Trees:
        """Put all branches on their hearts, and sample them evenly."""
        walks = _joined(generations)
        wide = walks.radii.amax(dim=1) >= SMALLEST_RADIUS
        walks = walks.at(wide)
        turn = self.draws.uniform(self.count, -0.9, 0.9)[walks.scene]
        polar, azimuth = walks.angles[..., 0], walks.angles[..., 1] + turn[:, None]
        nodes = self.axes[walks.scene][:, None] * torch.stack(
            (polar.sin() * azimuth.cos(), polar.sin() * azimuth.sin(), -polar.cos()),
            dim=-1,
        )
        unnamed = torch.full_like(walks.scene, UNNAMED)
        # branches absorb inside their parents too, as when the weights were trained
        everywhere = torch.ones_like(walks.radii)
        courses = Courses(
            nodes, walks.radii, walks.path, everywhere, walks.scene, walks.tree, unnamed
        )
        return sample_trees(courses, self.config.scale)


def _windings(way: Tensor, share: float, draws: Draws) -> Tensor:
    """Return the change of heading of corkscrews, which grows towards the end.

    Parameters
    ----------
    way
        Distance ``(N, NODES)`` in px from the start of each branch.
    share
        Share of the branches that wind; the others do not change.
    draws
        Source of the random numbers, whose state stays as it is.
    """
    aside, shape = draws.aside(), (len(way), 1)
    there = aside.happens(shape, share)
    height = aside.range(shape, WINDING_RAD) * there
    length = aside.range(shape, WINDING_PX)
    phase = aside.uniform(shape, 0, 2 * math.pi)
    begin = aside.uniform(shape, 0, 0.7)
    done = way / way[:, -1:].clamp(min=1)
    grown = ((done - begin) / 0.3).clamp(0, 1)
    return height * grown * torch.sin(way / length + phase)


def _joined(walks: list[_Walks]) -> _Walks:
    columns = zip(*(vars(walk).values() for walk in walks), strict=True)
    return _Walks(*(torch.cat(column) for column in columns))


def _of_tree(walks: _Walks, tree: int) -> _Walks:
    which = torch.full_like(walks.scene, tree)
    return _Walks(walks.angles, walks.radii, walks.path, walks.scene, which)
