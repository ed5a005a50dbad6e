"""Trainings on synthetic pictures share pool, held-out part, identity and windows."""

import pytest
import torch

from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.engine.seeds import derived_seed
from napari_motionseg.training.engine.synthetic_training import (
    drawn_window,
    held_out_seed,
    identity_of,
    pool_of,
)
from napari_motionseg.training.flow.settings import FlowTrainingSettings
from napari_motionseg.training.masks.settings import MaskTrainingSettings
from napari_motionseg.training.propagation.settings import PropagationTrainingSettings

KINDS = (FlowTrainingSettings, MaskTrainingSettings, PropagationTrainingSettings)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pool_has_whole_blocks_and_no_held_out_example(kind):
    settings = kind(pool_size=10, block=4, refresh_every=5)
    made = []

    def make(count, seed):
        made.append((count, seed))
        return len(made)

    pool = pool_of(ExamplePool, make, settings)
    assert len(pool) == 12
    for step in range(0, 100, 5):
        for index in range(len(pool)):
            pool.at(step, index)
    assert {count for count, _ in made} == {4}
    seeds = [seed for _, seed in made]
    assert seeds[0] == derived_seed(settings.training.seed, 0)
    assert len(seeds) == len(set(seeds)) == 3 + 19
    assert held_out_seed(settings) not in seeds


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_known_by_what_changes_its_weights(kind):
    first, second = kind(held_out=3), kind(held_out=5)
    assert identity_of(first) == identity_of(second)
    assert identity_of(first) != identity_of(kind(batch=first.batch + 1))
    assert "training" not in identity_of(first)


def test_of_several_windows_the_one_with_more_vessels_is_taken():
    vessels = torch.rand(40, 50, generator=torch.Generator().manual_seed(0)) < 0.2
    for seed in range(20):
        window = drawn_window(
            vessels[:, :40], 10, (0.5, 1.5), 3, torch.Generator().manual_seed(seed)
        )
        again = torch.Generator().manual_seed(seed)
        side = round(10 * (0.5 + float(torch.rand((), generator=again))))
        best = -1
        for _ in range(3):
            row, column = torch.randint(40 - side + 1, (2,), generator=again).tolist()
            shown = int(vessels[row : row + side, column : column + side].sum())
            if shown > best:
                best, expected = shown, (row, column)
        assert (window[0].start, window[1].start) == expected
        assert window[0].stop - window[0].start == side
        assert window[1].stop - window[1].start == side
