"""Keeping within a bound, against a list."""

import numpy as np

from napari_motionseg.lru_cache import Keeper


def test_the_least_recently_used_go_first():
    generator = np.random.default_rng(0)
    keeper: Keeper[int] = Keeper(20, lambda size: size)
    order: list[int] = []
    sizes = {key: int(generator.integers(1, 9)) for key in range(10)}
    for _ in range(300):
        key = int(generator.integers(10))
        if generator.random() < 0.5:
            keeper.put(key, sizes[key])
            order = [k for k in order if k != key] + [key]
            while sum(sizes[k] for k in order) > 20:
                order.pop(0)
        else:
            assert keeper.get(key) == (sizes[key] if key in order else None)
            if key in order:
                order = [k for k in order if k != key] + [key]
        assert [k for k in range(10) if k in keeper] == sorted(order)
        assert len(keeper) == len(order)


def test_the_last_is_kept_however_large():
    keeper: Keeper[int] = Keeper(5, lambda size: size)
    keeper.put("small", 1)
    keeper.put("large", 100)
    assert keeper.get("large") == 100
    assert "small" not in keeper
