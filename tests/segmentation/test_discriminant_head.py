"""The first last layer against a slow discriminant analysis, and on known classes."""

import numpy as np
import pytest
import torch

from napari_motionseg.models import SegmentationNet, UNetConfig
from napari_motionseg.segmentation.dataset import LabelledFrame
from napari_motionseg.segmentation.discriminant_head import (
    LARGEST_LOGIT,
    SHRINKAGE,
    discriminants,
    fit_new_head,
)

TINY = UNetConfig(width=4, depth=2, embedding_dim=8)


def slow_logits(features, classes):
    """Logits of all pixels by the formula, class after class."""
    kinds = range(int(classes.max()) + 1)
    depth = features.shape[1]
    within = np.zeros((depth, depth))
    for kind in kinds:
        own = features[classes == kind]
        within += (own - own.mean(axis=0)).T @ (own - own.mean(axis=0))
    within /= len(features)
    within += SHRINKAGE * np.trace(within) / depth * np.eye(depth)
    inverse = np.linalg.inv(within)
    columns = []
    for kind in kinds:
        mean = features[classes == kind].mean(axis=0)
        share = np.log(np.mean(classes == kind))
        columns.append(features @ inverse @ mean - mean @ inverse @ mean / 2 + share)
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("kinds", [2, 3])
def test_equals_the_formula(kinds):
    rng = np.random.default_rng(0)
    classes = rng.integers(0, kinds, 200)
    features = rng.normal(size=(200, 5)) + 2 * rng.normal(size=(kinds, 5))[classes]
    means = np.stack([features[classes == k].mean(axis=0) for k in range(kinds)])
    counts = np.bincount(classes)
    scatter = features.T @ features - (means * counts[:, None]).T @ means
    weights, bias = discriminants(
        *(torch.from_numpy(x).double() for x in (counts, means, scatter / 200))
    )
    found = features @ weights.numpy().T + bias.numpy()
    np.testing.assert_allclose(found, slow_logits(features, classes), atol=1e-9)


def labelled(classes=2, seed=0, scribbles=False):
    """A frame whose classes differ in gray value."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.zeros(1, 32, 40, dtype=torch.int16)
    for kind in range(1, classes):
        target[:, 8 * kind : 8 * kind + 5] = kind
    image = 0.8 - 0.25 * target[None].float()
    image = image + 0.03 * torch.randn(image.shape, generator=generator)
    if scribbles:
        hidden = torch.rand(target.shape, generator=generator) < 0.8
        target = torch.where(hidden, torch.full_like(target, -1), target)
    return LabelledFrame(image, target, (target[0] > 0).nonzero())


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("scribbles", [False, True])
def test_random_features_with_the_fitted_layer_find_the_foreground(classes, scribbles):
    torch.manual_seed(0)
    model = SegmentationNet(TINY, classes)
    frames = [labelled(classes, seed, scribbles) for seed in (0, 1)]
    embedding = {n: t.clone() for n, t in model.embedding.state_dict().items()}
    fit_new_head(model, frames)
    for name, value in model.embedding.state_dict().items():
        assert torch.equal(value, embedding[name]), name
    model.train()
    with torch.no_grad():
        logits = model(frames[0].image)
    assert float(logits.abs().max()) < 4 * LARGEST_LOGIT
    found = (logits > 0)[0, 0].long() if classes == 2 else logits[0].argmax(dim=0)
    truth = labelled(classes).target[0]
    both = ((found > 0) & (truth > 0)).sum()
    overlap = 2 * both / ((found > 0).sum() + (truth > 0).sum())
    assert float(overlap) > 0.4


def test_features_that_never_vary_leave_finite_weights():
    torch.manual_seed(0)
    model = SegmentationNet(TINY, 2)
    with torch.no_grad():
        model.embedding.last.weight.zero_()
    fit_new_head(model, [labelled()])
    assert bool(torch.isfinite(model.head.weight).all())
    assert bool(torch.isfinite(model.head.bias).all())
