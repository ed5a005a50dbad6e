"""Probabilities of an export read back as the masks that are shown."""

import numpy as np

from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.viewmodel.export_settings import fractions_of

SHAPE = (2, 5, 7)


def test_every_mask_is_read_back_from_its_probabilities():
    """Also where a threshold or a person has decided against the probabilities."""
    generator = np.random.default_rng(3)
    masks = generator.integers(0, 3, SHAPE).astype(np.uint8)
    likeliest = generator.integers(1, 3, SHAPE).astype(np.uint8)
    probabilities = generator.random(SHAPE).astype(np.float16)
    known = MaskProbabilities(probabilities, likeliest, np.ones(2, bool))
    found = fractions_of(known, masks)
    assert sorted(found) == [1, 2]
    stored = np.stack([np.round(found[k] * 255) / 255 for k in (1, 2)])
    read = np.where(stored.max(axis=0) >= 0.5, stored.argmax(axis=0) + 1, 0)
    np.testing.assert_array_equal(read, masks)


def test_where_mask_and_network_agree_the_probability_is_kept():
    masks = np.array([[[0, 1, 1]]], np.uint8)
    probabilities = np.array([[[0.2, 0.6, 1]]], np.float16)
    known = MaskProbabilities(probabilities, np.ones_like(masks), np.ones(1, bool))
    np.testing.assert_array_equal(
        fractions_of(known, masks)[1], probabilities.astype(np.float32)
    )


def test_empty_masks_have_one_class():
    known = MaskProbabilities(
        np.zeros(SHAPE, np.float16), np.ones(SHAPE, np.uint8), np.ones(2, bool)
    )
    assert list(fractions_of(known, np.zeros(SHAPE, np.uint8))) == [1]
