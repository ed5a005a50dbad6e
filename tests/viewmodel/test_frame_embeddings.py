"""The embedding of a frame comes from memory, from disk, or is computed."""

import gc

import numpy as np
from helpers.plain_layers import PlainLayer

from napari_motionseg.viewmodel.frame_embeddings import frame_embedding

PIXELS = np.random.default_rng(0).integers(0, 255, (4, 10, 12), dtype=np.uint8)


def test_a_frame_is_embedded_once_and_found_on_disk(
    session, embedding_file, monkeypatch, tmp_path
):
    monkeypatch.setenv("MOTIONSEG_CACHE", str(tmp_path / "cache"))
    layer = PlainLayer(np.random.default_rng(0).integers(0, 255, (3, 16, 18), np.uint8))
    loop = session.loop(layer)
    first = frame_embedding(session, loop, embedding_file, 1)
    assert (first.shape, first.dtype) == ((6, 16, 18), np.float16)
    assert frame_embedding(session, loop, embedding_file, 1) is first
    assert 1 in loop.palettes[embedding_file]

    session.embeddings.discard(lambda key: True)
    monkeypatch.setattr("napari_motionseg.embedding.features.embed_frame", None)
    again = frame_embedding(session, loop, embedding_file, 1, in_memory=False)
    np.testing.assert_array_equal(again, first)
    assert len(session.embeddings) == 0


def test_a_loop_that_is_gone_takes_its_embeddings_along(session, embedding_file):
    layer = PlainLayer(PIXELS)
    frame_embedding(session, session.loop(layer), embedding_file, 0)
    other = PlainLayer(PIXELS)
    frame_embedding(session, session.loop(other), embedding_file, 0)
    assert len(session.embeddings) == 2
    del layer
    gc.collect()
    assert len(session.embeddings) == 1
