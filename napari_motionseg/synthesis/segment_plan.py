"""Draw which segments each scene has, and how they differ from the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import Range, SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.territory import Segment, Territory

LEFT_DOMINANT = 0.2  # share of hearts whose left tree supplies the inferior wall


@dataclass(frozen=True)
class Plan:
    """Segments of many scenes; the columns are the rows of the table.

    Parameters
    ----------
    left_injected
        Whether ``(B,)`` contrast agent is injected into the left tree.
    side_branches
        Share ``(B,)`` of possible side branches.
    exists
        Whether ``(B, R)`` a scene has the segment.
    leaves_at, calibre, angle, reach, length
        Values ``(B, R)`` within the ranges of the table; angles in radians, lengths in
        px.
    """

    left_injected: Tensor
    side_branches: Tensor
    exists: Tensor
    leaves_at: Tensor
    calibre: Tensor
    angle: Tensor
    reach: Tensor
    length: Tensor


def draw_plan(
    territory: Territory, config: SynthesisConfig, count: int, draws: Draws
) -> Plan:
    """Draw the segments of `count` scenes of a territory."""
    share = {"left": 1.0, "right": 0.0, "any": 0.5}[config.tree]
    left_injected = draws.happens(count, share)
    second = draws.happens(count, config.second_tree)
    side_branches = draws.range(count, config.side_branches)

    def within(limits: Callable[[Segment], Range]) -> Tensor:
        low, high = territory.per_row(limits, draws.device).unbind(dim=1)
        return low + (high - low) * draws.uniform((count, len(low)), 0, 1)

    return Plan(
        left_injected=left_injected,
        side_branches=side_branches,
        exists=_exists(territory, config, left_injected, second, side_branches, draws),
        leaves_at=within(lambda row: row.leaves_at),
        calibre=within(lambda row: row.calibre),
        angle=torch.deg2rad(within(lambda row: row.angle)),
        reach=within(lambda row: row.reach),
        length=within(lambda row: row.length_mm) * territory.px_per_mm,
    )


def _exists(
    territory: Territory,
    config: SynthesisConfig,
    left_injected: Tensor,
    second: Tensor,
    side_branches: Tensor,
    draws: Draws,
) -> Tensor:
    """Return which segments ``(B, R)`` scenes have."""
    count, device = len(second), draws.device
    share = {"left": 1.0, "right": 0.0, "any": LEFT_DOMINANT}[config.dominance]
    left_supplies = draws.happens(count, share)[:, None]

    def per_row(value: Callable[[Segment], object]) -> Tensor:
        return territory.per_row(value, device)

    chance = per_row(lambda row: row.chance)
    trunk = per_row(lambda row: row.trunk)
    if config.generations == 0:
        chance = chance * trunk
    # named branches are missing less often than twigs
    wanted = torch.where(trunk, 1.0, side_branches[:, None].sqrt()) * chance
    exists = draws.uniform(wanted.shape, 0, 1) < wanted
    in_left = per_row(lambda row: territory.side_of(row.name) == "left")
    either = per_row(lambda row: territory.side_of(row.name) == "either")
    injected = torch.where(in_left, left_injected[:, None], ~left_injected[:, None])
    injected = injected | either
    from_left = per_row(lambda row: row.supplied_by == "left")
    always = per_row(lambda row: row.supplied_by == "any")
    return (
        exists & (injected | second[:, None]) & (always | (left_supplies == from_left))
    )
