"""Values within a bound, compared with a list; the least recently used go first."""

import gc
import weakref

import numpy as np

from napari_motionseg.lru_cache import LRUCache


def test_the_least_recently_used_go_first():
    generator = np.random.default_rng(0)
    cache: LRUCache[int] = LRUCache(20, lambda size: size)
    order: list[int] = []
    sizes = {key: int(generator.integers(1, 9)) for key in range(10)}
    for _ in range(300):
        key = int(generator.integers(10))
        if generator.random() < 0.5:
            cache.put(key, sizes[key])
            order = [k for k in order if k != key] + [key]
            while sum(sizes[k] for k in order) > 20:
                order.pop(0)
        else:
            assert cache.get(key) == (sizes[key] if key in order else None)
            if key in order:
                order = [k for k in order if k != key] + [key]
        assert [k for k in range(10) if k in cache] == sorted(order)
        assert len(cache) == len(order)
        assert cache.used_bytes == sum(sizes[k] for k in order)


def test_the_last_is_kept_however_large():
    cache: LRUCache[int] = LRUCache(5, lambda size: size)
    cache.put("small", 1)
    cache.put("large", 100)
    assert cache.get("large") == 100
    assert "small" not in cache


def test_a_value_that_is_replaced_no_longer_counts():
    cache: LRUCache[int] = LRUCache(100, lambda size: size)
    cache.put("a", 60)
    cache.put("a", 30)
    cache.put("b", 60)
    assert cache.used_bytes == 90
    assert cache.get("a") == 30


def test_a_smaller_capacity_discards_at_once():
    cache: LRUCache[int] = LRUCache(100, lambda size: size)
    for key in range(10):
        cache.put(key, 10)
    cache.capacity = 35
    assert [key for key in range(10) if key in cache] == [7, 8, 9]
    assert cache.used_bytes == 30


def test_unwanted_values_are_discarded():
    cache: LRUCache[int] = LRUCache(100, lambda size: size)
    for key in range(10):
        cache.put(key, key)
    cache.discard(lambda key: key % 2 == 0)
    assert [key for key in range(10) if key in cache] == [1, 3, 5, 7, 9]
    assert cache.used_bytes == 25


def test_garbage_that_is_collected_meanwhile_may_discard_too():
    class Owner:
        """Is part of a circle, so that only the collector ends it."""

        def __init__(self):
            self.circle = self

    cache: LRUCache[int] = LRUCache(100, lambda size: size)
    owner = Owner()
    for key in range(4):
        cache.put(("old", key), 1)
        cache.put(("new", key), 1)
    weakref.finalize(owner, cache.discard, lambda key: key[0] == "old")
    del owner

    def collects(key):
        gc.collect()
        return key[0] == "new"

    cache.discard(collects)
    assert (len(cache), cache.used_bytes) == (0, 0)
