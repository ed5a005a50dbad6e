"""A painted pixel has its class in every result of its frame."""

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError
from napari_motionseg.io.labels import Labels
from napari_motionseg.jobs import run
from napari_motionseg.models import SegmentationNet, UNetConfig
from napari_motionseg.segmentation import temporal_smoothing
from napari_motionseg.segmentation.obeyed_labels import obey, obeying
from napari_motionseg.segmentation.predict import segment
from napari_motionseg.segmentation.temporal_smoothing import postprocess, smooth_job

TINY = UNetConfig(width=2, depth=1, embedding_dim=3)


def slow(probability, likeliest, target):
    """Decide pixel by pixel."""
    probability, likeliest = probability.copy(), likeliest.copy()
    for place in np.ndindex(target.shape):
        if target[place] == 0:
            probability[place] = 0
        elif target[place] > 0:
            probability[place], likeliest[place] = 1, target[place]
    return probability, likeliest


def test_equals_the_decision_for_each_pixel():
    rng = np.random.default_rng(0)
    probability = rng.random((9, 7)).astype(np.float16)
    likeliest = rng.integers(1, 4, (9, 7), dtype=np.uint8)
    target = rng.integers(-1, 4, (9, 7)).astype(np.int16)
    wanted = slow(probability, likeliest, target)
    obey(probability, likeliest, target)
    np.testing.assert_array_equal(probability, wanted[0])
    np.testing.assert_array_equal(likeliest, wanted[1])
    mask = np.where(probability >= 0.5, likeliest, 0).astype(np.uint8)
    np.testing.assert_array_equal(obeying(mask, target), mask)
    np.testing.assert_array_equal(
        obeying(np.full_like(mask, 9), target), np.where(target < 0, 9, target)
    )


@pytest.fixture
def painted():
    """A loop with a stroke of each of three classes, some near the border."""
    rng = np.random.default_rng(1)
    cine = Cine.from_array(rng.integers(0, 256, (3, 32, 40), dtype=np.uint8))
    labels = np.zeros((3, 32, 40), np.uint8)
    labels[1, 0, :9], labels[1, 8:10, 4:30], labels[1, 20, 35:] = 2, 1, 3
    labels[2, 30, 2] = 2
    return cine, Labels.from_painted(labels, "scribbles")


def disobeyed(masks, labels):
    targets = labels.targets()
    return int((masks != targets)[targets >= 0].sum())


@pytest.mark.parametrize("mode", ["scribbles", "dense"])
def test_masks_obey_at_every_threshold_and_beside_small_parts(painted, mode):
    cine, labels = painted
    labels = Labels(labels.labels, labels.labelled, mode)
    torch.manual_seed(0)
    model = SegmentationNet(TINY, 4)
    free = segment(cine, model, device="cpu")
    found = segment(cine, model, device="cpu", labels=labels)
    assert disobeyed(free.masks, labels) > 10
    for threshold in (0.02, 0.5, 0.98):
        assert disobeyed(found.at_threshold(threshold).masks, labels) == 0
    assert disobeyed(postprocess(found, 200), labels) == 0
    np.testing.assert_array_equal(found.masks[0], free.masks[0])
    elsewhere = labels.targets() < 0
    np.testing.assert_array_equal(found.masks[elsewhere], free.masks[elsewhere])


def test_smoothing_along_the_flow_obeys(painted, monkeypatch):
    cine, labels = painted
    monkeypatch.setattr(temporal_smoothing, "lazy_flow", lambda *_: None)
    monkeypatch.setattr(
        temporal_smoothing, "smooth_along_flow",
        lambda probabilities, flow, t: np.full((32, 40), 0.7, np.float32),
    )  # fmt: skip
    found = segment(cine, SegmentationNet(TINY, 3), device="cpu", labels=labels)
    smooth = run(smooth_job(cine, found))
    assert disobeyed(smooth.masks, labels) == 0
    assert smooth.masks[0].all()


def test_labels_of_another_loop_are_refused(painted):
    cine, labels = painted
    other = Labels.from_painted(np.ones((2, 32, 40), np.uint8))
    with pytest.raises(LabelError, match="do not fit a loop of shape"):
        segment(cine, SegmentationNet(TINY), device="cpu", labels=other)
