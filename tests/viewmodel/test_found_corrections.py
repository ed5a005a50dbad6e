"""Corrections in projects that do not store them: what differs from the network's."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.segmentation.postprocess import postprocess_mask
from napari_motionseg.viewmodel.found_corrections import find_corrections
from napari_motionseg.viewmodel.mask_corrections import UNTOUCHED

SHAPE = (3, 8, 9)
RNG = np.random.default_rng(2)


@pytest.fixture
def opened():
    """A project with a threshold of .3, whose frame 1 is corrected and 2 confirmed."""
    probabilities = RNG.random(SHAPE).astype(np.float16)
    classes = RNG.integers(1, 3, SHAPE).astype(np.uint8)
    pairs = zip(probabilities, classes, strict=True)
    shown = [postprocess_mask(p, c, 0.3, 4) for p, c in pairs]
    shown = np.stack(shown)
    shown[1, 2, 3:6] = 5
    shown[2] = 0
    known = MaskProbabilities(probabilities, classes, np.array([False, False, True]))
    settings = {"segment": {"threshold": 0.3, "smallest": 4}}
    return SimpleNamespace(
        project=SimpleNamespace(manifest=SimpleNamespace(settings=settings)),
        pixels={7: shown}, probabilities={7: known}, uncorrected={7, 9},
    )  # fmt: skip


def test_what_differs_counts_as_corrected(opened):
    find_corrections(opened)
    (t,) = opened.probabilities[7].corrections
    found = opened.probabilities[7].corrections[t]
    assert t == 1
    assert (found != UNTOUCHED).sum() == 3
    assert (found[2, 3:6] == 5).all()


def test_corrections_that_are_known_are_not_guessed(opened):
    opened.uncorrected = set()
    find_corrections(opened)
    assert opened.probabilities[7].corrections == {}


@pytest.mark.parametrize(
    "settings", [{}, {"segment": {"threshold": 0}}, {"segment": 3}]
)
def test_settings_of_any_kind_are_survived(opened, settings):
    opened.project.manifest.settings = settings
    find_corrections(opened)  # at the threshold of .5 more pixels differ
    assert (opened.probabilities[7].corrections[1][2, 3:6] == 5).all()
