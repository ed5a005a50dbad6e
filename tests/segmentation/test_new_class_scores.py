"""New classes begin with the scores that fit their labels, and no other score moves."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

from napari_motionseg.models import SegmentationNet, UNetConfig
from napari_motionseg.models.more_classes import RARE, with_classes
from napari_motionseg.segmentation.dataset import LabelledFrame
from napari_motionseg.segmentation.new_class_scores import (
    MOST_PIXELS,
    RIDGE,
    fit_new_classes,
    fitted_rows,
)

TINY = UNetConfig(width=4, depth=2, embedding_dim=8)


def slow_loss(parameters, features, scores, target, weights, numbers):
    """The weighted cross entropy plus the ridge, pixel after pixel."""
    depth = features.shape[1]
    rows = parameters.reshape(len(numbers), depth + 1)
    total = RIDGE * np.sum(rows[:, :depth] ** 2)
    for pixel, known, kind, weight in zip(
        features, scores, target, weights, strict=True
    ):
        logits = known.copy()
        for number, row in zip(numbers, rows, strict=True):
            logits[number] = row[:depth] @ pixel + row[depth]
        total += weight * (np.log(np.sum(np.exp(logits))) - logits[kind])
    return total


@pytest.mark.parametrize("numbers", [[2], [1, 3]])
def test_equals_a_general_minimizer(numbers):
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, 60)
    features = rng.normal(size=(60, 3)) + rng.normal(size=(4, 3))[target]
    scores = rng.normal(size=(60, 4))
    weights = rng.uniform(0.5, 1.5, 60)
    weights /= weights.sum()
    found = minimize(
        slow_loss,
        np.concatenate([[0, 0, 0, RARE]] * len(numbers)),
        (features, scores, target, weights, numbers),
        tol=1e-10,
    ).x.reshape(len(numbers), 4)
    rows, bias = fitted_rows(
        *(torch.from_numpy(x) for x in (features, scores, target, weights)), numbers
    )
    np.testing.assert_allclose(rows.numpy(), found[:, :3], atol=2e-4)
    np.testing.assert_allclose(bias.numpy(), found[:, 3], atol=2e-4)


def framed(labelled_rows, seed=0):
    """A frame with a dark bar and a bright bar; some rows have labels."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.zeros(1, 48, 64, dtype=torch.int16)
    classes[:, :, 10:20], classes[:, :, 40:50] = 1, 2
    gray = torch.tensor([0.5, 0.2, 0.8])
    image = gray[classes.long()][None] + 0.03 * torch.randn(
        1, 1, 48, 64, generator=generator
    )
    target = torch.full_like(classes, -1)
    target[:, labelled_rows] = classes[:, labelled_rows]
    return LabelledFrame(image, target, (target[0] > 0).nonzero()), classes[0]


class Powers(nn.Module):
    """Features of a pixel: powers of its gray value."""

    def forward(self, frame):
        return torch.cat([frame**k for k in range(1, 9)], dim=1)


@pytest.fixture
def model():
    """A network of two classes that has got a third."""
    torch.manual_seed(0)
    return with_classes(SegmentationNet(TINY, 2).eval(), 3).eval()


def test_a_new_class_is_found_beyond_its_strokes(model):
    frame, classes = framed(slice(20, 24))
    model.embedding = Powers()
    with torch.no_grad():
        model.head.weight[:2] = 0
        model.head.bias[:2] = torch.tensor([0.0, -1.0])  # background everywhere
    before = model.probabilities(frame.image)[0].argmax(dim=0)
    assert int((before == 2).sum()) == 0
    fit_new_classes(model, [frame], [2])
    found = model.probabilities(frame.image)[0].argmax(dim=0) == 2
    inner = (classes == 2)[:, 43:47]
    assert float((found[:, 43:47] & inner).sum() / inner.sum()) > 0.8
    assert float(found[classes == 0].float().mean()) < 0.1


def test_known_classes_keep_their_scores(model):
    frame, _ = framed(slice(20, 24))
    with torch.no_grad():
        before = model(frame.image)[:, :2]
    fit_new_classes(model, [frame], [2])
    with torch.no_grad():
        assert torch.equal(model(frame.image)[:, :2], before)


def test_without_new_classes_nothing_changes(model):
    frame, _ = framed(slice(20, 24))
    before = {name: t.clone() for name, t in model.state_dict().items()}
    fit_new_classes(model, [frame], [])
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def test_the_same_labels_give_the_same_scores(model):
    frame, _ = framed(slice(20, 24))
    rows = []
    for _ in range(2):
        fit_new_classes(model, [frame], [2])
        rows.append(model.head.weight.detach().clone())
    torch.testing.assert_close(rows[0], rows[1], rtol=1e-4, atol=1e-5)


def test_whole_frames_and_many_pixels_are_thinned(model, monkeypatch):
    module = "napari_motionseg.segmentation.new_class_scores"
    monkeypatch.setattr(f"{module}.MOST_PIXELS", 30)
    assert MOST_PIXELS > 30
    seen = []

    def fitted(features, scores, target, weights, numbers):
        seen.append((len(features), float(weights.sum())))
        return fitted_rows(features, scores, target, weights, numbers)

    monkeypatch.setattr(f"{module}.fitted_rows", fitted)
    frame, _ = framed(slice(None))
    fit_new_classes(model, [frame, frame], [2])
    (number, total), = seen  # fmt: skip
    assert number <= 3 * 30 * 2
    assert total == pytest.approx(1)
