"""Hold vessel trees as samples of their centrelines, and sample them evenly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST_RADIUS = 0.6  # px
STEP_PX = 1.0  # px of the drawn picture between two samples
UNNAMED = -1  # segment of a vessel that has no name
LEFT, RIGHT = 0, 1


@dataclass(frozen=True)
class Trees:
    """Samples of all centrelines of all scenes, concatenated.

    Parameters
    ----------
    points
        Positions ``(N, 3)`` on the resting organ, in px.
    radii
        Radius ``(N,)`` in px.
    path
        Distance ``(N,)`` in px that contrast agent travels from the ostium.
    step
        Length ``(N,)`` of centreline in px that a sample stands for; less inside of the
        parent, whose samples stand for it.
    scene, tree, branch
        Index ``(N,)`` of the scene, of the tree or side (left 0, right 1), and of the
        branch.
    segment
        Index ``(N,)`` into `Territory.names` of the scene's territory, which
        `territories.territory_of` returns; -1 for a vessel without a name.
    """

    points: Tensor
    radii: Tensor
    path: Tensor
    step: Tensor
    scene: Tensor
    tree: Tensor
    branch: Tensor
    segment: Tensor

    def first_samples(self, count: int) -> Tensor:
        """Return the first sample ``(count,)`` of each scene, which is at an ostium."""
        order = torch.argsort(self.scene, stable=True)  # trunks come first
        scenes = torch.arange(count, device=order.device)
        return order[torch.searchsorted(self.scene[order], scenes)]


@dataclass(frozen=True)
class Courses:
    """Courses of branches, one row of K points for each.

    Parameters
    ----------
    nodes
        Positions ``(N, K, 3)`` on the resting organ, in px.
    radii, path
        Radius, and distance from the ostium, ``(N, K)`` in px.
    outside
        Share ``(N, K)`` of each point that lies outside the parent of the branch. The
        inside absorbs as the parent alone.
    scene, tree, segment
        Index ``(N,)`` of the scene, tree and segment; see `Trees`.
    """

    nodes: Tensor
    radii: Tensor
    path: Tensor
    outside: Tensor
    scene: Tensor
    tree: Tensor
    segment: Tensor

    def __len__(self) -> int:
        return len(self.scene)

    def at(self, rows: Tensor) -> Courses:
        """Return some of the branches, by index or mask."""
        return Courses(*(part[rows] for part in vars(self).values()))


def sample_trees(courses: Courses, scale: float) -> Trees:
    """Sample the courses evenly, a step of the drawn picture apart.

    Parameters
    ----------
    courses
        Branches of all scenes; trunks come first.
    scale
        Pixels of the drawn picture for one px of a picture of 512 px.
    """
    nodes, last = courses.nodes, courses.nodes.shape[1] - 1
    chords = torch.linalg.vector_norm(nodes.diff(dim=1), dim=-1).sum(dim=1)
    counts = (chords / (STEP_PX / scale)).ceil().long().clamp(min=4)
    branch = torch.repeat_interleave(counts)
    first = counts.cumsum(0) - counts
    index = torch.arange(len(branch), device=branch.device) - first[branch]
    share = index / (counts[branch] - 1) * last
    below = share.floor().long().clamp(max=last - 1)
    part = (share - below)[:, None]

    def sampled(values: Tensor) -> Tensor:
        """Return the values of each branch, interpolated at its samples."""
        flat = values if values.ndim == 3 else values[..., None]
        low, high = flat[branch, below], flat[branch, below + 1]
        mixed: Tensor = low + part * (high - low)
        return mixed.view(-1, *values.shape[2:])

    return Trees(
        points=sampled(nodes),
        radii=sampled(courses.radii).clamp(min=SMALLEST_RADIUS),
        path=sampled(courses.path),
        step=(chords / (counts - 1))[branch] * sampled(courses.outside),
        scene=courses.scene[branch],
        tree=courses.tree[branch],
        branch=branch,
        segment=courses.segment[branch],
    )


def joined_trees(parts: list[Trees]) -> Trees:
    """Return the trees of several parts as one, with the branches numbered on."""
    number, branches = 0, []
    for part in parts:
        branches.append(part.branch + number)
        number += int(part.branch.max()) + 1 if len(part.branch) else 0
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    whole = Trees(*(torch.cat(column) for column in columns))
    return Trees(**{**vars(whole), "branch": torch.cat(branches)})
