"""Embeddings in memory stay within a bound."""

import numpy as np
import pytest

from napari_motionseg.embedding.embedding_cache import EmbeddingCache
from napari_motionseg.errors import SettingsError


def test_the_cache_drops_what_was_used_longest_ago():
    embedding = np.ones((2, 8, 8), np.float16)
    cache = EmbeddingCache(capacity_bytes=3 * embedding.nbytes)
    for key in "abc":
        cache.put(key, embedding)
    cache.get("a")
    cache.put("d", embedding)
    assert [key in cache for key in "abcd"] == [True, False, True, True]
    assert cache.get("b") is None
    small = EmbeddingCache(capacity_bytes=1)
    small.put("x", embedding)
    assert len(small) == 1


@pytest.fixture
def embedding():
    return np.random.default_rng(0).normal(size=(8, 6, 7)).astype(np.float16)


def test_memory_is_bounded_and_the_bound_can_be_moved(embedding):
    cache = EmbeddingCache(3 * embedding.nbytes)
    for key in range(4):
        cache.put(key, embedding)
    assert [key in cache for key in range(4)] == [False, True, True, True]
    cache.use([3, 9, 1])
    cache.capacity = embedding.nbytes
    assert [key for key in range(4) if key in cache] == [1]
    assert cache.largest == embedding.nbytes
    cache.capacity = 1  # below one: the last one stays
    assert len(cache) == 1
    cache.discard(lambda key: key == 1)
    assert (len(cache), cache.largest) == (0, 0)
    with pytest.raises(SettingsError, match="memory limit must be positive; got 0"):
        cache.capacity = 0
