import numpy as np
import torch

from napari_motionseg.jobs import run
from napari_motionseg.synthesis import PairBatch
from napari_motionseg.training.flow.pairs import PairPool, Pairs


def numbered(made):
    """Pairs that say which seed they are from; `made` keeps the order."""

    def make(count, seed):
        made.append(seed)
        rng = np.random.default_rng(seed)
        pictures = rng.random((2, count, 6, 5), dtype=np.float32)
        flow = rng.normal(size=(count, 2, 6, 5)).astype(np.float16)
        arrays = pictures[0], pictures[1], flow, pictures[0] > 0.5
        return Pairs.of(PairBatch(*(torch.from_numpy(array) for array in arrays)))

    return make


def pool(made=None, **others):
    made = [] if made is None else made
    options = {"blocks": 3, "block": 2, "refresh_every": 10, "seed": 5} | others
    return PairPool(numbered(made), **options)


def test_blocks_are_renewed_one_after_the_other():
    held = [pool().generations(step) for step in (0, 9, 10, 20, 30, 40, 49)]
    assert held == [
        [0, 1, 2], [0, 1, 2], [3, 1, 2], [3, 4, 2], [3, 4, 5], [6, 4, 5], [6, 4, 5],
    ]  # fmt: skip


def test_without_refresh_nothing_changes():
    assert pool(refresh_every=0).generations(10**6) == [0, 1, 2]


def test_filling_tells_how_many_pairs_there_are():
    made, told = [], []
    filled = pool(made)
    run(filled.fill_job(0, "Making"), told.append)
    assert [(p.step, p.total) for p in told] == [(2, 6), (4, 6), (6, 6)]
    assert len(set(made)) == 3
    assert len(filled) == 6
    filled.pair(0, 3)
    assert len(made) == 3  # nothing is made twice
    filled.pair(10, 3)
    assert len(made) == 3  # this place is not renewed yet
    filled.pair(10, 0)
    assert len(made) == 4


def test_a_resumed_pool_holds_what_an_undisturbed_one_holds():
    going, resumed = pool(), pool()
    run(going.fill_job(0, "Making"))
    for step in range(0, 45, 5):
        for index in range(6):
            going.pair(step, index)
    run(resumed.fill_job(40, "Making"))
    for index in range(6):
        for one, other in zip(
            going.pair(44, index), resumed.pair(44, index), strict=True
        ):
            assert torch.equal(one, other)


def test_pairs_keep_pictures_flow_and_vessel_in_place():
    rng = np.random.default_rng(0)
    first, second, mask = rng.random((3, 2, 6, 5), dtype=np.float32)
    flow = rng.normal(size=(2, 2, 6, 5)).astype(np.float16)
    arrays = (first, second, flow, mask > 0.5)
    block = Pairs.of(PairBatch(*(torch.from_numpy(array) for array in arrays)))
    filled = PairPool(
        lambda count, seed: block, blocks=1, block=2, refresh_every=0, seed=0
    )
    pictures, found, vessel = filled.pair(0, 1)
    np.testing.assert_allclose(pictures[0], first[1], atol=5e-4)
    np.testing.assert_allclose(pictures[1], second[1], atol=5e-4)
    np.testing.assert_array_equal(found, flow[1])
    np.testing.assert_array_equal(vessel, mask[1] > 0.5)
