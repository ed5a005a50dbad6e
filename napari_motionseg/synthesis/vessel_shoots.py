"""Place branches on their parents: where they begin, how wide and in which direction.

A shoot is the beginning of a branch. It lies on the centreline of the parent and points
along it, so that the branch turns out of the parent without a kink.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis.centrelines import Courses
from napari_motionseg.synthesis.vessel_courses import smoothstep, tangents

END = 0.999  # a branch that leaves at this share of its parent continues it
PARENT_RADII = 3.0  # radii of the parent behind which a branch is outside of it


@dataclass(frozen=True)
class Shoots:
    """Beginnings of branches, one row for each.

    Parameters
    ----------
    start, ahead
        Position ``(N, 3)`` in px, and unit tangent ``(N, 3)`` of the parent there.
    radius, parent_radius
        Radius ``(N,)`` in px of the branch and of the parent there.
    path
        Distance ``(N,)`` in px from the ostium.
    angle
        Angle ``(N,)`` in radians by which the branch turns out of the parent.
    at_end, continues
        Whether ``(N,)`` the branch leaves at the end of the parent, and whether it is
        the widest of those.
    scene, tree, segment
        Index ``(N,)`` of the scene, tree and segment.
    """

    start: Tensor
    ahead: Tensor
    radius: Tensor
    parent_radius: Tensor
    path: Tensor
    angle: Tensor
    at_end: Tensor
    continues: Tensor
    scene: Tensor
    tree: Tensor
    segment: Tensor

    def __len__(self) -> int:
        return len(self.scene)

    def at(self, rows: Tensor) -> Shoots:
        """Return some of the shoots, by index or mask."""
        return Shoots(*(part[rows] for part in vars(self).values()))


def joined_shoots(parts: list[Shoots]) -> Shoots:
    """Return the shoots of several parts as one."""
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Shoots(*(torch.cat(column) for column in columns))


def shoots_from(
    parents: Courses,
    parent: Tensor,
    leaves_at: Tensor,
    share: Tensor,
    angle: Tensor,
    segment: Tensor,
    continues: Tensor,
) -> Shoots:
    """Return shoots on parents.

    Parameters
    ----------
    parents
        Branches, whose radii are those behind all of their branches.
    parent
        Index ``(M,)`` of the parent of each shoot.
    leaves_at
        Share ``(M,)`` of the parent's length at which the shoot leaves it.
    share
        Radius ``(M,)`` of the shoot divided by that of the parent there.
    angle
        Angle ``(M,)`` in radians between shoot and parent.
    segment
        Index ``(M,)`` of the shoot's segment.
    continues
        Whether ``(M,)`` the shoot is the widest at the end of the parent.
    """
    last = parents.radii.shape[1] - 1
    node = leaves_at * last
    low = node.floor().long().clamp(0, last - 1)
    part = node - low

    def there(values: Tensor) -> Tensor:
        """Return the values of the parents where their shoots leave."""
        first, second = values[parent, low], values[parent, low + 1]
        weight = part if first.ndim == 1 else part[:, None]
        mixed: Tensor = first + weight * (second - first)
        return mixed

    radius = there(parents.radii)
    return Shoots(
        start=there(parents.nodes),
        ahead=functional.normalize(there(tangents(parents.nodes)), dim=-1),
        radius=radius * share,
        parent_radius=radius,
        path=there(parents.path),
        angle=angle,
        at_end=leaves_at >= END,
        continues=continues,
        scene=parents.scene[parent],
        tree=parents.tree[parent],
        segment=segment,
    )


def outside_parent(shoots: Shoots, nodes: Tensor, radii: Tensor) -> Tensor:
    """Return the share ``(N, K)`` of the points of branches that is outside the parent.

    Parameters
    ----------
    shoots
        Beginnings of the branches.
    nodes
        Courses ``(N, K, 3)`` of the branches in px.
    radii
        Radii ``(N, K)`` of the branches in px.
    """
    away = nodes - shoots.start[:, None]
    far = torch.linalg.vector_norm(away, dim=-1)
    along = (away * shoots.ahead[:, None]).sum(dim=-1, keepdim=True)
    beside = torch.linalg.vector_norm(away - along * shoots.ahead[:, None], dim=-1)
    parent = shoots.parent_radius[:, None]
    left = (beside - parent + radii) / (2 * radii)
    # the parent may bend away from its tangent, or end
    reach = torch.where(shoots.at_end[:, None], 0.0, PARENT_RADII * parent)
    left = torch.maximum(left, (far - reach) / (2 * parent))
    share = smoothstep(left).cummax(dim=1).values
    return torch.where(shoots.continues[:, None], 1.0, share)
