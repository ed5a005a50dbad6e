"""Make synthetic picture pairs from which pretraining learns in place of loops.

Their flow is known exactly. This separates what an objective can learn from what an
estimator of flow gets wrong. Every scene has its own vessels, motion and background, so
the number of patients is not limited. The vessel masks of the synthesis are not kept:
only motion teaches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError
from napari_motionseg.motion import FlowSettings
from napari_motionseg.motion.estimators import ESTIMATORS
from napari_motionseg.synthesis import SynthesisConfig, training_pairs
from napari_motionseg.synthesis.config import Anatomy
from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.engine.settings import at_least, one_of
from napari_motionseg.training.masks.settings import (
    in_coronary_anatomy,
    varied_angiograms,
)

LEAST_SIDE = 64  # px; smaller angiograms have no room for vessels


@dataclass(frozen=True)
class PairSettings:
    """Settings of the synthetic pairs.

    Parameters
    ----------
    size
        Side of the pictures in px.
    pool
        Number of pairs in memory, rounded up to whole blocks.
    block
        Number of pairs that are made at once, at most `pool`.
    refresh_every
        Number of steps after which the oldest block is renewed; 0 never renews.
    estimated
        Whether the flow is estimated from the two pictures, by the method of the flow
        settings, in place of the exact one.
    varied
        Whether scenes are as varied as in the training of masks, in place of those of
        the preset ``"xa-coronary"``. They hold fainter and thinner vessels, busier
        backgrounds and more devices. Only scenes of hearts have both.
    anatomy
        Anatomy of the vessels; see `SynthesisConfig`. The shipped networks learnt from
        generic ones. Arteries outside the heart have the ranges of their preset.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    size: int = 384
    pool: int = 192
    block: int = 24
    refresh_every: int = 100
    estimated: bool = False
    varied: bool = True
    anatomy: Anatomy = "generic"

    def __post_init__(self) -> None:
        at_least(self, "size", LEAST_SIDE)
        for name in ("pool", "block"):
            at_least(self, name, 1)
        at_least(self, "refresh_every", 0)
        one_of(self, "anatomy", get_args(Anatomy))


class MovingPairs(NamedTuple):
    """Picture pairs and their flow, in half precision to save memory.

    Attributes
    ----------
    pictures
        First and second pictures ``(N, 2, H, W)`` float16 in [0, 1].
    flow
        Flow ``(N, 2, H, W)`` float16 in px, from the first to the second picture.
    """

    pictures: Tensor
    flow: Tensor


def pair_pool(
    settings: PairSettings, flow: FlowSettings, seed: int
) -> ExamplePool[MovingPairs]:
    """Return the empty pool from which a training draws its pairs.

    Parameters
    ----------
    settings
        Settings of the pairs.
    flow
        Settings of the estimator, if the flow is estimated.
    seed
        Seed of all pairs.
    """
    block = min(settings.block, settings.pool)
    return ExamplePool(
        partial(make_pairs, settings, flow),
        blocks=-(-settings.pool // block),
        block=block,
        refresh_every=settings.refresh_every,
        seed=seed,
    )


def make_pairs(
    settings: PairSettings, flow: FlowSettings, count: int, seed: int
) -> MovingPairs:
    """Make pairs from a seed.

    Parameters
    ----------
    settings, flow
        Settings as for `pair_pool`.
    count
        Number of pairs.
    seed
        Seed of the scenes.

    Raises
    ------
    SettingsError, MissingDependencyError, CheckpointError
        If the estimator is unknown, not installed, or has no weights.
    """
    made = training_pairs(count, settings.size, seed, _scenes(settings))
    pictures = torch.stack((made.first, made.second), dim=1)
    motion = _estimated(pictures, flow) if settings.estimated else made.flow
    return MovingPairs(pictures.half(), motion.half())


def _scenes(settings: PairSettings) -> SynthesisConfig:
    """Return the ranges of the scenes that pairs show."""
    heart = SynthesisConfig.preset("xa-coronary")
    heart = varied_angiograms() if settings.varied else heart
    own = {"generic": heart, "coronary": in_coronary_anatomy(heart)}
    return own.get(settings.anatomy) or SynthesisConfig.of_anatomy(settings.anatomy)


def _estimated(pictures: Tensor, settings: FlowSettings) -> Tensor:
    """Return the estimated flow ``(N, 2, H, W)`` of pairs ``(N, 2, H, W)``."""
    estimator = ESTIMATORS.load(settings.method)(settings)
    flows = []
    for pair in pictures.numpy():
        first, second = (estimator.prepare(picture) for picture in pair)
        flows.append(np.asarray(estimator.flow(first, second), np.float32))
    found = torch.from_numpy(np.stack(flows))
    if not bool(torch.isfinite(found).all()):
        raise SettingsError(
            f"flow method {settings.method!r} gave vectors that are not finite; choose "
            "another one"
        )
    return found
